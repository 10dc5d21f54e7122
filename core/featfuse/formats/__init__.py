"""Tensors in bytes: .npy, .npz, HDF5 and .safetensors, read and written a window at a time."""

from featfuse.formats.interface import Conflict, OutputTensor, Reader, Sink
from featfuse.formats.registry import FORMATS, STREAM_FORMAT, Format, find_format, output_format

__all__ = [
    "FORMATS",
    "STREAM_FORMAT",
    "Conflict",
    "Format",
    "OutputTensor",
    "Reader",
    "Sink",
    "find_format",
    "output_format",
]
