"""Files of this machine as sources and outputs."""

import os
from contextlib import closing
from pathlib import Path

import pytest
from featfuse.errors import InputError, RunError
from featfuse.storage import local
from featfuse.storage.atomic import AtomicFile
from featfuse.storage.local import LocalScratch, find_state, open_source

DATA = bytes(range(200))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "x"
    made.write_bytes(DATA)
    return made


@pytest.mark.parametrize("most", [1 << 28, 7])
def test_ranges_and_runs(path: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that the system gives in pieces."""
    monkeypatch.setattr(local, "_MAX_CALL", most)
    with closing(open_source(str(path))) as source:
        assert (source.name, source.size, source.local_path()) == (str(path), 200, str(path))
        assert source.read(10, 20) == DATA[10:30]
        assert source.read(190, 20) == DATA[190:]
        buffer = bytearray(30)
        assert source.read_into(5, memoryview(buffer)) == 30
        assert buffer == DATA[5:35]
        assert source.read_runs(range(0, 150, 50), 10, memoryview(buffer)) == 30
        assert buffer == DATA[:10] + DATA[50:60] + DATA[100:110]
        assert source.read_runs((0, 195, 0), 10, memoryview(buffer)) == 15


def test_a_source_knows_what_bears_its_name_now(path: Path) -> None:
    with closing(open_source(str(path))) as source:
        assert source.first_state == source.state() == find_state(str(path))
        os.utime(path, ns=(1, 1))
        assert source.state() != source.first_state
        path.unlink()
        assert source.state() is None
        path.mkdir()
        assert source.state() is None


@pytest.mark.parametrize(("place", "words"), [("/dev/null", "not a regular file"), ("/", "is a directory")])
def test_only_files_are_opened(place: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_source(place)


@pytest.mark.parametrize(("place", "error"), [("nowhere", FileNotFoundError), ("a\0b", ValueError)])
def test_what_cannot_be_opened_is_the_systems_word(place: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        open_source(place)


def test_long_writes_are_made_in_aligned_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_PIECE", 16)
    writes: list[tuple[int, int]] = []
    real = os.pwrite

    def pwrite(fd: int, data: memoryview, position: int) -> int:
        writes.append((position, len(data)))
        return real(fd, data, position)

    monkeypatch.setattr(os, "pwrite", pwrite)
    output = AtomicFile(str(tmp_path / "y"))
    output.reserve(100)
    output.write_runs((5, 60), 20, memoryview(DATA[:40]))
    assert writes == [(5, 11), (16, 9), (60, 4), (64, 16)]
    output.truncate(80)
    assert (output.length(), output.commit()) == (80, 80)
    content = (tmp_path / "y").read_bytes()
    assert (content[5:25], content[60:]) == (DATA[:20], DATA[20:40])


def test_scratch_is_read_again_and_its_faults_name_the_output() -> None:
    with closing(LocalScratch("x.npz")) as scratch:
        scratch.reserve(10)
        scratch.write_at(4, b"abc")
        assert (scratch.size, scratch.read(3, 5)) == (10, b"\0abc\0")
    with pytest.raises(RunError, match=r"x\.npz: cannot be written"):
        LocalScratch("x.npz", Path("nowhere"))
