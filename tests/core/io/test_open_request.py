"""A request with all it names open, and closed again."""

from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import ShapeError, UsageError
from featfuse.io.open_request import open_request


def test_plans_and_suggestions_of_open_inputs(tmp_path: Path) -> None:
    for name, size in (("a", 8), ("b", 4)):
        np.save(tmp_path / f"{name}.npy", np.zeros((1, 3, size, size), np.float32))
    inputs = [str(tmp_path / "a.npy"), str(tmp_path / "b.npy")]
    with open_request(inputs, {"method": "bilinear", "layout": "NCHW"}) as request:
        assert request.plan().shape == (1, 3, 8, 8)
    with open_request(inputs, {"layout": "NCHW"}) as request:
        with pytest.raises(ShapeError):
            request.plan()
        assert {"bilinear", "crop"} <= {word for row in request.suggestions() for word in row.command.split()}


def test_options_are_checked_before_anything_is_opened() -> None:
    with pytest.raises(UsageError, match="bilinaer"), open_request(["missing.npy"], {"method": "bilinaer"}):
        pass
