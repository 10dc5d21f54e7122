"""A few of the recipes as a shell runs them, on files, with the layers' weights in a .safetensors."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torch = pytest.importorskip("torch")

from torch import nn
from torch.nn import functional as F

Fuse = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def fuse(tmp_path: Path) -> Fuse:
    """`fuse("a.npy b.npy -m pad")` in a folder of its own; it must succeed."""

    def call(line: str) -> "subprocess.CompletedProcess[str]":
        start = (
            f"{sys.executable} -c 'import sys; sys.argv[0] = \"fuse\"; from featfuse_cli import main; main()'"
        )
        result = subprocess.run(
            f"{start} {line}",
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        return result

    return call


@pytest.fixture
def maps(draw: Any, tmp_path: Path) -> dict[str, Any]:
    """c2, c3, c4 of a ResNet on an odd image, as .npy files and as tensors."""
    shapes = {"c2": (1, 4, 33, 27), "c3": (1, 8, 17, 14), "c4": (1, 16, 9, 7)}
    held = {name: draw.rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    for name, array in held.items():
        np.save(tmp_path / f"{name}.npy", array)
    return {name: torch.from_numpy(array) for name, array in held.items()}


def near(ours: np.ndarray, theirs: Any) -> None:
    assert ours.shape == tuple(theirs.shape)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=5e-5)


def checkpoint(folder: Path, layers: dict[str, Any]) -> None:
    """The layers' weights as `NAME.weight` and `NAME.bias`."""
    held = {
        f"{name}.{part}": np.ascontiguousarray(tensor.detach().numpy())
        for name, layer in layers.items()
        for part, tensor in layer.named_parameters()
    }
    save_file(held, folder / "model.safetensors")


def test_fpn(fuse, maps, tmp_path):
    layers = {f"lateral{index}": nn.Conv2d(c, 6, 1) for index, c in enumerate((4, 8, 16), start=1)}
    checkpoint(tmp_path, layers)
    p4 = layers["lateral3"](maps["c4"])
    p3 = layers["lateral2"](maps["c3"]) + F.interpolate(p4, size=(17, 14))
    p2 = layers["lateral1"](maps["c2"]) + F.interpolate(p3, size=(33, 27))
    options = " ".join(
        f"--project {n}=model.safetensors::lateral{n}.weight,model.safetensors::lateral{n}.bias"
        for n in (1, 2, 3)
    )
    result = fuse(
        f"c2.npy c3.npy c4.npy -m nearest --fold coarse-to-fine --layout NCHW {options} -o fpn.safetensors"
    )
    levels = load_file(tmp_path / "fpn.safetensors")
    for name, theirs in {"c2": p2, "c3": p3, "c4": p4}.items():
        near(levels[name], theirs)
        assert f"fpn.safetensors::{name}" in result.stdout


def test_unet_up_convolution_and_concat(fuse, maps, tmp_path):
    """17 x 14 comes up to 33 x 27, the odd skip, without output padding."""
    layer = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1)
    checkpoint(tmp_path, {"up": layer})
    up = layer(maps["c3"], output_size=(33, 27))
    fuse(
        "c2.npy c3.npy -m transposed-conv -c concat --layout NCHW --stride 2 --padding 1 "
        "--kernel model.safetensors::up.weight --bias model.safetensors::up.bias "
        "--kernel-layout IOHW -o cat.npy"
    )
    near(np.load(tmp_path / "cat.npy"), torch.cat([maps["c2"], up], 1))


def test_resize_concat_and_mix(fuse, maps, tmp_path):
    layer = nn.Conv2d(28, 5, 1)
    checkpoint(tmp_path, {"fuse": layer})
    up = [F.interpolate(maps[name], size=(33, 27), mode="bilinear") for name in ("c3", "c4")]
    fuse(
        "c2.npy c3.npy c4.npy -m bilinear -c concat --layout NCHW --reduce conv1x1 "
        "--kernel model.safetensors::fuse.weight --bias model.safetensors::fuse.bias -o out.h5::mixed"
    )
    fuse("out.h5::mixed -o out.npy")
    near(np.load(tmp_path / "out.npy"), layer(torch.cat([maps["c2"], *up], 1)))


def test_patchcore(fuse, maps, tmp_path):
    pool = nn.AvgPool2d(3, 1, 1)
    first, second = pool(maps["c2"]), pool(maps["c3"])
    theirs = torch.cat([first, F.interpolate(second, size=(33, 27), mode="bilinear")], 1)
    window = "-m avg-pool --pool-size 3 --pool-stride 1 --pool-padding 1 --count-include-pad --layout NCHW"
    fuse(f"c2.npy {window} -o p2.npy")
    fuse(f"c3.npy {window} -o p3.npy")
    fuse("p2.npy p3.npy -m bilinear --to first -c concat --layout NCHW -o patches.npy")
    near(np.load(tmp_path / "patches.npy"), theirs)


def test_blend(fuse, maps, tmp_path, draw):
    mask = draw.rng.random((33, 27)).astype(np.float32)
    np.save(tmp_path / "mask.npy", mask)
    other = draw.rng.standard_normal((1, 4, 17, 14)).astype(np.float32)
    np.save(tmp_path / "other.npy", other)
    up = F.interpolate(torch.from_numpy(other), size=(33, 27), mode="bilinear")
    result = fuse("c2.npy other.npy -m bilinear --layout NCHW --mask mask.npy --mask-mode blend -o out.npy")
    near(np.load(tmp_path / "out.npy"), torch.lerp(maps["c2"], up, torch.from_numpy(mask)))
    assert f"mask covers {100 * mask.mean():.1f}%" in result.stdout
