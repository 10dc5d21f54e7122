"""Where a transposed convolution's samples land: by scattering every sample."""

import pytest
from featfuse.model.geometry import Geometry


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("front", [0, 1, 3])
def test_the_inputs_that_reach_a_slice(stride, dilation, front):
    geometry = Geometry(5, 5 * stride, 3, stride, dilation, front)
    landed = [(i, tap, i * stride + tap * dilation - front) for i in range(5) for tap in range(3)]
    for start in range(geometry.out_size):
        for stop in range(start + 1, geometry.out_size + 1):
            out = slice(start, stop)
            inside = [(i, tap, place) for i, tap, place in landed if start <= place < stop]
            needed = geometry.needed(out)
            assert {i for i, _, _ in inside} <= set(range(5)[needed])
            for tap in range(3):
                inputs, places = geometry.meeting(out, tap)
                met = [(i, place - start) for i, its, place in inside if its == tap]
                assert list(inputs) == [i for i, _ in met]
                if met:
                    assert list(range(stop - start)[places]) == [place for _, place in met]
