"""Learned kernels, masks, reductions, weights, tokens and folds at the shell: files, report, exit codes."""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def save(rng):
    """`save("a.npy", (1, 2, 4, 4))` writes random float32 numbers and returns them."""

    def make(name, shape):
        values = rng.normal(size=shape).astype(np.float32)
        np.save(name, values)
        return values

    return make


# --- learned upsampling ------------------------------------------------------------------------


def test_transposed_conv_from_a_checkpoint(fuse, save, rng):
    """Kernel 2, stride 2: every sample becomes a 2 x 2 patch of its own."""
    skip, x = save("skip.npy", (1, 3, 8, 10)), save("x.npy", (1, 5, 4, 5))
    weight, bias = rng.normal(size=(5, 3, 2, 2)).astype(np.float32), np.arange(3, dtype=np.float32)
    save_file({"up.weight": weight, "up.bias": bias}, "w.safetensors")
    result = fuse(
        *("skip.npy", "x.npy", "-m", "transposed-conv", "--stride", "2", "--layout", "NCHW"),
        *("--kernel", "w.safetensors::up.weight", "--bias", "w.safetensors::up.bias"),
    )
    assert result.exit_code == 0, result.stderr
    up = np.einsum("nchw,codk->nohdwk", x, weight).reshape(1, 3, 8, 10) + bias[:, None, None]
    np.testing.assert_allclose(np.load("fused.npy"), skip + up, atol=1e-5)
    assert "×2 transposed-conv" in result.stdout
    call = ("x.npy", "-m", "transposed-conv", "--kernel", "w.safetensors::up.weight", "--layout", "NCHW")
    report = json.loads(fuse(*call, "--json", "--dry-run", "--force").stdout)
    assert report["pipeline"]["kernel"] == "w.safetensors::up.weight"
    assert report["output"]["shape"] == [1, 3, 5, 6]


def test_a_missed_target(fuse, save):
    save("skip.npy", (1, 3, 8, 8))
    save("x.npy", (1, 5, 4, 4))
    save("w.npy", (5, 3, 3, 3))
    call = ("skip.npy", "x.npy", "-m", "transposed-conv", "--kernel", "w.npy", "--kernel-layout", "IOHW")
    call += ("--stride", "2", "--padding", "1", "--layout", "NCHW")
    result = fuse(*call)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "x.npy" in result.stderr
    assert "axis H" in result.stderr
    assert "gives 7" in result.stderr
    assert "target is 8" in result.stderr
    named = re.search(r"--output-padding \d+", result.stderr)
    assert named
    assert fuse(*call, *named[0].split()).exit_code == 0
    assert not Path("fused.h5").exists()


def test_an_ambiguous_kernel(fuse, save):
    save("x.npy", (1, 3, 4, 4))
    save("w.npy", (3, 2, 2, 3))
    call = ("x.npy", "-m", "transposed-conv", "--kernel", "w.npy", "--layout", "NCHW")
    result = fuse(*call)
    assert result.exit_code == 3
    for word in ("w.npy", "(3, 2, 2, 3)", "--kernel-layout IOHW", "--kernel-layout HWOI"):
        assert word in result.stderr
    assert fuse(*call, "--kernel-layout", "HWOI").exit_code == 0


# --- 1x1 convolutions --------------------------------------------------------------------------


def test_the_third_classic_case_untrained_and_again(fuse, save):
    save("a.npy", (1, 64, 64, 32))
    save("b.npy", (1, 64, 64, 16))
    call = ("a.npy", "b.npy", "-c", "concat", "--reduce", "conv1x1")
    result = fuse(*call, "--out-channels", "32", "--seed", "3", "--save-kernel", "k.safetensors")
    assert result.exit_code == 0, result.stderr
    assert "untrained" in result.stdout
    assert np.load("fused.npy").shape == (1, 64, 64, 32)
    (kernel,) = load_file("k.safetensors").values()
    assert kernel.shape == (32, 48)
    again = fuse(*call, "--kernel", "k.safetensors", "-o", "again.npy")
    assert again.exit_code == 0, again.stderr
    assert "untrained" not in again.stdout
    assert Path("again.npy").read_bytes() == Path("fused.npy").read_bytes()
    kept = fuse(*call, "--out-channels", "4", "--save-kernel", "k.safetensors", "-o", "third.npy")
    assert kept.exit_code == 1
    assert "k.safetensors" in kept.stderr
    assert not Path("third.npy").exists()


def test_a_keras_kernel_from_h5(fuse, save, rng):
    a, b = save("a.npy", (1, 6, 6, 3)), save("b.npy", (1, 6, 6, 2))
    kernel, bias = rng.normal(size=(1, 1, 5, 4)), rng.normal(size=4)
    with h5py.File("m.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"], file["layers/conv2d/vars/1"] = kernel, bias
    result = fuse(
        *("a.npy", "b.npy", "-c", "concat", "--reduce", "conv1x1", "--layout", "NHWC"),
        *("--kernel", "m.weights.h5::layers/conv2d/vars/0", "--bias", "m.weights.h5::layers/conv2d/vars/1"),
    )
    assert result.exit_code == 0, result.stderr
    expected = np.concatenate([a, b], -1) @ kernel[0, 0] + bias
    np.testing.assert_allclose(np.load("fused.npy"), expected, atol=1e-5)


def test_mismatched_kernels(fuse, save):
    save("a.npy", (1, 6, 6, 3))
    save("b.npy", (1, 6, 6, 2))
    save("w.npy", (4, 9, 1, 1))
    save("bias.npy", (7,))
    save("good.npy", (4, 5))
    call = ("a.npy", "b.npy", "-c", "concat", "--reduce", "conv1x1", "--layout", "NHWC", "--kernel")
    result = fuse(*call, "w.npy")
    assert result.exit_code == 3
    assert all(word in result.stderr for word in ("w.npy", "(4, 9, 1, 1)", "5 channels", "OIHW", "HWIO"))
    result = fuse(*call, "good.npy", "--bias", "bias.npy")
    assert result.exit_code == 3
    assert all(word in result.stderr for word in ("bias.npy", "(7,)", "4 output channels"))
    assert fuse(*call, "nowhere.npy").exit_code == 4
    result = fuse("a.npy", "b.npy", "-c", "concat", "--layout", "NHWC", "--project", "1=w.npy")
    assert result.exit_code == 3
    assert all(word in result.stderr for word in ("w.npy", "(4, 9, 1, 1)", "3 channels of a.npy"))


def test_project(fuse, save):
    a, b, w, bias = (
        save(name, shape)
        for name, shape in (
            ("a.npy", (1, 3, 4, 4)),
            ("b.npy", (1, 5, 4, 4)),
            ("w.npy", (3, 5)),
            ("t.npy", (3,)),
        )
    )
    result = fuse("a.npy", "b.npy", "--project", "2=w.npy,t.npy", "--layout", "NCHW")
    assert result.exit_code == 0, result.stderr
    expected = a + np.einsum("oc,nchw->nohw", w, b) + bias[:, None, None]
    np.testing.assert_allclose(np.load("fused.npy"), expected, atol=1e-5)
    assert "conv1x1" in result.stdout


# --- masks -------------------------------------------------------------------------------------


def test_a_mask_and_its_row_in_the_report(fuse, save):
    a, b = save("a.npy", (1, 3, 8, 8)), save("b.npy", (1, 3, 4, 4))
    mask = np.zeros((8, 8), bool)
    mask[:2] = True
    np.save("m.npy", mask)
    call = ("a.npy", "b.npy", "-m", "nearest", "--layout", "NCHW", "--mask", "m.npy", "--force")
    result = fuse(*call)
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(np.load("fused.npy"), a + mask * b.repeat(2, 2).repeat(2, 3))
    assert "mask: m.npy  8×8 (HW), multiply: b.npy" in result.stdout
    assert "mask covers 25.0%" in result.stdout
    report = json.loads(fuse(*call, "--mask-invert", "--json").stdout)
    assert report["mask"]["inverted"] is True
    assert report["mask"]["inputs"] == ["b.npy"]
    assert "mask covers 75.0%" in report["notes"]


def test_auto(fuse, save):
    a, b = save("a.npy", (1, 9, 9, 3)), save("b.npy", (1, 6, 6, 3))
    result = fuse("a.npy", "b.npy", "-m", "pad", "--pad-value", "4", "--mask", "auto")
    assert result.exit_code == 0, result.stderr
    expected = a.copy()
    expected[:, 1:7, 1:7] += b
    assert np.array_equal(np.load("fused.npy"), expected)
    assert "mask: auto" in result.stdout
    assert "mask covers 44.4%" in result.stdout
    refused = fuse("a.npy", "b.npy", "-m", "bilinear", "--mask", "auto", "-o", "x.npy")
    assert refused.exit_code == 3
    assert "no input is padded" in refused.stderr


def test_mask_refusals(fuse, save):
    save("a.npy", (1, 3, 8, 8))
    save("m.npy", (2, 8, 8))
    result = fuse("a.npy", "a.npy", "--layout", "NCHW", "--mask", "m.npy")
    assert result.exit_code == 3
    assert all(word in result.stderr for word in ("m.npy", "(2, 8, 8)", "CHW"))
    assert fuse("a.npy", "a.npy", "--mask-invert", "--layout", "NCHW").exit_code == 2
    assert fuse("a.npy", "a.npy", "--mask", "none.npy", "--layout", "NCHW").exit_code == 4
    assert not Path("fused.npy").exists()


# --- reductions, weights, tokens, folds --------------------------------------------------------


def test_gap_and_pca(fuse, save):
    a = save("a.npy", (2, 3, 8, 8))
    assert fuse("a.npy", "--reduce", "gap", "--no-keepdims", "--layout", "NCHW").exit_code == 0
    np.testing.assert_allclose(np.load("fused.npy"), a.mean((2, 3)), atol=1e-6)
    for extra in ((), ("--memory", "8K")):
        result = fuse(
            "a.npy", "--reduce", "pca", "--out-channels", "2", "--layout", "NCHW", "-o", "p.npy", "-f", *extra
        )
        assert result.exit_code == 0, result.stderr
        centred = np.moveaxis(a, 1, -1).reshape(-1, 3).astype(np.float64)
        centred -= centred.mean(0)
        values = np.linalg.eigvalsh(centred.T @ centred)
        share = 100 * values[1:].sum() / values.sum()
        assert f"pca explains {share:.1f}% of the variance" in result.stdout
        np.testing.assert_allclose(
            np.load("p.npy").astype(np.float64).var((0, 2, 3)) * len(centred), values[:0:-1], rtol=1e-4
        )


def test_weights(fuse, save):
    a, b = save("a.npy", (1, 3, 8, 8)), save("b.npy", (1, 3, 4, 4))
    np.save("w.npy", np.array([0.5, 1.5]))
    up = b.repeat(2, 2).repeat(2, 3)
    for weights in ("0.5,1.5", "w.npy"):
        result = fuse(
            *("a.npy", "b.npy", "-m", "nearest", "-c", "fast-normalized", "--weights", weights),
            *("--layout", "NCHW", "--force"),
        )
        assert result.exit_code == 0, result.stderr
        np.testing.assert_allclose(np.load("fused.npy"), (0.5 * a + 1.5 * up) / 2.0001, atol=1e-5)
    maps = save("maps.npy", (1, 2, 8, 8))
    result = fuse(
        *("a.npy", "b.npy", "-m", "nearest", "-c", "softmax", "--weights", "maps.npy"),
        *("--layout", "NCHW", "--force"),
    )
    assert result.exit_code == 0, result.stderr
    share = np.exp(maps) / np.exp(maps).sum(1, keepdims=True)
    np.testing.assert_allclose(np.load("fused.npy"), share[:, :1] * a + share[:, 1:] * up, atol=1e-5)


def test_wrong_weights(fuse, save):
    save("a.npy", (1, 3, 8, 6))
    save("maps.npy", (1, 4, 8, 6))
    result = fuse("a.npy", "a.npy", "--weights", "1,2,3", "--layout", "NCHW")
    assert result.exit_code == 2
    assert "3 weights for 2 inputs" in result.stderr
    result = fuse("a.npy", "a.npy", "-c", "softmax", "--weights", "maps.npy", "--layout", "NCHW")
    assert result.exit_code == 3
    assert all(word in result.stderr for word in ("maps.npy", "4 channels for 2 inputs", "NCHW"))


def test_tokens(fuse, save):
    tokens = save("t.npy", (1, 1 + 4 * 6, 5))
    result = fuse("t.npy", "--grid", "4x6", "--skip-tokens", "1")
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(np.load("fused.npy"), tokens[:, 1:].reshape(1, 4, 6, 5))
    wrong = fuse("t.npy", "--grid", "5x6", "--skip-tokens", "1", "-f")
    assert wrong.exit_code == 3
    assert all(word in wrong.stderr for word in ("t.npy", "30 tokens", "has 25", "24 after", "4x6"))


def test_fold(fuse, save):
    for name, size in (("c2", 9), ("c3", 5), ("c4", 3)):
        save(f"{name}.npy", (1, 2, size, size))
    call = ("c2.npy", "c3.npy", "c4.npy", "-m", "nearest", "--fold", "coarse-to-fine", "--layout", "NCHW")
    result = fuse(*call, "-o", "fpn.safetensors")
    assert result.exit_code == 0, result.stderr
    levels = load_file("fpn.safetensors")
    assert {key: level.shape[2] for key, level in levels.items()} == {"c2": 9, "c3": 5, "c4": 3}
    for key in levels:
        assert f"fpn.safetensors::{key}" in result.stdout
    assert fuse(*call).exit_code == 0
    assert np.array_equal(np.load("fused.npy"), levels["c2"])
    refused = fuse(*call, "--to", "9x9", "-f")
    assert refused.exit_code == 2
    assert "--fold" in refused.stderr


def test_inspect_knows_them(fuse, save):
    save("a.npy", (1, 3, 8, 8))
    save("b.npy", (1, 5, 4, 4))
    save("w.npy", (4, 8))
    save("up.npy", (5, 3, 2, 2))
    plans = {
        ("-m", "nearest", "-c", "concat", "--reduce", "conv1x1", "--kernel", "w.npy"): [1, 4, 8, 8],
        ("-m", "transposed-conv", "--kernel", "up.npy", "--stride", "2"): [1, 3, 8, 8],
        ("-m", "nearest", "-c", "concat", "--reduce", "pca", "--out-channels", "2"): [1, 2, 8, 8],
        ("-m", "nearest", "-c", "concat", "--reduce", "gap", "--no-keepdims"): [1, 8],
        ("-m", "nearest", "-c", "concat", "--normalize", "l2"): [1, 8, 8, 8],
    }
    for options, shape in plans.items():
        result = fuse("inspect", "a.npy", "b.npy", "--layout", "NCHW", "--json", *options)
        assert result.exit_code == 0, (options, result.stderr)
        assert json.loads(result.stdout)["output"]["shape"] == shape, options


@pytest.mark.parametrize(
    "options",
    [
        ("--kernel", "w.npy"),
        ("--bias", "w.npy"),
        ("--stride", "2"),
        ("--groups", "2"),
        ("--out-channels", "2"),
        ("--seed", "1"),
        ("--keepdims",),
        ("--skip-tokens", "1"),
        ("--mask-mode", "blend"),
        ("--save-kernel", "k.npy"),
        ("-c", "max", "--weights", "1,2"),
        ("--reduce", "conv1x1"),
        ("--reduce", "mean"),
        ("--reduce", "pca"),
        ("-m", "transposed-conv", "--to", "8x8", "--stride", "2"),
        ("-m", "transposed-conv", "--kernel", "w.npy", "--padding", "same", "--output-padding", "1"),
    ],
    ids=" ".join,
)
def test_an_option_that_nothing_uses_is_refused(fuse, save, options):
    save("a.npy", (1, 3, 4, 4))
    save("w.npy", (3, 2, 2, 2))
    result = fuse("a.npy", "a.npy", "--layout", "NCHW", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert not Path("fused.npy").exists()


@pytest.mark.parametrize("kind", ["nan", "empty"])
def test_pca_of_what_has_no_directions(shell, kind):
    values = np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype(np.float32)
    values[0, 0, 0, 0] = np.nan
    np.save("a.npy", values if kind == "nan" else values[:0])
    result = shell("fuse a.npy --reduce pca --out-channels 2 --layout NCHW")
    assert result.returncode == (1 if kind == "nan" else 3)
    assert result.stderr.startswith(b"error: --reduce pca")
    assert not Path("fused.npy").exists()
