"""The boundary: what becomes a message, and with which exit code."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest
import typer
from featfuse.errors import FeatfuseError, InputError, RunError, ShapeError, UsageError
from featfuse_cli.errors import boundary, error_text

from tests.support.amounts import only_slow, slow_but


@pytest.mark.parametrize(
    ("kind", "code"), [(RunError, 1), (UsageError, 2), (ShapeError, 3), (InputError, 4), (FeatfuseError, 1)]
)
def test_each_error_has_its_exit_code(capsys, kind, code):
    with pytest.raises(typer.Exit) as caught, boundary():
        raise kind("a.npy: axis H: 64 and 60", hint="Crop it.", commands=["fuse a.npy b.npy --method crop"])
    assert caught.value.exit_code == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: a.npy: axis H: 64 and 60\nCrop it.\n  fuse a.npy b.npy --method crop\n"


def test_commands_and_markup_stay_as_they_are():
    text = error_text(ShapeError("[red]x.npy", commands=[f"fuse {'long/' * 50}a.npy"]))
    assert text == f"error: [red]x.npy\n  fuse {'long/' * 50}a.npy"


def test_control_characters_are_escaped():
    assert error_text(InputError("a\x1b[2J.npy: no such file")) == r"error: a\x1b[2J.npy: no such file"


def test_interrupt(capsys):
    with pytest.raises(typer.Exit) as caught, boundary():
        raise KeyboardInterrupt
    assert caught.value.exit_code == 130
    assert capsys.readouterr().err == "interrupted: nothing was written\n"


def test_a_bug_keeps_its_traceback(shell):
    code = (
        "import sys, featfuse.fusion; sys.argv = ['fuse', 'inspect', 'a.npy']; "
        "featfuse.fusion.inspect_inputs = lambda *_, **__: 1 / 0; "
        "from featfuse_cli import main; main()"
    )
    result = shell(f'{sys.executable} -c "{code}"')
    assert result.returncode == 1
    assert result.stderr.startswith(b"Traceback (most recent call last):")
    assert result.stderr.rstrip().endswith(b"ZeroDivisionError: division by zero")


def test_a_closed_pipe_is_quiet(shell):
    assert shell("fuse methods | true").stderr == b""
    assert shell("fuse --help | true").stderr == b""
    assert shell("fuse help run | true").stderr == b""
    assert shell("fuse methods | head -n 1").stderr == b""


WHAT_IS_WRONG = [
    ("fuse a.npy a.npy -o exists.npy", 1),
    ("fuse a.npy --no-such-option", 2),
    ("fuse a.npy -m bilinaer", 2),
    ("fuse a.npy c.npy -o new.npy", 3),
    ("fuse a.npy cut.npy -o new.npy", 4),
    ("fuse inspect missing.npy", 4),
    ("fuse batch --pairs pairs.csv --out o/ -q", 5),
    ("fuse batch --pairs missing.csv --out o/", 4),
]


@pytest.mark.parametrize("where", [">/dev/full 2>/dev/full", *only_slow(["2>/dev/full", "2>&-"])])
@pytest.mark.parametrize("wrong", slow_but(WHAT_IS_WRONG, *WHAT_IS_WRONG[::3]), ids=lambda wrong: wrong[0])
def test_an_error_that_cannot_be_printed(shell, make_npy, wrong, where):
    """Its exit code is its own all the same."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    line, code = wrong
    make_npy("a.npy", (1, 4, 8, 8))
    make_npy("c.npy", (1, 4, 5, 8))
    make_npy("exists.npy", (1,))
    Path("cut.npy").write_bytes(Path("a.npy").read_bytes()[:200])
    Path("pairs.csv").write_text("a,b,out\na.npy,cut.npy,x.npy\n")
    before = sorted(Path().iterdir())
    result = shell(f"{line} {where}")
    assert result.returncode == code, result.stderr
    assert result.stderr == b""
    with suppress(FileNotFoundError):
        Path("o/manifest.jsonl").unlink()
        Path("o").rmdir()
    assert sorted(Path().iterdir()) == before
