"""Small maps for batches, and what a batch leaves behind."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from safetensors.numpy import save_file

RECIPE: dict[str, Any] = {"method": "nearest", "layout": "CHW"}


def values(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def write(path: str, data: np.ndarray) -> Path:
    """One map as .npy, .safetensors or .h5 (the key is `feat`)."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.suffix == ".npy":
        np.save(place, data)
    elif place.suffix == ".safetensors":
        save_file({"feat": data}, place)
    else:
        with h5py.File(place, "w") as file:
            file["feat"] = data
    return place


def leftovers(folder: str | Path = ".") -> list[str]:
    """Temporary files and stages below `folder`."""
    return [str(path) for path in Path(folder).rglob(".*") if path.suffix in (".tmp", ".stage")]
