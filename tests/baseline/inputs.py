"""The input files of the recorded commands: seeded, so that two checkouts read the same bytes.

`python inputs.py FOLDER` writes them. Nothing of featfuse is imported here.
"""

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np
from broken import write_broken

Array = np.ndarray[Any, Any]

CODES = {
    **{"bool": "BOOL", "int8": "I8", "uint8": "U8", "int16": "I16", "uint16": "U16", "int32": "I32"},
    **{"uint32": "U32", "int64": "I64", "uint64": "U64", "float16": "F16", "float32": "F32"},
    **{"float64": "F64", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"},
}
SHAPES = {
    "a": (1, 8, 16, 20),
    "b": (1, 8, 7, 9),
    "d": (1, 8, 13, 17),
    "half": (1, 8, 8, 10),
    "same": (1, 8, 16, 20),
    "two": (2, 8, 16, 20),
    "c16": (1, 16, 7, 9),
    "c4": (1, 4, 16, 20),
    "c3": (1, 3, 16, 20),
    "c1": (1, 1, 16, 20),
    "nhwc": (1, 16, 20, 8),
    "nhwc-b": (1, 7, 9, 8),
    "chw": (8, 16, 20),
    "chw-b": (8, 7, 9),
    "hwc": (16, 20, 8),
    "hwc-b": (7, 9, 8),
    "ncdhw": (1, 4, 6, 8, 10),
    "ncdhw-b": (1, 4, 3, 4, 5),
    "ndhwc": (1, 6, 8, 10, 4),
    "ndhwc-b": (1, 3, 4, 5, 4),
    "ntchw": (1, 6, 4, 8, 10),
    "ncw": (2, 4, 30),
    "ncw-b": (2, 4, 13),
    "hw": (16, 20),
    "hw-b": (7, 9),
    "w": (30,),
    "w-b": (13,),
    "square": (1, 12, 12, 5),
    "square-b": (1, 6, 6, 5),
    "cube": (5, 5, 5),
    "cube-b": (5, 5, 3),
    "tokens": (1, 63, 8),
    "tokens-cls": (1, 64, 8),
    "tokens-lc": (63, 8),
    "seven": (1, 1, 2, 3, 2, 2, 3),
    "empty": (0, 8, 16, 20),
    "flat": (1, 8, 0, 20),
    "long": (1, 2, 600, 700),
    "long-b": (1, 2, 300, 350),
    "x-maps": (1, 2, 16, 20),
    "x-maps3": (1, 3, 16, 20),
    "x-maps-b": (1, 2, 7, 9),
    "x-soft": (1, 1, 16, 20),
    "x-mask-hw": (16, 20),
    "x-mask-b": (7, 9),
    "x-mask-bad": (1, 5, 16, 20),
    "x-list": (2,),
    "x-huge": (4, 4),
}
"""Shapes of the .npy files; those named `x-` play a part (weights, masks) beside the inputs."""

KERNELS = {
    "oihw": (6, 8, 1, 1),
    "oi": (6, 8),
    "hwio": (1, 1, 8, 6),
    "square-oi": (8, 8),
    "oi16": (6, 16),
    "to4": (4, 8, 1, 1),
    "c16to8": (8, 16, 1, 1),
    "c4to8": (8, 4, 1, 1),
    "bias6": (6,),
    "bias4": (4,),
    "bias8": (8,),
    "up": (8, 6, 4, 4),
    "up-keras": (3, 3, 6, 8),
    "up-square": (8, 8, 3, 3),
    "up2": (8, 8, 2, 2),
    "up-groups": (8, 3, 3, 3),
    "up-1d": (4, 5, 4),
    "up-3d": (4, 2, 2, 2, 2),
    "up-both": (8, 8, 8, 8),
}


def numbers(name: str, shape: tuple[int, ...], dtype: Any = "float32") -> Array:
    """Random values that depend on `name` alone; small, so that sums of most integer types fit."""
    random = np.random.default_rng(list(name.encode()))
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return random.integers(0 if dtype.kind == "u" else -50, 51, shape).astype(dtype)
    if dtype.kind == "b":
        return random.random(shape) > 0.5
    values = random.random(shape) if name.startswith("x-") else random.standard_normal(shape)
    return np.asarray(values).astype(dtype)


def save_safetensors(path: Path, tensors: dict[str, Array], metadata: dict[str, str] | None = None) -> None:
    """The format in a few lines: a header of JSON, then the bytes."""
    head: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    position = 0
    for key, array in tensors.items():
        stop = position + array.nbytes
        head[key] = {"dtype": CODES[array.dtype.name], "shape": array.shape, "data_offsets": [position, stop]}
        position = stop
    text = json.dumps(head).encode()
    data = b"".join(np.ascontiguousarray(array).tobytes() for array in tensors.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_inputs(folder: Path) -> None:
    """Every file, all with one modification time, since manifests tell it."""
    os.chdir(folder)
    for name, shape in SHAPES.items():
        np.save(f"{name}.npy", numbers(name, shape))
    _write_types()
    _write_npy_kinds()
    _write_containers()
    _write_batches()
    write_broken(numbers("a", SHAPES["a"]))
    for path in sorted(folder.rglob("*")):
        if not path.is_symlink():
            os.utime(path, (1_700_000_000, 1_700_000_000))


def _write_types() -> None:
    """Two sizes of each element type, in safetensors, and those that NumPy has as .npy and HDF5, too."""
    tensors = {}
    with h5py.File("types.h5", "w") as file:
        for name in CODES:
            dtype = np.dtype(getattr(ml_dtypes, name, name))
            for size, shape in (("large", (1, 4, 10, 12)), ("small", (1, 4, 5, 6))):
                array = numbers(f"{name}-{size}", shape, dtype)
                tensors[f"{name}/{size}"] = array
                if dtype.isbuiltin == 1:  # not what ml_dtypes adds
                    np.save(f"{name}-{size}.npy", array)
                    file[f"{name}/{size}"] = array
    save_safetensors(Path("types.safetensors"), tensors)
    large = np.full((1, 4, 10, 12), 100, "int8")
    np.save("hot.npy", large)
    np.save("hot-u.npy", (large + 20).astype("uint8") + np.uint8(100))
    np.save("hot-half.npy", np.full((1, 4, 10, 12), 60000, "float16"))
    np.save("many.npy", np.full((1, 4, 10, 12), 3_000_000_000, "uint32"))
    np.save("precise.npy", numbers("precise", (1, 4, 10, 12), "float64") * 1e300)
    np.save("nan.npy", np.where(numbers("nan", (1, 4, 10, 12)) > 0, np.nan, 1).astype("float32"))
    np.save("x-bool.npy", numbers("x-bool", (16, 20), "bool"))
    np.save("x-ints.npy", numbers("x-ints", (16, 20), "uint8") % 2)
    os.truncate(
        _headed("x-heavy.npy", (40_000, 10_000)), 128 + 4 * 400_000_000
    )  # a hole: no room on the disk


def _headed(name: str, shape: tuple[int, ...]) -> str:
    """A .npy that has its header, and no data yet."""
    with open(name, "wb") as file:
        fields = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, fields)
    return name


def _write_npy_kinds() -> None:
    a = numbers("a", SHAPES["a"])
    for version in (1, 2, 3):
        with open(f"v{version}.npy", "wb") as file:
            np.lib.format.write_array(file, a, version=(version, 0))
    np.save("fortran.npy", np.asfortranarray(a))
    np.save("big-endian.npy", a.astype(">f4"))
    np.save("big-endian-half.npy", numbers("half", SHAPES["half"]).astype(">f8"))


def _write_containers() -> None:
    a, b = numbers("a", SHAPES["a"]), numbers("b", SHAPES["b"])
    np.savez("pair.npz", a=a, b=b)
    np.savez_compressed("packed.npz", a=a, b=b)
    np.savez("single.npz", only=a)
    with zipfile.ZipFile("mixed.npz", "w") as archive:
        archive.writestr("readme.txt", "no tensor")
        archive.write("a.npy", "a.npy")
    with h5py.File("groups.h5", "w") as file:
        file["feat/a"] = a
        file["feat/b"] = b
        file.create_dataset("packed/a", data=a, chunks=(1, 4, 5, 7), compression="gzip", shuffle=True)
        file.create_dataset("packed/b", data=b, chunks=(1, 8, 3, 3), compression="gzip", fletcher32=True)
        file.create_dataset("chunked/a", data=a, chunks=(1, 3, 16, 6))
        file.create_dataset("big/a", data=a, dtype=">f8")
        labelled = file.create_dataset("named/a", data=np.moveaxis(a, 1, -1))
        for axis, label in enumerate(("batch", "height", "width", "channel")):
            labelled.dims[axis].label = label
        file["named/a"].attrs["note"] = "kept by nobody"
        file.create_dataset(
            "growing/a", data=a, maxshape=(None, *a.shape[1:]), chunks=True, compression="lzf"
        )
    with h5py.File("single.h5", "w") as file:
        file["only"] = b
    save_safetensors(Path("pair.safetensors"), {"layer2": a, "layer10": b})
    save_safetensors(Path("single.safetensors"), {"only": a}, {"layout": "NCHW"})
    meta = {"layout.x": "NHWC", "layout.y": "NCHW"}
    save_safetensors(Path("named.safetensors"), {"x": np.moveaxis(a, 1, -1), "y": b}, meta)
    kernels = {key: numbers(f"k-{key}", shape) for key, shape in KERNELS.items()}
    save_safetensors(Path("k.safetensors"), kernels)
    np.save("kernel.npy", kernels["oihw"])
    np.savez("k.npz", **kernels)
    with h5py.File("k.h5", "w") as file:
        for key, array in kernels.items():
            file[key] = array


def _write_batches() -> None:
    for folder in ("left", "right", "partly", "masks", "taken", "left/deep"):
        Path(folder).mkdir(exist_ok=True)
    rows = []
    for number in range(1, 5):
        np.save(f"left/{number}.npy", numbers(f"left{number}", (1, 4, 10, 12)))
        np.save(f"right/{number}.npy", numbers(f"right{number}", (1, 4, 5, 6)))
        np.save(f"masks/{number}.npy", numbers(f"x-m{number}", (10, 12)))
        if number < 3:
            np.save(f"partly/{number}.npy", numbers(f"partly{number}", (1, 4, 5, 6)))
        rows.append((f"left/{number}.npy", f"right/{number}.npy", f"p{number}.npy"))
    np.save("partly/3.npy", numbers("partly3", (1, 3, 5, 6)))
    Path("partly/4.npy").write_text("no tensor")
    np.save("left/deep/5.npy", numbers("left5", (1, 4, 10, 12)))
    np.save("taken/1.npy", numbers("taken", (2, 2)))
    with h5py.File("many.h5", "w") as file:
        for item in ("cat", "dog", "item10", "item9"):
            file[f"{item}/l3"] = numbers(f"{item}3", (4, 10, 12))
            file[f"{item}/l4"] = numbers(f"{item}4", (4, 5, 6))
    table = "\n".join(("a,b,out", *(",".join(row) for row in rows)))
    Path("pairs.csv").write_text(table + "\n")
    items = [json.dumps({"inputs": row[:2], "out": row[2]}) for row in rows]
    Path("pairs.jsonl").write_text("\n".join(items) + "\n")
    Path("half.csv").write_text("a,b,out\nleft/1.npy,right/1.npy,1.npy\nleft/9.npy,right/1.npy,9.npy\n")
    Path("climbs.csv").write_text("a,b,out\nleft/1.npy,right/1.npy,../1.npy\n")
    Path("same-out.csv").write_text("a,b,out\nleft/1.npy,right/1.npy,1.npy\nleft/2.npy,right/2.npy,1.npy\n")


if __name__ == "__main__":
    write_inputs(Path(sys.argv[1]).resolve())
