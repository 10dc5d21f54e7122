"""Standard input and output."""

import io
from contextlib import closing
from pathlib import Path

import pytest
from featfuse.errors import InputError
from featfuse.storage.standard_streams import StreamFile, open_stdin


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def test_nobody_types_a_tensor() -> None:
    with pytest.raises(InputError, match="is a terminal"):
        open_stdin(Terminal())


def test_a_file_is_read_in_place_and_watched_and_a_pipe_is_copied(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"tensor")
    with (tmp_path / "x").open("rb") as file:
        with closing(open_stdin(file)) as source:
            assert (source.name, source.size, source.read(1, 3)) == ("-", 6, b"ens")
            (tmp_path / "x").write_bytes(b"other")
            assert source.state() != source.first_state
        assert file.read() == b"other", "the stream itself is still open"
    with closing(open_stdin(io.BytesIO(b"tensor"))) as source:
        assert (source.size, source.read(0, 6), source.first_state) == (6, b"tensor", source.state())
        with pytest.raises(InputError, match="is a stream"):
            source.local_path()


def test_a_stream_gets_all_at_commit_or_nothing() -> None:
    stdout = io.BytesIO()
    for finish in (False, True):
        output = StreamFile(stdout)
        output.reserve(6)
        output.write_at(0, b"tensor")
        assert stdout.getvalue() == b""
        if finish:
            assert output.commit() == 6
        output.abort()
    assert stdout.getvalue() == b"tensor"
