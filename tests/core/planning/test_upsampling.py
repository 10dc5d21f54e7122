"""Learned transposed convolutions, planned: the sizes they reach, and the way out where they do not."""

import re
from typing import Any

import featfuse
import numpy as np
import pytest
from featfuse import ShapeError, UsageError


def missed(target: tuple[int, int], source: tuple[int, int], **options: Any) -> ShapeError:
    with pytest.raises(ShapeError) as caught:
        featfuse.fuse(np.ones((1, 2, *target)), np.ones((1, 3, *source)), layout="NCHW", **options)
    return caught.value


def test_the_output_padding_that_is_named_works():
    call = {"method": "transposed-conv", "kernel": np.ones((3, 2, 3, 3)), "kernel_layout": "IOHW"}
    call |= {"stride": 2, "padding": 1}
    error = missed((10, 8), (5, 4), **call)
    assert "gives 9" in error.message
    assert "target is 10" in error.message
    named = re.search(r'output_padding="(\S+)"', error.hint or "")
    assert named
    call["output_padding"] = named[1]
    assert featfuse.fuse(np.ones((1, 2, 10, 8)), np.ones((1, 3, 5, 4)), layout="NCHW", **call).shape == (
        1,
        2,
        10,
        8,
    )


def test_the_output_padding_that_is_named_works_when_axes_need_different_ones():
    """5 gives 9 and the target is 9; 4 gives 7 and the target is 8: output_padding="0x1"."""
    call = {"method": "transposed-conv", "kernel": np.ones((3, 2, 3, 3)), "kernel_layout": "IOHW"}
    call |= {"stride": 2, "padding": 1}
    error = missed((9, 8), (5, 4), **call)
    named = re.search(r'output_padding="([\dx]+)"', error.hint or "")
    assert named
    call["output_padding"] = named[1]
    featfuse.fuse(np.ones((1, 2, 9, 8)), np.ones((1, 3, 5, 4)), layout="NCHW", **call)


def test_a_target_out_of_reach_offers_a_method():
    call = {"method": "transposed-conv", "kernel": np.ones((3, 2, 2, 2)), "stride": 2}
    error = missed((107, 16), (54, 8), **call)
    assert "gives 108" in error.message
    assert "target is 107" in error.message
    assert "output_padding" not in (error.hint or "")
    assert 'method="bilinear"' in (error.hint or "")
    error = missed((11, 11), (5, 5), padding="same", **call)
    assert "gives 10" in error.message
    assert "output_padding" not in (error.hint or "")


def test_output_padding_must_be_small():
    with pytest.raises(UsageError, match="output_padding=2"):
        featfuse.fuse(
            np.ones((1, 3, 4, 4)),
            method="transposed-conv",
            kernel=np.ones((3, 2, 2, 2)),
            stride=2,
            output_padding=2,
            layout="NCHW",
        )


def test_padding_that_leaves_nothing():
    with pytest.raises(ShapeError, match="leaves"):
        featfuse.fuse(
            np.ones((1, 3, 2, 2)),
            method="transposed-conv",
            kernel=np.ones((3, 2, 2, 2)),
            padding=2,
            layout="NCHW",
        )


def test_the_kernel_acts_on_a_map_of_the_targets_size_also_with_to():
    x, kernel = np.random.default_rng(0).normal(size=(1, 3, 4, 5)), np.ones((3, 2, 3, 3))
    call = {"method": "transposed-conv", "kernel": kernel, "kernel_layout": "IOHW", "padding": 1}
    assert featfuse.fuse(x, layout="NCHW", to="4x5", **call).shape == (1, 2, 4, 5)


def test_a_kernel_that_nothing_needs_is_not_ignored():
    """Every other option that has nothing to do is refused."""
    x, kernel = np.ones((1, 3, 4, 5)), np.ones((3, 3, 2, 2))
    with pytest.raises(featfuse.FeatfuseError):
        featfuse.fuse(
            x, x, method="transposed-conv", kernel=kernel, kernel_layout="IOHW", stride=2, layout="NCHW"
        )
