"""What a key stands for in a file, and what is said when that is nothing."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.errors import InputError
from featfuse.io.readers import open_input
from featfuse.io.selection import list_all, select

from tests.support.files import entry, header


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    path = tmp_path / "x.npz"
    np.savez(
        path, **{f"layer{n}": np.zeros((n, 4), np.float32) for n in (10, 2, 1)}, **{"g/bias": np.zeros(3)}
    )
    return path


def keys(path: Path, key: str | None) -> list[str | None]:
    with open_input(str(path)) as reader:
        return [spec.key for spec in select(reader, key)]


def test_globs_come_in_natural_order(layers: Path) -> None:
    assert keys(layers, "layer*") == ["layer1", "layer2", "layer10"]
    assert keys(layers, "layer?") == ["layer1", "layer2"]
    assert keys(layers, "layer[12]") == ["layer1", "layer2"]
    assert keys(layers, "*") == ["g/bias", "layer1", "layer2", "layer10"]


def test_an_exact_key_wins_over_a_glob(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **{"a*": np.zeros(1), "ab": np.zeros(1), "a[b]": np.zeros(1)})
    assert keys(tmp_path / "x.npz", "a*") == ["a*"]
    assert keys(tmp_path / "x.npz", "a[b]") == ["a[b]"]
    assert keys(tmp_path / "x.npz", "a?") == ["a*", "ab"]


def test_no_key_among_several_lists_them(layers: Path) -> None:
    with pytest.raises(InputError, match="holds 4 tensors") as refused:
        keys(layers, None)
    lines = refused.value.details
    assert [line.split() for line in lines] == [
        ["g/bias", "(3,)", "float64"],
        ["layer1", "(1,", "4)", "float32"],
        ["layer2", "(2,", "4)", "float32"],
        ["layer10", "(10,", "4)", "float32"],
    ]
    assert f"'{layers}::g/bias'" in refused.value.hint


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **{f"k{n}": np.zeros(1) for n in range(30)})
    with pytest.raises(InputError) as refused:
        keys(tmp_path / "x.npz", None)
    assert "k19" in str(refused.value)
    assert "k20" not in str(refused.value)
    assert "... and 10 more" in str(refused.value)


@pytest.mark.parametrize(
    ("key", "hint"),
    [("layr2", "Did you mean layer2?"), ("bias", "Did you mean g/bias?"), ("zebra", ""), ("zebra*", "")],
)
def test_an_unknown_key_gets_the_list_and_the_nearest(layers: Path, key: str, hint: str) -> None:
    with pytest.raises(InputError, match=r"has no tensor") as refused:
        keys(layers, key)
    assert repr(key) in str(refused.value)
    assert "layer10" in str(refused.value)
    assert refused.value.hint == hint


def test_a_bare_tensor_has_no_keys(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(InputError, match="one bare tensor"):
        keys(tmp_path / "x.npy", "a")
    assert keys(tmp_path / "x.npy", None) == [None]


def test_globs_reach_into_groups(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for n in (10, 9):
            file[f"run/{n}/feat"] = np.zeros(1)
            file[f"run/{n}/loss"] = np.zeros(1)
    assert keys(tmp_path / "x.h5", "run/*/feat") == ["run/9/feat", "run/10/feat"]
    assert keys(tmp_path / "x.h5", "/run/9/*") == ["run/9/feat", "run/9/loss"]
    with pytest.raises(InputError, match="is a group") as refused:
        keys(tmp_path / "x.h5", "run/9")
    assert "run/9/*" in refused.value.hint


def listed(path: Path, key: str | None) -> list[tuple[str, bool, bool]]:
    with open_input(str(path)) as reader:
        return [(it.key, it.spec is not None, it.aside) for it in list_all(reader, key)[0]]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Tensors, a dimension scale, a text and complex numbers."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["map10"], file["map9"] = np.zeros((2, 3)), np.zeros(4)
        file["lat"] = np.zeros(2)
        file["lat"].make_scale("lat")
        file["map10"].dims[0].attach_scale(file["lat"])
        file["text"], file["g/complex"] = "words", np.zeros(2, np.complex64)
    return tmp_path / "x.h5"


def test_everything_is_listed(mixed: Path) -> None:
    everything = [
        ("g/complex", False, False),
        ("lat", True, True),
        ("map9", True, False),
        ("map10", True, False),
        ("text", False, False),
    ]
    assert listed(mixed, None) == listed(mixed, "*") == everything
    with open_input(str(mixed)) as reader:
        assert list_all(reader, "map*")[1] == 5
        assert list_all(reader, "map9")[1] is None


def test_a_glob_and_a_key_filter_the_list(mixed: Path) -> None:
    assert listed(mixed, "*a*") == [("lat", True, True), ("map9", True, False), ("map10", True, False)]
    assert listed(mixed, "map10") == [("map10", True, False)]
    assert listed(mixed, "g/complex") == listed(mixed, "/g/*") == [("g/complex", False, False)]
    for key in ("none", "none*"):
        with pytest.raises(InputError, match="has no tensor 'none"):
            listed(mixed, key)
    with pytest.raises(InputError, match="is a group"):
        listed(mixed, "g")


def test_a_bare_array_is_listed_without_a_key(tmp_path: Path) -> None:
    for name, array in (("x", np.zeros(3)), ("c", np.zeros(3, complex))):
        np.save(tmp_path / f"{name}.npy", array)
        assert listed(tmp_path / f"{name}.npy", None) == [("", name == "x", False)]
        with pytest.raises(InputError, match="one bare tensor"):
            listed(tmp_path / f"{name}.npy", "a*")


def test_long_keys_are_shortened_in_errors(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(
        header({"k" * 65_000: entry("F32", [1], 0, 4), "9" * 65_000: entry("U8", [1], 4, 5)}, bytes(5))
    )
    for key in (None, "z", "z*", "k" * 64_999):
        with pytest.raises(InputError) as refused:
            keys(tmp_path / "x.safetensors", key)
        assert len(str(refused.value)) < 2_000
        assert "kkk…kkk" in str(refused.value)
