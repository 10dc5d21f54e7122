"""Transposed convolution by its definition."""

import itertools
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def conv_transpose(
    x: Array, kernel: Array, stride: int, padding: int, extra: int, dilation: int, groups: int
) -> Array:
    """torch's conv_transpose of (N, C, *space) by its definition: every sample scatters its kernel."""
    x, kernel = x.astype(np.float64), kernel.astype(np.float64)
    taps = kernel.shape[2:]
    full = [(n - 1) * stride + dilation * (k - 1) + 1 + extra for n, k in zip(x.shape[2:], taps, strict=True)]
    out = np.zeros((len(x), kernel.shape[1] * groups, *full))
    per_in, per_out = x.shape[1] // groups, kernel.shape[1]
    for group in range(groups):
        ins = slice(group * per_in, (group + 1) * per_in)
        outs = slice(group * per_out, (group + 1) * per_out)
        for tap in itertools.product(*map(range, taps)):
            places = tuple(
                slice(t * dilation, t * dilation + (n - 1) * stride + 1, stride)
                for t, n in zip(tap, x.shape[2:], strict=True)
            )
            product = np.einsum("nc...,co->no...", x[:, ins], kernel[(ins, slice(None), *tap)])
            out[(slice(None), outs, *places)] += product
    return out[(..., *(slice(padding, size - padding) for size in full))]
