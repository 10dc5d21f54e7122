"""The bar appears on long runs only, and leaves the terminal as it was."""

import io

import pytest
from featfuse_cli import progress
from featfuse_cli.progress import ItemBar, ProgressBar


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class Raw(io.BytesIO):
    """The same, of bytes."""

    def isatty(self):
        return True


@pytest.fixture
def use_terminal(monkeypatch):
    """Called in the test itself: pytest puts its own stderr back after the fixtures ran."""

    def use(stream=None):
        stream = stream or Terminal()
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm-256color")
        return stream

    return use


def test_a_long_run_shows_bytes_and_rate(use_terminal):
    terminal = use_terminal()
    with ProgressBar(wanted=True, patience=0) as bar:
        bar.update(0, 2**20)
        bar.update(2**19, 2**20)
    assert "512 KiB of 1 MiB" in terminal.getvalue()
    assert "\x1b[?25h" in terminal.getvalue()  # the cursor is back


def test_a_short_run_shows_nothing(use_terminal):
    terminal = use_terminal()
    with ProgressBar(wanted=True) as bar:
        bar.update(1, 2)
        bar.update(2, 2)
    assert terminal.getvalue() == ""


def test_patience_is_counted_from_the_start(use_terminal, monkeypatch):
    terminal = use_terminal()
    clock = iter([0.0, 1.9, 2.1])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    bar = ProgressBar(wanted=True)
    bar.update(1, 10)
    assert terminal.getvalue() == ""
    monkeypatch.setattr(progress, "_new_bar", lambda done, total: pytest.fail(f"shown: {done} {total}"))
    with pytest.raises(pytest.fail.Exception, match="shown: 2 10"):
        bar.update(2, 10)


def test_not_wanted_is_never_shown(use_terminal):
    terminal = use_terminal()
    with ProgressBar(wanted=False, patience=0) as bar:
        bar.update(1, 2)
    assert terminal.getvalue() == ""


def test_a_terminal_that_cannot_repaint_stays_clean(use_terminal, monkeypatch):
    terminal = use_terminal()
    monkeypatch.setenv("TERM", "dumb")
    with ProgressBar(wanted=True, patience=0) as bar:
        bar.update(1, 2)
    with ItemBar(2, 10, wanted=True) as items:
        items.update(1, 5)
    assert terminal.getvalue() == ""


def test_a_terminal_without_utf_8_gets_a_bar_in_ascii(use_terminal):
    terminal = use_terminal(io.TextIOWrapper(Raw(), encoding="ascii", write_through=True))
    with ProgressBar(wanted=True, patience=0) as bar:
        bar.update(1 << 19, 1 << 20)
    with ItemBar(2, 10, wanted=True) as items:
        items.update(1, 5)
    shown = terminal.buffer.getvalue()
    assert shown.isascii()
    assert b"----" in shown
    assert b"512 KiB of 1 MiB" in shown
    assert b"1/2" in shown


def test_an_error_ends_the_bar(use_terminal):
    terminal = use_terminal()
    with pytest.raises(KeyboardInterrupt), ProgressBar(wanted=True, patience=0) as bar:  # noqa: PT012
        bar.update(1, 2)
        raise KeyboardInterrupt
    assert "\x1b[?25h" in terminal.getvalue()
