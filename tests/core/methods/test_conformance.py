"""One conformance suite over every row of METHODS: what any AxisMap must hold, whatever built it.

The maps are drawn over sizes and over every value of every option the method reads. They are compared
with plain loops over `indices` and `weights`, and with numpy.pad where a border is computed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from featfuse import METHODS, engine
from featfuse.methods.settings import AxisSettings
from featfuse.model.axis import TapReduction
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.map_checks import check_blocks, check_indices, check_nan_stays, check_values
from tests.support.maps import BUILDER_OPTIONS, MAPPED, OPTION_VALUES, draw_chain

Settings = Callable[..., AxisSettings]


def test_every_option_is_tried() -> None:
    assert set(OPTION_VALUES) == BUILDER_OPTIONS & {name for row in METHODS.values() for name in row.options}


def sums_to_one(method: str, options: dict[str, Any]) -> bool:
    """Whether every output is a mean of the input: no border of zeros takes part."""
    padded = options.get("pool_padding", 0) != 0 and options.get("pool_size") is not None
    return method != "transposed-conv" and not (padded and options["count_include_pad"] is not False)


@pytest.mark.parametrize("method", MAPPED)
@settings(max_examples=30)
@given(data=st.data())
def test_conformance(method: str, axis_settings: Settings, data: st.DataObject) -> None:
    chain, options = draw_chain(data.draw, method, axis_settings)
    for axis_map in chain:
        check_indices(axis_map)
        if axis_map.weighted and not METHODS[method].powers:
            sums = axis_map.weights.sum(axis=1)
            assert (sums <= 1 + 1e-12).all()
            assert not sums_to_one(method, options) or np.allclose(sums, 1, rtol=0, atol=1e-12)
        rng = np.random.default_rng(axis_map.in_size)
        samples = rng.normal(size=axis_map.in_size).astype(np.float32)
        check_values(axis_map, samples, engine.apply(axis_map, samples, 0, 0, slice(0, axis_map.out_size)))
        axis = data.draw(st.integers(0, 2))
        shape = [2, 3, 2]
        shape[axis] = axis_map.in_size
        block = rng.normal(size=shape[::-1]).astype(np.float32).transpose()  # not contiguous
        check_blocks(axis_map, block, axis, data.draw)
        check_nan_stays(
            axis_map,
            data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
            if axis_map.reduce is TapReduction.SUM
            else np.nan,
            data.draw(st.integers(0, axis_map.in_size - 1)),
        )
    sizes = [axis_map.in_size for axis_map in chain[1:]]
    assert [axis_map.out_size for axis_map in chain[:-1]] == sizes, "the chain has a gap"
