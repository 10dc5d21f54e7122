"""Defaults that other options decide."""

from typing import Any

from featfuse import CONVENTIONS, METHODS
from featfuse.request.defaults import conventions_of
from featfuse.request.options import Options
from featfuse.request.resolved import resolved_pipeline


def test_defaults_follow_the_convention() -> None:
    def told(**given: Any) -> dict[str, object]:
        return resolved_pipeline(Options.resolve(given), {})  # type: ignore[arg-type]

    assert told(method="bicubic")["cubic_a"] == -0.75
    assert told(method="bicubic", antialias=True)["cubic_a"] == -0.5
    assert told(method="bicubic", antialias=True)["edge"] == "renormalize"
    assert told(method="lanczos3")["convention"] == "tf"
    assert told(method="nearest")["coords"] == "asymmetric"
    assert told(method="letterbox", interpolation="nearest")["coords"] == "asymmetric"
    assert "antialias" not in told(method="letterbox", interpolation="nearest")
    assert "odd" not in told(method="crop", anchor="end")


def test_conventions_of_a_method() -> None:
    assert conventions_of(METHODS["bilinear"]) == tuple(CONVENTIONS)
    assert conventions_of(METHODS["area"]) == tuple(CONVENTIONS)
    assert conventions_of(METHODS["pixel-shuffle"]) == ("torch", "tf", "onnx")
