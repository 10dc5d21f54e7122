"""Reading and writing tensor files: .npy, .npz, HDF5 and .safetensors, a window at a time."""

from featfuse.formats.base import OutputTensor, Reader, Sink
from featfuse.formats.creating import check_output, create_sink
from featfuse.formats.keys import select, split_input
from featfuse.formats.opening import open_input
from featfuse.formats.registry import FORMATS, STREAM, Format, find_format

__all__ = [
    "FORMATS",
    "STREAM",
    "Format",
    "OutputTensor",
    "Reader",
    "Sink",
    "check_output",
    "create_sink",
    "find_format",
    "open_input",
    "select",
    "split_input",
]
