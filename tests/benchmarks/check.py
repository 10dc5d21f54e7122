"""Whether the first output equals the others: `python check.py TOLERANCE OUTPUT OUTPUT...`.

Prints one line for each that does not. The tolerance is a share of the largest value. Each format is read
by its own library, none by featfuse.
"""

import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
from data import KEY


def load(path: Path) -> np.ndarray:
    if path.is_dir():
        return np.stack([np.load(one) for one in sorted(path.glob("*.npy"))])
    if path.suffix == ".safetensors":
        import ml_dtypes  # noqa: F401
        from safetensors.numpy import load_file

        (tensor,) = load_file(path).values()
        return np.asarray(tensor)
    if path.suffix == ".h5":
        import h5py

        with h5py.File(path) as file:
            return np.asarray(file[KEY])
    if path.suffix == ".mif":
        return _mif(path)
    return np.asarray(np.load(path, mmap_mode="r"))


def _mif(path: Path) -> np.ndarray:
    """A four-dimensional MRtrix3 image with its axes stored in order, as NCHW."""
    with path.open("rb") as file:
        fields = dict(line.split(": ", 1) for line in _header(file))
    if fields["layout"].replace(" ", "") != "+0,+1,+2,+3" or fields["datatype"] != "Float32LE":
        raise ValueError(f"{path}: {fields['layout']} {fields['datatype']}")
    shape = tuple(int(size) for size in fields["dim"].split(","))[::-1]
    return np.memmap(path, "<f4", "r", int(fields["file"].split()[1]), shape)


def _header(file: BinaryIO) -> list[str]:
    lines: list[str] = []
    for raw in file:
        line = raw.decode().strip()
        if line == "END":
            return lines
        if ": " in line:
            lines.append(line)
    raise ValueError("no END in the header")


def difference(ours: np.ndarray, other: np.ndarray) -> float:
    """The largest difference as a share of the largest value; infinite when the shapes or types differ."""
    if ours.shape != other.shape or ours.dtype != other.dtype:
        return np.inf
    worst = largest = 0.0
    for mine, its in zip(ours, other, strict=True):
        wide = its.astype(np.float32)
        apart = np.abs(mine.astype(np.float32) - wide)
        worst = max(worst, float(np.nan_to_num(apart, nan=np.inf).max()))
        largest = max(largest, float(np.abs(wide).max()))
    return worst / max(largest, 1.0)


def main() -> None:
    tolerance, first, *others = sys.argv[1:]
    ours = load(Path(first))
    for name in others:
        apart = difference(ours, load(Path(name)))
        if not apart <= float(tolerance):
            print(f"{name}: differs by {apart:.1e} of the largest value")


if __name__ == "__main__":
    main()
