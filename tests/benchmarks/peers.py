"""The same work as people do it elsewhere: a few lines of torch, TensorFlow, SciPy, h5py, MRtrix3.

Each script reads large.* and small.* in the working folder, as the plainest code would, and writes one file
named after the peer. A peer that is not installed is left out.
"""

import importlib.util
import shutil
import subprocess
from collections.abc import Collection

from measure import Command, environment
from workload import python

__all__ = ["H5PY", "PEERS", "Peers", "copy_flushed", "copy_inputs"]

PEERS = ("torch", "tensorflow", "scipy", "mrtrix")

_TORCH = """
import time, numpy as np, torch{imports}
started = time.perf_counter()
F = torch.nn.functional
{load}
out = {expression}
{save}
print(time.perf_counter() - started)
"""

_TORCH_NPY = {
    "imports": "",
    "load": "a, b = (torch.from_numpy(np.load(name)) for name in ('large.npy', 'small.npy'))",
    "save": "np.save('torch.npy', out.numpy())",
}

_TORCH_SAFETENSORS = {
    "imports": ", safetensors.torch",
    "load": "a, b = (safetensors.torch.load_file(n + '.safetensors')['fused'] for n in ('large', 'small'))",
    "save": "safetensors.torch.save_file({'fused': out.contiguous()}, 'torch.safetensors')",
}

_TORCH_NHWC = {
    "imports": "",
    "load": "a, b = (torch.from_numpy(np.load(n)).permute(0, 3, 1, 2) for n in ('large.npy', 'small.npy'))",
    "save": "np.save('torch.npy', out.permute(0, 2, 3, 1).numpy())",
}

_TORCH_PAIRS = """
import os, numpy as np, torch
os.makedirs("torch")
for name in sorted(os.listdir("large")):
    a, b = (torch.from_numpy(np.load(f"{folder}/{name}"))[None] for folder in ("large", "small"))
    out = a + torch.nn.functional.interpolate(b, a.shape[2:], mode="bilinear", align_corners=False)
    np.save(f"torch/{name}", out[0].numpy())
"""

_TENSORFLOW = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, tensorflow as tf
a, b = (tf.convert_to_tensor(np.load(name)) for name in ("large.npy", "small.npy"))
np.save("tensorflow.npy", ({expression}).numpy())
"""

_TENSORFLOW_RESIZE = {
    "NHWC": "a + tf.image.resize(b, a.shape[1:3])",
    "NCHW": "a + tf.transpose(tf.image.resize(tf.transpose(b, (0, 2, 3, 1)), a.shape[2:]), (0, 3, 1, 2))",
}

_SCIPY = """
import numpy as np
from scipy.ndimage import zoom
a, b = np.load("large.npy"), np.load("small.npy")
factors = [out / size for out, size in zip(a.shape, b.shape)]
np.save("scipy.npy", a + zoom(b, factors, order=1, grid_mode=True, mode="nearest"))
"""

# reads and writes chunk by chunk; the output is not compressed, as featfuse's is not
H5PY = """
import h5py
with h5py.File("large.h5") as x, h5py.File("small.h5") as y:
    a, b = x["fused"], y["fused"]
    with h5py.File("h5py.h5", "w") as file:
        out = file.create_dataset("fused", a.shape, a.dtype, chunks=a.chunks)
        for window in a.iter_chunks():
            out[window] = a[window] + b[window]
"""

_MRTRIX = (
    "mrgrid small.mif regrid -size {size} -interp linear -quiet - "
    "| mrcalc - large.mif -add mrtrix3.mif -quiet"
)


_TENSORFLOW_VERSION = """
from importlib.metadata import distributions
names = ("tensorflow", "tensorflow-cpu", "tensorflow_cpu")
print(*[one.version for one in distributions() if one.metadata["Name"] in names][:1])
"""


class Peers:
    """What is installed, and its commands by the label they have in the table."""

    def __init__(self, python_tf: str | None, without: Collection[str] = ()) -> None:
        python_tf = None if "tensorflow" in without else python_tf
        self._torch = "torch" not in without and importlib.util.find_spec("torch") is not None
        self._scipy = "scipy" not in without and importlib.util.find_spec("scipy") is not None
        self._mrtrix = "mrtrix" not in without and bool(shutil.which("mrgrid") and shutil.which("mrcalc"))
        self._tensorflow = python_tf
        self.tensorflow_version = _tensorflow_version(python_tf) if python_tf else None
        self.mrtrix_version = _mrtrix_version() if self._mrtrix else None

    def torch(self, expression: str, source: str = "npy") -> dict[str, Command]:
        """torch on NCHW maps a and b; `source`: npy, safetensors, or nhwc."""
        if not self._torch:
            return {}
        parts = {"npy": _TORCH_NPY, "safetensors": _TORCH_SAFETENSORS, "nhwc": _TORCH_NHWC}[source]
        output = "torch.safetensors" if source == "safetensors" else "torch.npy"
        return {
            "torch": Command(
                python(_TORCH.format(expression=expression, **parts)), (output,), tells_work=True
            ),
        }

    def torch_pairs(self) -> dict[str, Command]:
        return {"torch": Command(python(_TORCH_PAIRS), ("torch",))} if self._torch else {}

    def tensorflow_bilinear(self, layout: str) -> dict[str, Command]:
        if not self.tensorflow_version or not self._tensorflow:
            return {}
        code = _TENSORFLOW.format(expression=_TENSORFLOW_RESIZE[layout])
        return {"TensorFlow": Command(python(code, self._tensorflow), ("tensorflow.npy",))}

    def scipy_bilinear(self) -> dict[str, Command]:
        return {"SciPy zoom": Command(python(_SCIPY), ("scipy.npy",))} if self._scipy else {}

    def mrtrix_bilinear(self, size: str) -> dict[str, Command]:
        """mrgrid to `size` (W,H,C), piped into mrcalc; on .mif files, NCHW."""
        if not self._mrtrix:
            return {}
        return {"MRtrix3": Command(("sh", "-c", _MRTRIX.format(size=size)), ("mrtrix3.mif",))}


def copy_inputs(*names: str) -> Command:
    """`cp` of files to new files."""
    return Command(("cp", *names, "copies"), tuple(f"copies/{name}" for name in names), compared=False)


def copy_flushed(*names: str) -> Command:
    """`cp`, then the copies flushed to the disk as featfuse flushes what it writes."""
    copies = " ".join(f"flushed/{name}" for name in names)
    script = f"cp {' '.join(names)} flushed && sync {copies}"
    return Command(("sh", "-c", script), tuple(copies.split()), compared=False)


def _tensorflow_version(interpreter: str) -> str | None:
    """By its metadata: importing it takes seconds."""
    done = subprocess.run(
        [interpreter, "-c", _TENSORFLOW_VERSION],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    return done.stdout.strip() or None


def _mrtrix_version() -> str:
    done = subprocess.run(["mrgrid", "--version"], check=False, capture_output=True, text=True)
    return done.stdout.partition("\n")[0].strip("= ").removeprefix("mrgrid ")
