"""The command line offers exactly the library's options, with the library's choices."""

import pytest
from featfuse.request.kinds import SWITCH
from featfuse.request.table import OPTIONS
from featfuse_cli.app import app
from featfuse_cli.help_page import MOST_USED
from typer.main import get_command

RUN_TIME = {
    *("out", "force", "sync", "dry_run", "as_json", "quiet", "memory", "threads", "sidecar", "save_kernel")
}


def params(command: str) -> dict[str, object]:
    return {param.name: param for param in get_command(app).commands[command].params}


@pytest.mark.parametrize("command", ["run", "inspect", "batch"])
def test_a_command_has_every_option_in_the_order_of_the_table(command):
    assert [name for name in params(command) if name in OPTIONS] == list(OPTIONS)


def test_nothing_else_is_an_option_of_the_fusion():
    assert set(params("run")) == {"inputs", *OPTIONS} | RUN_TIME
    assert set(params("inspect")) == {"inputs", *OPTIONS, "as_json", "quiet", "stats", "memory"}


@pytest.mark.parametrize("command", ["run", "inspect", "batch"])
@pytest.mark.parametrize("row", OPTIONS.values(), ids=OPTIONS)
def test_a_flag_is_what_its_row_says(row, command):
    param = params(command)[row.name]
    assert param.opts == [row.flag, *([row.short] if row.short else [])]
    assert param.secondary_opts == ([f"--no-{row.flag[2:]}"] if row.kind is SWITCH else [])
    assert (param.default, param.multiple) == (None, row.kind.word == list[str])
    assert (param.help, param.rich_help_panel) == (row.help_text, MOST_USED if row.first else row.panel)
    assert param.metavar == row.metavar
    assert "{" not in param.help


@pytest.mark.parametrize("command", ["run", "inspect", "batch"])
def test_every_choice_completes(command):
    """And nothing completes where any value goes: the shell offers files then."""
    built = get_command(app).commands[command]
    with built.make_context(command, [], resilient_parsing=True) as ctx:
        for name, row in OPTIONS.items():
            param = params(command)[name]
            words = {*row.chosen_from, *row.offers, *row.aliases}
            assert {item.value: item.help for item in param.shell_complete(ctx, "")} == dict(row.words), name
            assert set(row.words) == words, name
            for word in words:
                assert word in {item.value for item in param.shell_complete(ctx, word[:3])}, name


def test_what_is_given_reaches_the_library(fuse, monkeypatch):
    """Negative numbers, both sides of a flag: nothing is swallowed, and only what is given arrives."""
    from featfuse import fusion

    seen: dict[str, object] = {}

    class Stop(Exception):
        pass

    def inspect(
        inputs: list[str], options: dict[str, object], *, stats: bool, memory: str | None, progress: object
    ) -> None:
        assert (stats, memory) == (False, None)
        seen.update(options, inputs=inputs)
        raise Stop

    monkeypatch.setattr(fusion, "inspect_inputs", inspect)
    line = (
        "inspect a.npy b.npy --pad-value -1 --weights -1,0.5 --cubic-a -0.6 --offset H:-2 --no-antialias "
        "--no-count-include-pad --ceil-mode --to 3x4 --pool-size 2x2 -m pad -c mean"
    )
    with pytest.raises(Stop):
        fuse(*line.split())
    assert seen == {
        "inputs": ["a.npy", "b.npy"],
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
    assert seen == {"inputs": ["a.npy"], "antialias": True, "count_include_pad": True, "ceil_mode": False}
