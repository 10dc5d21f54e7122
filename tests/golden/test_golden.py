"""What the frameworks answered when make.py asked them, replayed with featfuse alone."""

import json
from pathlib import Path
from typing import Any

import featfuse
import numpy as np
import pytest


def read(path: Path) -> dict[str, np.ndarray]:
    """Every array of a golden file."""
    with np.load(path) as arrays:
        return dict(arrays)


FOLDER = Path(__file__).parent
FILES = {path.stem: read(path) for path in sorted(FOLDER.glob("*.npz"))}


def cases() -> list[Any]:
    """One parameter per case, named after what it does."""
    found = []
    for framework, arrays in FILES.items():
        for case in json.loads(str(arrays["cases"])):
            words = (f"{name}={value}" for name, value in case["options"].items() if name != "method")
            label = "-".join([framework, case["y"], case["options"]["method"], *words])
            found.append(pytest.param(framework, case, id=label))
    return found


@pytest.mark.parametrize(("framework", "case"), cases())
def test_case(framework: str, case: dict[str, Any]) -> None:
    x, expected = FILES[framework][case["x"]], FILES[framework][case["y"]]
    before = x.copy()
    size = None if case["size"] is None else tuple(case["size"])
    result = featfuse.resize(x, size, layout=case["layout"], **case["options"])
    assert result.dtype == expected.dtype
    if case["within"] == 0:
        np.testing.assert_array_equal(result, expected)
    else:
        scale = max(1.0, float(np.abs(x).max()))
        np.testing.assert_allclose(result, expected, rtol=0, atol=case["within"] * scale)
    np.testing.assert_array_equal(x, before, err_msg="the input was changed")


def test_every_framework_is_there() -> None:
    assert {"jax", "numpy", "opencv", "pillow", "tensorflow", "torch"} <= set(FILES)
    assert all(json.loads(str(arrays["cases"])) for arrays in FILES.values())
