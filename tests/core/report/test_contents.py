"""What is in a file prints itself: a table, a sequence, JSON."""

import json

from featfuse.engine.statistics import Statistics
from featfuse.report.contents import LONGEST_NAME, REPR_ROWS, Contents, TensorRow


def row(key: str | None, shape: tuple[int, ...] | None = (2, 3), **more: object) -> TensorRow:
    name = "x.h5" if key is None else f"x.h5::{key}"
    return TensorRow(name, "x.h5", key, "hdf5", shape, "float32", bytes=24)._replace(**more)


STATS = Statistics(-1.5, 2.0, 0.123456, 1e-9, 1, 2, 30_000_000)

FULL = Contents(
    [
        row("feat/l3", layout="HW", layout_source="dimension labels", stats=STATS),
        row("lat", (), coordinates=True, stats=Statistics(0, 7, 3.5, 2.0, 0, 0, 1)),
        row("nothing", (0, 2), bytes=0, stats=Statistics(None, None, None, None, 0, 0, 0)),
        row("text", None, dtype=None, bytes=None, unreadable="holds text"),
    ],
    "x.h5",
    6,
)


def test_the_table() -> None:
    assert str(FULL).splitlines() == [
        "key      shape   dtype    layout  bytes     min   max  mean    std    nan  inf  zeros     note",
        "feat/l3  2×3     float32  HW      24 bytes  -1.5  2    0.1235  1e-09  1    2    30000000",
        "lat      scalar  float32          24 bytes  0     7    3.5     2      0    0    1         "
        "coordinates",
        "nothing  0×2     float32          0 bytes   -     -    -       -      0    0    0",
        "text     ?       ?                ?         -     -    -       -      -    -    -         "
        "unreadable: holds text",
        "",
        "x.h5  4 of 6 tensors, 1 unreadable, 48 bytes",
    ]


def test_columns_without_anything_are_left_out() -> None:
    assert str(Contents([row("a")], "x.h5", 1)).splitlines() == [
        "key  shape  dtype    bytes",
        "a    2×3    float32  24 bytes",
        "",
        "x.h5  1 tensor, 24 bytes",
    ]
    assert str(Contents([], "x.npz", 0)) == "x.npz  0 tensors, 0 bytes"


def test_names_are_whole_where_keys_are_not_enough() -> None:
    of_two_files = Contents([row("a"), row("a")._replace(name="y.npy", path="y.npy", key=None)])
    assert [line.split()[0] for line in str(of_two_files).splitlines()[:3]] == ["tensor", "x.h5::a", "y.npy"]
    assert of_two_files.total_line == "2 tensors, 48 bytes"


def test_long_names_are_shortened() -> None:
    text = str(Contents([row("k" * 65_000)], "x.h5::" + "k" * 65_000))
    assert max(map(len, text.splitlines())) < LONGEST_NAME + 50
    assert "k…k" in text


def test_it_is_a_sequence_that_shows_itself_in_part() -> None:
    many = Contents([row(f"a{n}") for n in range(200)], "x.h5", 200)
    assert len(many) == 200
    assert many[3].key == "a3"
    assert [it.key for it in many[1:3]] == ["a1", "a2"]
    assert [it.key for it in many][-1] == "a199"
    shown = repr(many).splitlines()
    assert len(shown) == 1 + REPR_ROWS + 3
    assert shown[-3] == "... and 140 more, which print() shows"
    assert str(many).count("\n") == 202
    assert repr(FULL) == str(FULL)


def test_json_has_a_line_for_each_tensor() -> None:
    text = FULL.to_json()
    told = json.loads(text)
    assert told == json.loads(json.dumps(FULL.to_dict()))
    assert sum(line.startswith("    {") for line in text.splitlines()) == 4
    assert {name: told[name] for name in ("schema", "command", "source", "held", "bytes")} == {
        "schema": 1,
        "command": "inspect",
        "source": "x.h5",
        "held": 6,
        "bytes": 48,
    }
    assert told["tensors"][0] == {
        "name": "x.h5::feat/l3",
        "path": "x.h5",
        "key": "feat/l3",
        "format": "hdf5",
        "shape": [2, 3],
        "dtype": "float32",
        "layout": "HW",
        "layout_source": "dimension labels",
        "bytes": 24,
        "unreadable": None,
        "coordinates": False,
        "stats": STATS._asdict(),
    }
    assert "stats" not in told["tensors"][3]
    assert json.loads(Contents([]).to_json())["tensors"] == []


def test_json_keeps_nothing_that_a_terminal_acts_on() -> None:
    odd = Contents([row("a\x9b\u202e\nb")])
    assert json.loads(odd.to_json())["tensors"][0]["key"] == "a\x9b\u202e\nb"
    assert odd.to_json().replace("\n", "").isprintable()
