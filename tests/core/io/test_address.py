"""PATH::KEY, taken apart once."""

from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import UsageError
from featfuse.io.address import Address


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.npy", ("a.npy", None)),
        ("a.h5::feat/l3", ("a.h5", "feat/l3")),
        ("a.h5::ns::key", ("a.h5", "ns::key")),
        ("a:b.npy", ("a:b.npy", None)),
        ("-", ("-", None)),
        ("feats.h5::{id}/l3", ("feats.h5", "{id}/l3")),
    ],
)
def test_split(
    text: str, parts: tuple[str, str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Address.parse(text) == parts


def test_files_with_colons_in_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a::b.npy", np.zeros(3))
    np.savez("c::d.npz", k=np.zeros(3))
    assert Address.parse("a::b.npy") == ("a::b.npy", None)
    assert Address.parse("c::d.npz::k") == ("c::d.npz", "k")


@pytest.mark.parametrize(("text", "words"), [("a.h5::", "no KEY"), ("::key", "no PATH")])
def test_half_a_name_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Address.parse(text)


@pytest.mark.parametrize("text", ["a.npy", "a.h5::feat/l3", "a.h5::ns::key", "-", ""])
def test_an_address_is_the_text_it_was_made_of(text: str) -> None:
    assert str(Address.parse(text)) == text


def test_what_is_an_address_stays_one(tmp_path: Path) -> None:
    address = Address("no::suffix", "k")
    assert Address.of(address) is address
    assert Address.of(tmp_path / "x.npy") == (str(tmp_path / "x.npy"), None)
