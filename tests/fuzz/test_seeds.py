"""What fuzzing starts from, and a little fuzzing without libFuzzer: the parsers accept or refuse, no more.

The long runs are `fuzz_headers.py`'s.
"""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import fuzz_headers
from tests.fuzz.seeds import SEEDS

ACCEPTED = {"npy": 10, "safetensors": 4, "npz": 6}
"""How many seeds each parser accepts, at least: were it none, no fuzzing would get far."""


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    """The fuzzer limits the process's memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("parser", SEEDS)
def test_seeds_are_accepted_or_refused(parser: str) -> None:
    parse = fuzz_headers.load_parsers()[parser]
    ends = {name: parse(data) for name, data in SEEDS[parser]().items()}
    assert set(ends.values()) == {"accepted", "refused"}
    assert list(ends.values()).count("accepted") >= ACCEPTED[parser], ends


@pytest.mark.slow
@pytest.mark.parametrize("parser", SEEDS)
def test_mutations_are_accepted_or_refused(
    parser: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, data in SEEDS[parser]().items():
        (corpus / name).write_bytes(data)
    figures = fuzz_headers.fuzz_by_mutation(parser, 1.0, corpus)
    assert figures["executions"] > 200
    assert figures["accepted"] > 0


def test_what_a_parser_must_not_do_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits themselves: an error of another kind, memory, time."""
    checked, finding = fuzz_headers.checked, fuzz_headers.Finding

    def fail(_path: str) -> None:
        raise IndexError

    with pytest.raises(IndexError):
        checked("fails", fail)(b"")
    with pytest.raises(MemoryError):
        checked("swells", lambda _path: bytearray(4 << 30))(b"")

    class Slow:
        def __init__(self, _path: str) -> None:
            sum(range(10**6))

        def specs(self) -> dict[str, object]:
            return {}

        aside = refusals = specs

        def close(self) -> None:
            pass

    monkeypatch.setattr(fuzz_headers, "MOST_SECONDS", 0.0)
    with pytest.raises(finding, match="processor time"):
        checked("dawdles", Slow)(b"")
