"""Files written and read without featfuse: NumPy, h5py, safetensors, and a header by hand."""

import json
import struct
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import safetensors

__all__ = ["read", "write"]

_CODES = {
    "float32": "F32",
    "float64": "F64",
    "float16": "F16",
    "bfloat16": "BF16",
    "uint8": "U8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "bool": "BOOL",
}


def dtype_of(name: str) -> np.dtype:
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def write(path: Path, values: np.ndarray, how: str) -> None:
    """`how`: "plain", or "other": Fortran order and big-endian, compressed, chunked."""
    if path.suffix == ".npy":
        np.save(
            path,
            np.asfortranarray(values.astype(values.dtype.newbyteorder(">"))) if how == "other" else values,
        )
    elif path.suffix == ".npz":
        (np.savez_compressed if how == "other" else np.savez)(path, x=values)
    elif path.suffix == ".h5":
        words = (
            {"chunks": True, "compression": "gzip", "shuffle": True} if how == "other" and values.ndim else {}
        )
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=values, **words)
    else:
        data = np.ascontiguousarray(values).tobytes()
        entry = {"dtype": _CODES[values.dtype.name], "shape": values.shape, "data_offsets": [0, len(data)]}
        head = json.dumps({"x": entry}).encode()
        path.write_bytes(struct.pack("<Q", len(head)) + head + data)


def read(path: Path) -> np.ndarray:
    """The one array of a file, whatever it is called."""
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".npz":
        with np.load(path) as file:
            (values,) = (file[name] for name in file.files)
        return values
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            (dataset,) = file.values()
            return np.asarray(dataset[()])
    ((_, entry),) = safetensors.deserialize(path.read_bytes())
    codes = {code: name for name, code in _CODES.items()}
    return np.frombuffer(entry["data"], dtype_of(codes[entry["dtype"]])).reshape(entry["shape"])
