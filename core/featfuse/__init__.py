"""Fuse feature maps whose shapes do not match.

    out = featfuse.fuse(a, b, method="bilinear", layout="NCHW")       # arrays or paths in, array out
    featfuse.fuse("a.npy", "b.h5::feat/l3", method="bilinear", out="f.safetensors")
    report = featfuse.inspect((1, 64, 64, 32), "b.npy")               # shapes, arrays or paths
    y = featfuse.resize(x, (128, 128), method="bicubic", layout="NCHW", convention="tf")

The names below load their modules when first used, so that importing featfuse costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featfuse.batches.result import BatchResult
    from featfuse.errors import FeatfuseError, FeatfuseWarning, InputError, RunError, ShapeError, UsageError
    from featfuse.formats import FORMATS
    from featfuse.methods import METHODS
    from featfuse.methods.conventions import CONVENTIONS
    from featfuse.report.shape_report import ShapeReport
    from featfuse.request.combining import CHANNEL_MODES, COMBINES, REDUCES
    from featfuse.verbs import batch, fuse, inspect, resize
    from featfuse.version import __version__

__all__ = [
    "CHANNEL_MODES",
    "COMBINES",
    "CONVENTIONS",
    "FORMATS",
    "METHODS",
    "REDUCES",
    "BatchResult",
    "FeatfuseError",
    "FeatfuseWarning",
    "InputError",
    "RunError",
    "ShapeError",
    "ShapeReport",
    "UsageError",
    "__version__",
    "batch",
    "fuse",
    "inspect",
    "resize",
]

_HOMES = {
    "batches.result": ("BatchResult",),
    "request.combining": ("CHANNEL_MODES", "COMBINES", "REDUCES"),
    "errors": ("FeatfuseError", "FeatfuseWarning", "InputError", "RunError", "ShapeError", "UsageError"),
    "formats": ("FORMATS",),
    "methods": ("METHODS",),
    "methods.conventions": ("CONVENTIONS",),
    "report.shape_report": ("ShapeReport",),
    "verbs": ("batch", "fuse", "inspect", "resize"),
    "version": ("__version__",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"featfuse.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
