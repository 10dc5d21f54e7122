"""Every step: the same in little memory and for any number of threads, and within the budget."""

import tracemalloc
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest

RNG = np.random.default_rng(7)
A = RNG.normal(size=(2, 6, 21, 19)).astype(np.float32)
B = RNG.normal(size=(2, 6, 11, 10)).astype(np.float32)
C = RNG.normal(size=(2, 4, 21, 19)).astype(np.float32)
TOKENS = RNG.normal(size=(2, 1 + 21 * 19, 6)).astype(np.float32)
SOFT = RNG.random((21, 19)).astype(np.float32)
UP = RNG.normal(size=(6, 6, 4, 3)).astype(np.float32)
GROUPED = RNG.normal(size=(6, 2, 3, 3)).astype(np.float32)
DEEP, WIDE = np.random.default_rng(8).normal(size=(2, 54, 7, 6)).astype(np.float32), A[..., :18]
SHUFFLED = {"method": "pixel-shuffle", "to": "21x18"}
MIX = RNG.normal(size=(5, 10)).astype(np.float32)

MULTIPLIED = {
    "transposed-conv": (
        (B,),
        {"method": "transposed-conv", "kernel": UP, "kernel_layout": "IOHW", "stride": 2},
    ),
    "transposed-groups": (
        (B,),
        {
            "method": "transposed-conv",
            "kernel": GROUPED,
            "kernel_layout": "IOHW",
            "groups": 3,
            "stride": 3,
            "dilation": 2,
            "bias": np.ones(6),
        },
    ),
    "transposed-same": (
        (B,),
        {"method": "transposed-conv", "kernel": UP, "kernel_layout": "IOHW", "stride": 2, "padding": "same"},
    ),
    "conv1x1": ((A, C), {"combine": "concat", "reduce": "conv1x1", "kernel": MIX, "bias": np.ones(5)}),
    "untrained": ((A, C), {"combine": "concat", "reduce": "conv1x1", "out_channels": 4}),
    "pca": ((A, C), {"combine": "concat", "reduce": "pca", "out_channels": 3}),
    "gap": ((A, B), {"method": "bilinear", "combine": "concat", "reduce": "gap"}),
    "gap-alone": ((A,), {"reduce": "gap", "keepdims": False}),
}
MOVED = {
    "pixel-shuffle": ((WIDE, DEEP), {"method": "pixel-shuffle"}),
    "pixel-shuffle-last": ((DEEP.transpose(0, 2, 3, 1).copy(),), {**SHUFFLED, "layout": "NHWC"}),
    "pixel-shuffle-dcr": ((DEEP,), {**SHUFFLED, "convention": "tf"}),
    "pixel-unshuffle": ((WIDE, DEEP), {"method": "pixel-unshuffle"}),
    "pixel-unshuffle-dcr": ((WIDE,), {"method": "pixel-unshuffle", "to": "7x6", "convention": "onnx"}),
    "lp-pool": ((A, B), {"method": "lp-pool", "p": 4}),
    "lp-pool-windows": (
        (A,),
        {"method": "lp-pool", "pool_size": 3, "pool_stride": 2, "ceil_mode": True, "pool_dilation": 2},
    ),
    "max-pool-same": (
        (A,),
        {"method": "max-pool", "pool_size": 4, "pool_stride": 3, "pool_padding": "same"},
    ),
    "fixed-bilinear": ((B,), {"method": "transposed-conv", "to": "33x30"}),
    "mask": ((A, B), {"method": "bilinear", "mask": SOFT}),
    "mask-auto": ((A, B), {"method": "pad", "mask": "auto", "pad_value": 3.0}),
    "mask-blend": ((A, B), {"method": "bilinear", "mask": SOFT, "mask_mode": "blend"}),
    "mask-nearest": ((A, B), {"method": "bilinear", "mask": SOFT[::2, ::3], "mask_invert": True}),
    "numbers": ((A, B), {"method": "bilinear", "combine": "fast-normalized", "weights": [1.0, 0.3]}),
    "maps": (
        (A, B),
        {
            "method": "bilinear",
            "combine": "softmax",
            "weights": RNG.random((2, 2, 21, 19)).astype(np.float32),
        },
    ),
    "l2": ((A, B), {"method": "bilinear", "combine": "concat", "normalize": "l2"}),
    "l2-last": ((A.transpose(0, 2, 3, 1).copy(),), {"normalize": "l2", "layout": "NHWC"}),
    "tokens": ((A, TOKENS), {"grid": "21x19", "skip_tokens": 1, "layout": "NCHW,NLC"}),
    "grouped": ((A, B), {"method": "bilinear", "combine": "concat", "reduce": "max"}),
    "fold": ((A, B, B[:, :, ::2, ::2]), {"method": "bilinear", "fold": "coarse-to-fine"}),
}
CASES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = MULTIPLIED | MOVED


def run(name: str, **limits: Any) -> Any:
    inputs, options = CASES[name]
    return featfuse.fuse(*inputs, **({"layout": "NCHW"} | options), **limits)


@pytest.mark.parametrize("name", CASES)
def test_little_memory(name):
    whole = run(name, memory="1G", threads=1)
    smallest = 16 << 10
    for memory in (smallest, 300 << 10):
        part = run(name, memory=memory, threads=1)
        np.testing.assert_allclose(part, whole, rtol=0, atol=1e-6 * max(1, np.abs(whole).max()))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("memory", "counts"), [("64K", (2, 3, 4)), ("1G", (4,))])
def test_any_number_of_threads(name, memory, counts):
    one = run(name, memory=memory, threads=1).tobytes()
    for threads in counts:
        assert run(name, memory=memory, threads=threads).tobytes() == one, threads


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_half_precision_is_one_rounding_away_from_float32(name, dtype):
    """Half-precision inputs are computed in float32: only the result is rounded.

    Steps that concatenate first hold the joined tensor in the inputs' type, so they are fed what that
    type holds exactly, and grown by `nearest`.
    """
    inputs, options = CASES[name]
    options = {"layout": "NCHW"} | options
    joins = options.get("combine") == "concat"
    if joins and options.get("method") == "bilinear":
        options["method"] = "nearest"
    halves = [featfuse.fuse(x, dtype=dtype) for x in inputs]
    wide = [x.astype(np.float32) for x in halves]
    expected = featfuse.fuse(*wide, **options)
    out = featfuse.fuse(*halves, **options, dtype="float32")
    if joins and "normalize" in options:
        expected = expected.astype(halves[0].dtype).astype(np.float32)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)
    assert featfuse.fuse(*halves, **options).dtype == halves[0].dtype


BIG = {
    "transposed-conv": {
        "inputs": ("b",),
        "options": {
            "method": "transposed-conv",
            "kernel": np.ones((8, 8, 2, 2), np.float32),
            "kernel_layout": "IOHW",
            "stride": 2,
        },
    },
    "conv1x1": {
        "inputs": ("a", "a"),
        "options": {"combine": "concat", "reduce": "conv1x1", "out_channels": 8},
    },
    "pca": {"inputs": ("a",), "options": {"reduce": "pca", "out_channels": 3}},
    "gap": {"inputs": ("a",), "options": {"reduce": "gap"}},
    "mask": {"inputs": ("a", "b"), "options": {"method": "bilinear", "mask": np.ones((512, 512), bool)}},
    "blend": {
        "inputs": ("a", "b"),
        "options": {"method": "bilinear", "mask": np.ones((512, 512), bool), "mask_mode": "blend"},
    },
    "softmax": {"inputs": ("a", "b"), "options": {"method": "bilinear", "combine": "softmax"}},
    "pixel-shuffle": {"inputs": ("a",), "options": {"method": "pixel-shuffle", "to": "1024x1024"}},
    "pixel-shuffle-dcr": {
        "inputs": ("a",),
        "options": {"method": "pixel-shuffle", "to": "1024x1024", "convention": "onnx"},
    },
    "pixel-unshuffle": {"inputs": ("a",), "options": {"method": "pixel-unshuffle", "to": "128x128"}},
    "lp-pool": {"inputs": ("a", "b"), "options": {"method": "lp-pool", "p": 3}},
    "l2": {"inputs": ("a", "b"), "options": {"method": "bilinear", "normalize": "l2"}},
    "fold": {"inputs": ("a", "b", "c"), "options": {"method": "bilinear", "fold": "coarse-to-fine"}},
}


@pytest.fixture(scope="module")
def big_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight channels of 512 x 512, 256 x 256 and 128 x 128: the largest holds 8 MiB."""
    folder = tmp_path_factory.mktemp("big")
    for name, size in (("a", 512), ("b", 256), ("c", 128)):
        np.save(folder / f"{name}.npy", np.random.default_rng(1).random((1, 8, size, size), np.float32))
    return folder


@pytest.mark.parametrize("name", BIG)
def test_memory_stays_within_the_budget(name, big_files, tmp_path):
    """Arrays of NumPy are traced: their peak must stay near the 2 MiB that were given."""
    case: dict[str, Any] = BIG[name]
    paths = [str(big_files / f"{stem}.npy") for stem in case["inputs"]]
    run(name if name in CASES else "mask-blend")  # what is imported at first use is not counted
    tracemalloc.start()
    try:
        featfuse.fuse(
            *paths,
            layout="NCHW",
            memory="2M",
            threads=2,
            out=tmp_path / "out.npy",
            **case["options"],
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 << 20, f"{peak / 2**20:.1f} MiB"
