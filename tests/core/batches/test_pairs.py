"""--pairs: CSV, JSON lines and standard input."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from featfuse.errors import InputError, UsageError


def write_csv(*lines):
    Path("p.csv").write_text("\n".join(lines) + "\n")


def test_csv(pairs, run, fused):
    pairs(2)
    write_csv("low,high,out", "b/0.npy,a/0.npy,x/zero.npy", "b/1.npy,a/1.npy,one.safetensors")
    done = run(pairs="p.csv", out="o")
    assert {name: it.status for name, it in done.items()} == {"x/zero.npy": "done", "one.safetensors": "done"}
    assert np.array_equal(np.load("o/x/zero.npy"), fused("b/0.npy", "a/0.npy"))
    assert Path("o/manifest.jsonl").exists()


def test_the_column_out_stands_anywhere_and_names_may_repeat(pairs, run, fused):
    pairs(2)
    write_csv("out, in, in", "c.npy,a/0.npy,b/1.npy")
    assert run(pairs="p.csv")["c.npy"].status == "done"
    assert np.array_equal(np.load("c.npy"), fused("a/0.npy", "b/1.npy"))


def test_csv_of_a_spreadsheet(maps, run):
    maps("a/{}.npy", ["with, comma"])
    Path("p.csv").write_bytes('\ufeffout,a\r\nx.npy,"a/with, comma.npy"\r\n\r\n'.encode())
    assert run(pairs="p.csv", out="o", method="strict")["x.npy"].error is None


def test_json_lines(pairs, run, fused):
    pairs(2)
    rows = [{"inputs": [f"a/{i}.npy", f"b/{i}.npy"], "out": f"é{i}.npy"} for i in range(2)]
    Path("p.jsonl").write_text("\n\n".join(json.dumps(row) for row in rows))
    assert {it.status for it in run(pairs="p.jsonl", out="o").values()} == {"done"}
    assert np.array_equal(np.load("o/é1.npy"), fused("a/1.npy", "b/1.npy"))


def test_standard_input(pairs, run, monkeypatch):
    pairs(1)
    monkeypatch.setattr("sys.stdin", io.StringIO("a,b,out\na/0.npy,b/0.npy,c.npy\n"))
    assert run(pairs="-", out="o")["c.npy"].status == "done"


def test_keys_on_both_sides(maps, run):
    maps("{}.safetensors", ["s"])
    write_csv("a,out", "s.safetensors::feat,f.h5::x", "s.safetensors::feat,f.h5::y")
    assert {it.status for it in run(pairs="p.csv", out="o", method="strict").values()} == {"done"}


def test_problems_of_single_rows(pairs, run):
    pairs(1)
    write_csv(
        "a,b,out",
        "a/0.npy,b/0.npy,good.npy",
        "a/0.npy,nowhere.npy,absent.npy",
        "a/0.npy,b/0.npy,",
        ",,none.npy",
        "a/0.npy,b/0.npy,../up.npy",
        "a/0.npy,b/0.npy,/abs.npy",
        "a/0.npy,b/0.npy,x.txt",
        "a/0.npy,b/0.npy,x.npy::key",
        "a/0.npy,b/0.npy,x.h5::../key",
    )
    done = run(pairs="p.csv", out="o")
    assert {name for name, it in done.items() if it.status == "done"} == {"good.npy"}
    reasons = {name: it.error or "" for name, it in done.items() if it.status == "failed"}
    assert len(reasons) == 8
    assert reasons["absent.npy"] == "no such file: nowhere.npy"
    assert "no inputs or no out" in reasons["row 3"]
    assert "no inputs or no out" in reasons["none.npy"]
    assert "not a plain name" in reasons["../up.npy"]
    assert "not a plain name" in reasons["/abs.npy"]
    assert "names no format" in reasons["x.txt"]
    assert "without a key" in reasons["x.npy::key"]
    assert "not a name for a tensor" in reasons["x.h5::../key"]
    assert not Path("up.npy").exists()
    allowed = run(pairs="p.csv", out="o2", allow_missing=True)
    assert allowed["absent.npy"].status == "missing"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the first line must name the columns"),
        ("a,b\nx,y\n", "the first line must name the columns"),
        ("out\nx\n", "the first line must name the columns"),
        ("a,out,out\n1,2,3\n", "the first line must name the columns"),
        ("a,out\n", "no items in it"),
        ("a,b,out\nx.npy,y.npy,z.npy,w.npy\n", "line 2 has 4 columns, not 3"),
        ("a,b,out\nx.npy,z.npy\n", "line 2 has 2 columns, not 3"),
        ('a,out\n"x.npy,y.npy\n', "line 2 is no CSV"),
        ('{"inputs": ["a.npy"], "out": "b.npy"}\n{"inputs": [', "line 2 is not an item"),
        ('{"inputs": ["a.npy"]}', "line 1 is not an item: no 'out'"),
        ('{"inputs": "a.npy", "out": "b.npy"}', "inputs must be a list of texts"),
        ('{"inputs": ["a.npy"], "out": null}', "out and mask a text"),
        ('{"inputs": ["a.npy"], "out": "b.npy", "mask": 1}', "out and mask a text"),
        ("mask,out\nm.npy,x.npy\n", "the first line must name the columns"),
        ("a,mask,mask,out\na.npy,m.npy,n.npy,x.npy\n", "the first line must name the columns"),
    ],
)
def test_files_that_are_no_pairs(text, words, plan):
    Path("p").write_text(text)
    with pytest.raises(InputError) as caught:
        plan(pairs="p", out="o")
    assert words in str(caught.value)
    assert "--pairs p" in str(caught.value)


def test_a_file_that_cannot_be_read(plan):
    with pytest.raises(InputError, match=r"--pairs nowhere\.csv: no such file"):
        plan(pairs="nowhere.csv")
    with pytest.raises(InputError, match=r"--pairs \.: cannot be read: Is a directory$"):
        plan(pairs=".")
    Path("bad.csv").write_bytes(b"a,out\n\xff,x.npy\n")
    with pytest.raises(InputError, match=r"--pairs bad\.csv: cannot be read"):
        plan(pairs="bad.csv")


def test_pairs_and_patterns_exclude_each_other(pairs, plan):
    pairs(1)
    with pytest.raises(UsageError, match="--pairs takes the place of patterns"):
        plan("a/", pairs="p.csv", out="o")


def test_include_and_exclude_go_by_the_output(pairs, plan):
    pairs(2)
    write_csv("a,out", "a/0.npy,x/0.npy", "a/1.npy,y/1.npy")
    assert [item.id for item in plan(pairs="p.csv", include=("y/*",)).items] == ["y/1.npy"]
    with pytest.raises(InputError, match="leave nothing of 2 items"):
        plan(pairs="p.csv", exclude=("*",))
