"""The kernels' own properties: 1 in the middle, nothing at the radius, even, and ones that interpolate."""

from collections.abc import Callable

import numpy as np
import pytest
from featfuse.methods.kernels import Kernel, cubic, gaussian, lanczos, mitchell, triangle

KERNELS: dict[str, Kernel] = {
    "triangle": triangle(),
    "cubic -0.5": cubic(-0.5),
    "cubic -0.75": cubic(-0.75),
    "mitchell": mitchell(),
    "lanczos3": lanczos(3),
    "lanczos5": lanczos(5),
    "gaussian": gaussian(),
}
X = np.linspace(0, 6, 601)

SUMS = {"triangle": 1e-12, "cubic -0.5": 1e-12, "cubic -0.75": 1e-12, "mitchell": 1e-12, "lanczos3": 0.02}
"""How near to 1 the weights of all samples add up, wherever between them one looks."""


def weight_of(name: str) -> Callable[[np.ndarray], np.ndarray]:
    kernel = KERNELS[name]
    return kernel.weight


@pytest.mark.parametrize("name", KERNELS)
def test_even_and_nothing_beyond_the_radius(name: str) -> None:
    kernel, weight = KERNELS[name], weight_of(name)
    np.testing.assert_array_equal(weight(X), weight(-X))
    at_the_radius = float(weight(np.array([kernel.radius]))[0])
    assert (abs(at_the_radius) > 1e-3) == kernel.jumps
    if not kernel.jumps:
        assert np.abs(weight(X[kernel.radius <= X])).max() < 1e-12


@pytest.mark.parametrize("name", [name for name in KERNELS if name not in ("mitchell", "gaussian")])
def test_kernels_that_interpolate_are_1_in_the_middle_and_0_on_the_other_samples(name: str) -> None:
    values = weight_of(name)(np.arange(-5.0, 6.0))
    np.testing.assert_allclose(values, np.arange(-5, 6) == 0, atol=1e-12)


@pytest.mark.parametrize("name", SUMS)
def test_weights_add_up(name: str) -> None:
    places = np.linspace(0, 1, 21)[:, None] + np.arange(-6, 7)
    np.testing.assert_allclose(weight_of(name)(places).sum(axis=1), 1, atol=SUMS[name])


def test_values_of_the_papers() -> None:
    """Keys at half a sample: 9/16 for a = -1/2; Mitchell and Netravali in the middle: 8/9, at 1: 1/18."""
    assert weight_of("cubic -0.5")(np.array([0.5]))[0] == pytest.approx(9 / 16)
    assert weight_of("mitchell")(np.array([0.0, 1.0])) == pytest.approx([8 / 9, 1 / 18])
    assert weight_of("gaussian")(np.array([0.5]))[0] == pytest.approx(np.exp(-0.5))
