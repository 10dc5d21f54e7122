"""Arrays of other libraries: seen as NumPy arrays, and made again from one. Both by DLPack, without a copy.

No library is imported here: whoever hands over a tensor has imported its own.
"""

import sys
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from featfuse.errors import InputError, RunError
from featfuse.model.dtypes import DTYPES
from featfuse.model.tensor import Array
from featfuse.wording import phrase

__all__ = ["ForeignArray", "as_numpy", "is_foreign", "made_like", "unsupported"]


class ForeignArray(Protocol):
    """An array of another library that speaks DLPack, like a torch.Tensor."""

    @property
    def __dlpack__(self) -> Any: ...
    @property
    def __dlpack_device__(self) -> Any: ...


_BITS = {"bfloat16": "int16", "float8_e4m3fn": "uint8", "float8_e5m2": "uint8"}
"""Element types that NumPy's DLPack does not know, and what carries their bits."""

_NO_NUMBERS = {"string", "resource", "variant"}
"""TensorFlow's types whose DLPack ends the process."""

_ON_HOST = {1, 3, 11, 13}
"""DLPack's kinds of devices whose memory the CPU reads: its own; pinned for CUDA, ROCm; managed by CUDA."""

_FAULTS = (BufferError, RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError)
"""What libraries raise over a tensor that they cannot hand over."""


def is_foreign(value: object) -> bool:
    """Whether `value` is an array, and not NumPy's."""
    return hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray)


def as_numpy(value: object, name: str) -> Array:
    """`value` as a NumPy array that shares its memory where it can; it must not be written to.

    InputError for one that needs a gradient, is on another device, is masked, or is no array at all.
    """
    if isinstance(value, np.ma.MaskedArray) and value.mask.any():
        raise InputError(
            f"{name} is a masked array, and its mask would be lost: {np.count_nonzero(value.mask)} of "
            f"{value.size} values are masked",
            hint="Give it as x.filled(0), or whatever shall stand in their places.",
        )
    try:
        if not is_foreign(value):
            array = np.asarray(value)
            if array.dtype.kind in "OSU" and not hasattr(value, "__array__"):
                raise InputError(
                    f"{name} ({type(value).__name__}) is neither an array nor a path",
                    hint="Give an array, or a path as str or Path.",
                )
            return array
        _check_gradient(value, name)
        _check_device(value, name)
        dtype = getattr(value, "dtype", "")
        word = getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]
        if word in _NO_NUMBERS:
            raise unsupported(name, word)
        if word not in _BITS:
            return np.from_dlpack(value)  # type: ignore[arg-type]
        if not hasattr(value, "view"):
            return np.asarray(value)  # TensorFlow, which knows ml-dtypes
        library = _library(value)
        bits = value.view(getattr(library, _BITS[word]))
        return np.from_dlpack(bits).view(DTYPES[word])
    except _FAULTS as error:
        raise InputError(f"{name} cannot be read as an array: {error}") from error


def unsupported(name: str, dtype: object) -> InputError:
    """The error for an array whose elements are none of DTYPES."""
    return InputError(f"{name}: dtype {dtype} is not supported", hint=f"One of: {', '.join(DTYPES)}.")


def _check_gradient(value: object, name: str) -> None:
    if getattr(value, "requires_grad", False) is True:
        raise InputError(
            f"{name} requires a gradient, and none comes through a fusion", hint="Give it as x.detach()."
        )


def _check_device(value: Any, name: str) -> None:
    kind, _number = value.__dlpack_device__()
    if int(kind) in _ON_HOST:
        return
    ways = {"cpu": "Give it as x.cpu().", "get": "Give it as x.get()."}
    raise InputError(
        f"{name} is on the device {getattr(value, 'device', kind)}, and fusions are computed on the CPU",
        hint=next((way for call, way in ways.items() if hasattr(value, call)), "Copy it to the CPU."),
    )


def made_like(result: Array, value: object) -> Any:
    """`result`, which is nobody else's, as an array of the library that made `value`.

    It stays as it is where that is NumPy, or a library that takes no DLPack. RunError when the library has
    no such element type.
    """
    library = _library(value) if is_foreign(value) else None
    if library is None:
        return result
    name = result.dtype.name
    try:
        if not hasattr(library, "from_dlpack"):
            return library.convert_to_tensor(result)
        if name not in _BITS:
            return library.from_dlpack(result)
        return library.from_dlpack(result.view(_BITS[name])).view(getattr(library, name))
    except _FAULTS as error:
        raise RunError(
            f"{library.__name__} takes no array of {name}: {error}",
            hint=phrase("Choose another {dtype}, or name a file with {out}."),
        ) from error


def _library(value: object) -> ModuleType | None:
    """The module that makes arrays like `value`: by `from_dlpack`, or TensorFlow's `convert_to_tensor`."""
    namespace = getattr(value, "__array_namespace__", None)
    homes = [] if namespace is None else [namespace()]
    homes += [sys.modules.get(kind.__module__.partition(".")[0]) for kind in type(value).__mro__]
    ways = ("from_dlpack", "convert_to_tensor")
    return next((home for home in homes if any(hasattr(home, way) for way in ways)), None)
