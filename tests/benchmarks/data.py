"""Makes the input files of a workload, in a process of its own: `python data.py FOLDER < files.json`.

files.json: name -> {"shape": [...], "dtype": "float32", "sparse": false, "many": 0}. The suffix says the
format: .npy, .safetensors (one tensor, `fused`), .h5 (gzip, one dataset, `fused`), .mif (MRtrix3).
`many` makes a folder of that many .npy files. `sparse` is a header and a hole: no bytes on the disk.
Files of one stem (large.npy, large.mif) hold the same values.
"""

import json
import sys
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

KEY = "fused"


def make(path: Path, spec: dict[str, Any]) -> None:
    generator = np.random.default_rng(zlib.crc32(path.stem.encode()))
    shape, dtype = tuple(spec["shape"]), spec.get("dtype", "float32")
    if spec.get("many"):
        path.mkdir()
        for number in range(spec["many"]):
            np.save(path / f"{number:05}.npy", generator.standard_normal(shape, dtype=np.float32))
    elif spec.get("sparse"):
        _sparse(path, shape)
    elif path.suffix == ".h5":
        _gzipped(path, generator.standard_normal(shape, dtype=np.float32))
    else:
        values = generator.standard_normal(shape, dtype=np.float32)
        {".npy": _npy, ".safetensors": _safetensors, ".mif": _mif}[path.suffix](path, values, dtype)


def _npy(path: Path, values: np.ndarray, dtype: str) -> None:
    np.save(path, values.astype(dtype, copy=False))


def _safetensors(path: Path, values: np.ndarray, dtype: str) -> None:
    import ml_dtypes  # noqa: F401  (teaches NumPy the name bfloat16)
    from safetensors.numpy import save_file

    save_file({KEY: values.astype(dtype)}, path)


def _gzipped(path: Path, values: np.ndarray) -> None:
    """As a network leaves them: about half zeros, few digits, so that gzip has something to do."""
    import h5py

    with h5py.File(path, "w") as file:
        relu = np.round(np.maximum(values, 0) * 64) / 64
        file.create_dataset(
            KEY, data=relu, chunks=(1, min(16, values.shape[1]), *values.shape[2:]), compression="gzip"
        )


def _mif(path: Path, values: np.ndarray, dtype: str) -> None:
    """NCHW as x = W, y = H, z = C, volumes = N; voxels so wide that all maps cover the same field."""
    sizes = values.shape[::-1]
    width = 128 / sizes[0]
    first = (width - 1) / 2
    header = (
        f"mrtrix image\ndim: {','.join(map(str, sizes))}\nvox: {width},{width},1,1\nlayout: +0,+1,+2,+3\n"
        f"datatype: Float32LE\ntransform: 1,0,0,{first}\ntransform: 0,1,0,{first}\ntransform: 0,0,1,0\n"
        "file: . 4096\nEND\n"
    )
    with path.open("wb") as file:
        file.write(header.encode().ljust(4096, b"\0"))
        values.astype("<f4", copy=False).tofile(file)


def _sparse(path: Path, shape: tuple[int, ...]) -> None:
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * prod(shape))


def main() -> None:
    folder = Path(sys.argv[1])
    for copies in ("copies", "flushed"):
        (folder / copies).mkdir()
    for name, spec in json.load(sys.stdin).items():
        make(folder / name, spec)


if __name__ == "__main__":
    main()
