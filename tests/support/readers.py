"""What reads outputs and is not ours: a reader for each suffix."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from safetensors.numpy import load_file

READ: dict[str, Callable[[str | Path], Any]] = {
    ".npy": np.load,
    ".npz": lambda path: np.load(path)["fused"],
    ".h5": lambda path: h5py.File(path)["fused"][...],
    ".safetensors": lambda path: load_file(path)["fused"],
}
"""By suffix: the array `fused` of an output."""

SUFFIXES = tuple(READ)
