"""The command line offers exactly the library's options, and gives them on."""

from typing import get_type_hints

import pytest
from featfuse.request.options import FusionOptions, Options
from featfuse_cli.app import app
from featfuse_cli.flags import FusionFlags
from typer.main import get_command

RUN_TIME = {
    *("out", "force", "sync", "dry_run", "as_json", "quiet", "memory", "threads", "sidecar", "save_kernel")
}

FIELDS = set(Options._fields)


def params(command: str) -> dict[str, object]:
    return {param.name: param for param in get_command(app).commands[command].params}


def test_every_field_has_an_option_and_every_option_a_field():
    assert set(get_type_hints(FusionFlags)) == FIELDS == set(FusionOptions.__annotations__)
    assert set(params("run")) == {"inputs"} | FIELDS | RUN_TIME
    assert set(params("inspect")) == {"inputs"} | FIELDS | {"as_json", "quiet"}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_an_option_bears_the_field_s_name_and_no_default(name):
    param = params("run")[name]
    assert "--" + name.replace("_", "-") in param.opts
    assert param.default is None


def test_what_is_given_reaches_the_library(fuse, monkeypatch):
    """Negative numbers, both sides of a flag: nothing is swallowed, and only what is given arrives."""
    import featfuse

    seen: dict[str, object] = {}

    class Stop(Exception):
        pass

    def inspect(*inputs: str, **options: object) -> None:
        seen.update(options, inputs=inputs)
        raise Stop

    monkeypatch.setattr(featfuse, "inspect", inspect, raising=False)
    line = (
        "inspect a.npy b.npy --pad-value -1 --weights -1,0.5 --cubic-a -0.6 --offset H:-2 --no-antialias "
        "--no-count-include-pad --ceil-mode --to 3x4 --pool-size 2x2 -m pad -c mean"
    )
    with pytest.raises(Stop):
        fuse(*line.split())
    assert seen == {
        "inputs": ("a.npy", "b.npy"),
        "pad_value": -1.0,
        "weights": "-1,0.5",
        "cubic_a": -0.6,
        "offset": "H:-2",
        "antialias": False,
        "count_include_pad": False,
        "ceil_mode": True,
        "to": "3x4",
        "pool_size": "2x2",
        "method": "pad",
        "combine": "mean",
    }
    seen.clear()
    with pytest.raises(Stop):
        fuse("inspect", "a.npy", "--antialias", "--count-include-pad", "--no-ceil-mode")
    assert seen == {"inputs": ("a.npy",), "antialias": True, "count_include_pad": True, "ceil_mode": False}
