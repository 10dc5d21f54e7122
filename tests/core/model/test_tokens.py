"""Tokens on a grid: which grid, which leading tokens, and what is asked when they do not fit."""

import re

import featfuse
import h5py
import numpy as np
import pytest
from featfuse import ShapeError, UsageError
from safetensors.numpy import save_file

# --- tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("skip", [0, 1, 5])
@pytest.mark.parametrize("given", ["layout", "count"])
def test_tokens(rng, skip, given):
    tokens = rng.normal(size=(2, skip + 6 * 9, 4))
    call = {"grid": "6x9", "skip_tokens": skip} | ({"layout": "NLC"} if given == "layout" else {})
    out = featfuse.fuse(tokens, **call)
    assert np.array_equal(out, tokens[:, skip:].reshape(2, 6, 9, 4))
    unbatched = featfuse.fuse(tokens[0], **(call | {"layout": "LC"}))
    assert np.array_equal(unbatched, tokens[0, skip:].reshape(6, 9, 4))


def test_tokens_with_a_map(rng):
    tokens, other = rng.normal(size=(1, 1 + 4 * 6, 3)), rng.normal(size=(1, 3, 8, 12))
    grid = tokens[:, 1:].reshape(1, 4, 6, 3).transpose(0, 3, 1, 2)
    expected = other + grid.repeat(2, 2).repeat(2, 3)
    call = {"grid": (4, 6), "skip_tokens": 1, "method": "nearest"}
    out = featfuse.fuse(other, tokens, layout="NCHW,NLC", **call)
    np.testing.assert_array_equal(out, expected)
    out = featfuse.fuse(tokens, other, layout="NLC,NCHW", **call)
    np.testing.assert_array_equal(out, expected.transpose(0, 2, 3, 1))


@pytest.mark.parametrize("memory", ["256M", "2K"])
def test_tokens_are_streamed_from_a_file(rng, tmp_path, memory):
    tokens = rng.normal(size=(2, 1 + 12 * 7, 3)).astype(np.float32)
    np.save(tmp_path / "t.npy", tokens)
    save_file({"t": tokens}, tmp_path / "t.safetensors")
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("t", data=tokens, chunks=(1, 10, 2))
    for name in ("t.npy", "t.safetensors", "t.h5"):
        call = {"grid": "12x7", "skip_tokens": 1, "memory": memory}
        out = featfuse.fuse(str(tmp_path / name), **call)
        assert np.array_equal(out, tokens[:, 1:].reshape(2, 12, 7, 3)), name
        if memory == "256M":
            up = featfuse.fuse(str(tmp_path / name), method="nearest", to="24x14", **call)
            assert np.array_equal(up, out.repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize("given", [{}, {"layout": "NLC"}])
def test_a_wrong_grid_names_the_count_and_what_fits(given):
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(np.ones((1, 197, 8)), grid="14x15", skip_tokens=1, **given)
    assert "14x15" in caught.value.message
    assert "210" in caught.value.message
    assert "197" in caught.value.message
    assert "196" in caught.value.message
    assert "14x14 " in (caught.value.hint or "")
    assert "skip_tokens=1" in (caught.value.hint or "")
    assert featfuse.fuse(np.ones((1, 197, 8)), grid="14x14", skip_tokens=1, **given).shape == (1, 14, 14, 8)


def test_forgotten_leading_tokens():
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(np.ones((1, 261, 8)), grid="13x20")
    assert re.search(r"13x20 [^;]*with skip_tokens=1", caught.value.hint or "")


def test_token_usage():
    with pytest.raises(UsageError, match="`skip_tokens` needs `grid`"):
        featfuse.fuse(np.ones((1, 197, 8)), skip_tokens=1)
    with pytest.raises(UsageError, match="two sizes"):
        featfuse.fuse(np.ones((1, 8, 8)), grid="8")
    with pytest.raises(UsageError, match="no input is a token tensor"):
        featfuse.fuse(np.ones((1, 8, 8, 3)), grid="8x8")
    with pytest.raises(ShapeError, match="not NCL"):
        featfuse.fuse(np.ones((1, 3, 64)), grid="8x8", layout="NCL")


@pytest.mark.parametrize("layout", ["NLC,NCHW", "NLC,NHWC"])
def test_an_ambiguous_map_beside_tokens_is_asked_for_alone(rng, layout):
    tokens, other = rng.normal(size=(1, 4 * 6, 9)), rng.normal(size=(1, 5, 8, 12))
    call = {"grid": "4x6", "method": "nearest", "combine": "concat"}
    with pytest.raises(ShapeError, match="ambiguous") as caught:
        featfuse.fuse(tokens, other, **call)
    assert 'layout="NLC,NCHW": N 1, 1; H 4 ×2 nearest, 8; W 6 ×2 nearest, 12; C 9' in str(caught.value)
    assert 'layout="NLC,NHWC": N 1, 1; H 4 ×1.25 nearest, 5; W 6 ×1.333 nearest, 8; C 9' in str(caught.value)
    assert f'layout="{layout}"' in caught.value.hint
    assert any(f'layout="{layout}"' in command for command in caught.value.commands)
    assert featfuse.fuse(tokens, other, layout=layout, **call).ndim == 4


def test_one_layout_for_all_is_not_that_of_tokens(rng):
    tokens, other = rng.normal(size=(1, 4 * 6, 9)), rng.normal(size=(1, 5, 8, 12))
    with pytest.raises(ShapeError, match="not NCHW") as caught:
        featfuse.fuse(tokens, other, layout="NCHW", grid="4x6", method="nearest")
    assert 'layout="NLC,NCHW"' in caught.value.hint
