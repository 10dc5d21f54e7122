"""What the tests of the core get: settings for one axis, and plans whose invariants are checked.

Property tests draw the same examples on every run, and leave no files behind.
"""

from collections.abc import Callable

import numpy as np
import pytest
from featfuse.methods.settings import AxisSettings
from hypothesis import HealthCheck, settings

from tests.support.plans import Planned, checked_plan, make_settings

settings.register_profile(
    "featfuse",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

settings.load_profile("featfuse")


@pytest.fixture(scope="session")
def axis_settings() -> Callable[..., AxisSettings]:
    """`axis_settings("pad", 4, 9, {"pad_mode": "edge"})`: what a builder is told about one axis."""
    return make_settings


@pytest.fixture(scope="session")
def plan() -> Callable[..., Planned]:
    """`plan((8, 8), (4, 4), method="pad")`: a plan of bare shapes that holds every invariant."""
    return checked_plan


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
