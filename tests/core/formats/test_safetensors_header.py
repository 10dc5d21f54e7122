"""Each rule of the .safetensors format, broken: refused in words, with exit 4."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from featfuse_cli.app import app
from typer.testing import CliRunner

from tests.support.malformed import check_bounded, check_refused, saved

F4 = np.float32([1, 2]).tobytes()
RUDE = "\x1b[2J\x07\u202e\x9b31m\r[red]x[/red]"


def file(entries: dict[str, Any] | str | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """A .safetensors file from its header's JSON."""
    text = (
        entries
        if isinstance(entries, bytes)
        else (entries if isinstance(entries, str) else json.dumps(entries)).encode()
    )
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype: Any, shape: Any, *offsets: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def one(dtype: Any, shape: Any, *offsets: Any, data: bytes = F4) -> bytes:
    return file({"a": entry(dtype, shape, *offsets)}, data)


CASES: dict[str, tuple[bytes, str]] = {
    "3 bytes": (b"\x10\0\0", "holds 3 bytes, too few"),
    "length alone": (bytes(8), "does not begin with {"),
    "header beyond the file": (file("{}", length=9), "truncated: its header takes 9"),
    "header over 100 MB": (file("{}", length=100_000_001), "100,000,001 bytes, more than the 100,000,000"),
    "header of 2**64 - 1": (file("{}", length=2**64 - 1), "more than the"),
    "header of 2**63": (file("{}", length=2**63), "more than the"),
    "not UTF-8": (file(b'{"\xff'), "not UTF-8"),
    "UTF-16": (file('{"a": 1}'.encode("utf-16")), "does not begin with {"),
    "BOM": (file(b"\xef\xbb\xbf{}"), "does not begin with {"),
    "space before": (file(" {}"), "does not begin with {"),
    "not JSON": (file("{nope}"), "not JSON"),
    "JSON cut": (file('{"a": {"dtype"'), "not JSON"),
    "two objects": (file("{}{}"), "not JSON"),
    "bytes behind": (file("{}\0\0"), "not JSON"),
    "a list": (file("[1]"), "not a JSON object"),
    "a number": (file("1"), "not a JSON object"),
    "a text": (file('"a"'), "not a JSON object"),
    "deep lists": (file('{"a":' + "[" * 200_000), "nested too deeply|not JSON"),
    "deep objects": (file('{"a":' * 100_000), "nested too deeply|not JSON"),
    "5,000 digits": (one("F32", [2], 0, 8).replace(b"[2]", b"2" * 3), "not lists of sizes"),
    "a long integer": (file(f'{{"a": {"9" * 5000}}}'), "not a readable|not JSON"),
    "metadata of numbers": (file({"__metadata__": {"a": 1}}), "table of texts"),
    "metadata nested": (file({"__metadata__": {"a": {"b": "c"}}}), "table of texts"),
    "metadata a list": (file({"__metadata__": ["a"]}), "table of texts"),
    "metadata a text": (file({"__metadata__": "a"}), "table of texts"),
    "metadata broken": (file('{"__metadata__": {"a": "\\ud800"}}'), "surrogates"),
    "tensor twice": (file('{"a": {}, "a": {}}'), "entry 'a' twice"),
    "field twice": (file('{"a": {"dtype": "U8", "dtype": "I8"}}'), "entry 'dtype' twice"),
    "metadata twice": (file('{"__metadata__": {}, "__metadata__": {}}'), "twice"),
    "no entry": (file({"a": 5}), r"is not \(dtype, shape, data_offsets\)"),
    "null entry": (file({"a": None}), r"is not \(dtype, shape, data_offsets\)"),
    "no dtype": (file({"a": {"shape": [2], "data_offsets": [0, 8]}}, F4), "is not"),
    "no shape": (file({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, F4), "is not"),
    "no offsets": (file({"a": {"dtype": "F32", "shape": [2]}}, F4), "is not"),
    "extra field": (file({"a": {**entry("F32", [2], 0, 8), "b": 1}}, F4), "is not"),
    "unknown dtype": (one("F12", [1], 0, 8), "unknown dtype 'F12'"),
    "dtype in lower case": (one("f32", [2], 0, 8), "unknown dtype 'f32'"),
    "dtype a number": (one(32, [2], 0, 8), "unknown dtype 32"),
    "dtype a list": (one(["F32"], [2], 0, 8), "unknown dtype"),
    "rude dtype": (one(RUDE, [2], 0, 8), "unknown dtype"),
    "long dtype": (one("F" * 100_000, [2], 0, 8), "unknown dtype"),
    "negative size": (one("F32", [-2], 0, 8), "not lists of sizes"),
    "two negatives": (one("F32", [-2, -1], 0, 8), "not lists of sizes"),
    "true size": (one("F32", [2, True], 0, 8), "not lists of sizes"),
    "real size": (one("F32", [2.0], 0, 8), "not lists of sizes"),
    "NaN size": (one("F32", [float("nan")], 0, 8), "not lists of sizes"),
    "text size": (one("F32", ["2"], 0, 8), "not lists of sizes"),
    "shape a number": (one("F32", 2, 0, 8), "not lists of sizes"),
    "no offset": (one("F32", [2]), "not lists of sizes"),
    "one offset": (one("F32", [2], 0), "not lists of sizes"),
    "three offsets": (one("F32", [2], 0, 4, 8), "not lists of sizes"),
    "negative offset": (one("F32", [2], -8, 0), "not lists of sizes"),
    "real offset": (one("F32", [2], 0, 8.0), "not lists of sizes"),
    "size too large": (one("F32", [3], 0, 8), "does not fit its data_offsets"),
    "size too small": (one("F32", [1], 0, 8), "does not fit its data_offsets"),
    "backwards": (one("F32", [0], 8, 0), "does not fit"),
    "product wraps to 8": (one("F32", [2**62 + 2, 4], 0, 8), "larger than any"),
    "product wraps to 0": (one("F32", [2**63, 2], 0, 0), "larger than any"),
    "bits wrap": (one("F64", [2**61], 0, 0), "larger than any|does not fit"),
    "2**64 by 0": (one("F32", [2**64, 0], 0, 0), "larger than any"),
    "33 axes": (one("F32", [1] * 32 + [2], 0, 8), "33 axes"),
    "offsets of 2**64": (one("F32", [2], 2**64, 2**64 + 8), "hole"),
    "half a byte": (one("F4", [3], 0, 1, data=b"1"), "does not fit"),
    "beyond the data": (
        one("F32", [4], 0, 16),
        "truncated: its header promises 16 bytes after it, the file holds 8",
    ),
    "beyond by a byte": (one("F32", [2], 0, 8, data=F4[:-1]), "truncated"),
    "no data": (one("F32", [2], 0, 8, data=b""), "truncated"),
    "trailing bytes": (
        one("F32", [2], 0, 8, data=F4 + b"\0"),
        "malformed: its header promises 8 bytes after it, the file holds 9",
    ),
    "data of nobody": (file({}, F4), "malformed"),
    "hole in front": (one("F32", [1], 4, 8), "hole"),
    "hole between": (
        file({"a": entry("U8", [2], 0, 2), "b": entry("U8", [4], 4, 8)}, F4),
        "'b' leaves a hole",
    ),
    "overlap": (file({"a": entry("F32", [2], 0, 8), "b": entry("F32", [1], 4, 8)}, F4), "'b' overlaps"),
    "same bytes": (file({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 0, 8)}, F4), "'b' overlaps"),
    "within": (file({"a": entry("F32", [2], 0, 8), "b": entry("U8", [1], 3, 4)}, F4), "'b' overlaps"),
    "broken name": (file('{"\\ud800": {}}'), "surrogates"),
    "rude name": (file({RUDE: 5}), r"is not \(dtype"),
    "long name": (file({"n" * 100_000: 5}), r"is not \(dtype"),
    "complex": (one("C64", [1], 0, 8), "no numeric tensor.*dtype C64 is not supported"),
    "4 bits": (one("F4", [16], 0, 8), "no numeric tensor.*dtype F4 is not supported"),
    "a .npy": (saved(np.zeros(3))[:-1], r"truncated[\s\S]*is a \.npy file, named \.safetensors"),
    "zeros": (bytes(100), "does not begin with {"),
    "noise": (np.random.default_rng(0).bytes(100), "not a readable .safetensors"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule(tmp_path: Path, case: str) -> None:
    data, words = CASES[case]
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    check_refused(path, words)


@pytest.mark.parametrize(
    "case", ["header of 2**64 - 1", "header over 100 MB", "deep objects", "product wraps to 8"]
)
def test_small_files_cost_little(tmp_path: Path, case: str) -> None:
    data, words = CASES[case]
    (tmp_path / "x.safetensors").write_bytes(data)
    check_bounded(tmp_path / "x.safetensors", words)


def test_a_header_of_100_million_zeros(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as stream:
        stream.write(file("{", length=99_999_999))
        stream.truncate(100_000_100)
    check_bounded(path, "not JSON")


@pytest.mark.parametrize(
    "line", ["inspect {}", "{} --dry-run", "inspect {}::x", "inspect {0}::* {0}::*", "{} --json --dry-run"]
)
def test_rude_names_never_reach_the_terminal(tmp_path: Path, line: str) -> None:
    path = tmp_path / f"{RUDE.replace('/', '_')}.safetensors"
    entries = {RUDE: entry("F32", [2], 0, 8), "__metadata__": {"layout": RUDE, RUDE: RUDE}}
    path.write_bytes(file(entries, F4))
    words = [word.replace("{0}", str(path)).replace("{}", str(path)) for word in line.split(" ")]
    for terminal in ("", "1"):
        env = {"FORCE_COLOR": terminal} if terminal else {}
        result = CliRunner(env=env).invoke(app, words, prog_name="fuse")
        text = result.stdout + result.stderr
        assert "[red]" in text  # as it is: no markup
        plain = text.replace("\x1b[0m", "").replace("\x1b[1m", "")
        assert not set(plain) & set("\x07\u202e\x9b\r"), ascii(text)
        assert "\x1b[2J" not in text
    run = subprocess.run(
        [sys.executable, "-m", "featfuse_cli", *words], capture_output=True, check=False, cwd=tmp_path
    )
    assert not set(run.stdout + run.stderr) & set(b"\x1b\x07\r\x9b"), run.stdout + run.stderr
