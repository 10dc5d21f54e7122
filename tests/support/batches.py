"""Small maps for batches, and what a batch leaves behind."""

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from safetensors.numpy import load_file, save_file

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
    return [
        f"{parent}/{name}"
        for parent, folders, files in os.walk(folder)  # which lets folders vanish meanwhile
        for name in (*folders, *files)
        if name.startswith(".") and name.endswith((".tmp", ".stage"))
    ]


KINDS = ["h5", "safetensors", "npz"]


def load(path):
    if path.endswith(".h5"):
        found = {}
        with h5py.File(path) as file:
            file.visititems(lambda name, it: found.update({name: it[()]}) if hasattr(it, "shape") else None)
        return found
    return dict(np.load(path)) if path.endswith(".npz") else load_file(path)


def store(path, tensors):
    if path.endswith(".h5"):
        with h5py.File(path, "w") as file:
            for name, data in tensors.items():
                file[name] = data
    elif path.endswith(".npz"):
        np.savez(path, **tensors)
    else:
        save_file(tensors, path)
