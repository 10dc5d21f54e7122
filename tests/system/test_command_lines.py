"""Whatever is asked for ends in a documented exit code, without a traceback, and writes what it says.

Command lines of options, values and files of all kinds, most of them nearly right.
"""

import contextlib
import json
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from featfuse.methods import METHODS as TABLE
from featfuse.request.table import OPTIONS
from hypothesis import given
from hypothesis import strategies as st

from tests.support.amounts import few_or_many
from tests.support.drawing import drawn, run_fuse
from tests.support.reference.files import write

Draw = Callable[[Any], Any]

WORDS = (
    "",
    "0",
    "-1",
    "2",
    "3x4",
    "1e400",
    "nan",
    "HW",
    "NHWC",
    "H:1",
    "auto",
    "conv1x1",
    "x" * 300,
    "\x1b[31m",
    "é",
)
FILES_GIVEN = (
    "a.npy",
    "b.npy",
    "c.h5",
    "c.h5::x",
    "d.safetensors",
    "e.npz",
    "text.npy",
    "none.npy",
    "cut.npy",
    "lfs.h5",
)
"""Good files four times in five: most cases get as far as the planning."""

CHOSEN: dict[str, tuple[str, ...]] = {
    **{row.flag: row.chosen_from for row in OPTIONS.values() if row.choices},
    "--to": ("largest", "smallest", "first", "last", "4x4", "2x3x4", "7", "0x4", "4x4x4x4"),
    "--like": FILES_GIVEN,
    "--layout": ("NCHW", "NHWC", "HWC", "CHW", "HW", "NLC", "NCHW,NHWC", "NCHW,HW", "QQ", "CC"),
    "--weights": ("1,2", "0,0", "-1,1", "1", "1,2,3", "inf,1", "a.npy"),
    "--cubic-a": ("-0.5", "nan", "1e300"),
    "--pad-value": ("0", "-1.5", "nan", "inf", "1e300", "300"),
    "--offset": ("H:1", "H:3,W:1", "W:-1", "C:1", "H"),
    "--pool-size": ("2", "3x3", "0", "99"),
    "--pool-stride": ("1", "2", "0"),
    "--pool-padding": ("0", "1", "9", "same", "1+2", "1x0+1", "1+"),
    "--pool-dilation": ("1", "2", "0", "99"),
    "--p": ("2", "3", "0.5", "0", "-1", "inf", "1e300"),
    "--mask": ("auto", *FILES_GIVEN),
    "--kernel": FILES_GIVEN,
    "--bias": FILES_GIVEN,
    "--stride": ("2", "0", "1x2"),
    "--padding": ("1", "same", "-1"),
    "--out-channels": ("1", "3", "0", "99"),
    "--seed": ("0", "-1"),
    "--grid": ("2x2", "14x14", "0x1"),
    "--skip-tokens": ("0", "1", "99"),
    "--dtype": (
        "float16",
        "bfloat16",
        "float32",
        "int8",
        "uint8",
        "int64",
        "bool",
        "float8_e4m3fn",
        "complex64",
    ),
    "--memory": ("1M", "1", "64K", "0", "1T", "x"),
    "--threads": ("1", "2", "0", "-1"),
}
GENERAL = (
    "--to",
    "--like",
    "--layout",
    "--combine",
    "--weights",
    "--channels",
    "--mask",
    "--dtype",
    "--on-overflow",
)
GENERAL += ("--normalize", "--reduce", "--out-channels", "--memory", "--threads")
FLAGS = (
    "--antialias",
    "--no-antialias",
    "--ceil-mode",
    "--no-count-include-pad",
    "--mask-invert",
    "--no-keepdims",
)
FLAGS += ("--json", "--quiet", "--dry-run", "--force", "--sidecar") * 3
OUTPUTS = (
    "o.npy",
    "o.npz",
    "o.h5",
    "o.h5::a/b",
    "o.safetensors::k",
    "a.npy",
    "old.npy",
    "no/o.npy",
    "o.xyz",
    ".",
    "",
)
SHAPES = (
    (1, 4, 4, 3),
    (1, 2, 2, 3),
    (1, 3, 4, 4),
    (4, 4),
    (3, 4, 4),
    (2, 5, 3),
    (0, 4, 4, 3),
    (),
    (5,),
    (1, 5, 3),
    (1,) * 7,
)


def draw_words(draw: Draw) -> list[str]:
    """A command line; one value in ten is of the wrong kind."""
    words = draw(st.sampled_from([[], [], [], ["inspect"], ["run"]]))
    good, any_file = FILES_GIVEN[:6], FILES_GIVEN
    words = [*words, *(draw(st.sampled_from(good * 4 + any_file)) for _ in range(draw(st.integers(1, 3))))]
    method = draw(st.sampled_from([*TABLE]))
    own = ["--" + name.replace("_", "-") for name in TABLE[method].options]
    fitting = [flag for flag in (*GENERAL, *own * 2) if flag in CHOSEN]
    flags = st.sampled_from(fitting if draw(st.integers(0, 5)) else sorted(CHOSEN))
    words += ["--method", method] if draw(st.booleans()) else []
    for flag in draw(st.lists(flags, max_size=3, unique=True)):
        value = draw(st.sampled_from(WORDS if draw(st.integers(0, 15)) == 0 else CHOSEN[flag]))
        words.append(f"{flag}={value}")
    words += draw(st.lists(st.sampled_from(FLAGS), max_size=1 + draw(st.integers(0, 1)), unique=True))
    return [*words, f"--out={draw(st.sampled_from(OUTPUTS))}"] if draw(st.booleans()) else words


def make_files(draw: Draw) -> None:
    for name in ("a.npy", "b.npy", "c.h5", "d.safetensors", "e.npz"):
        shape = draw(st.sampled_from(SHAPES[:4] * 2 + SHAPES))
        dtype = draw(st.sampled_from(("float32", "float32", "float16", "int16", "uint8", "bool", "float64")))
        values = np.random.default_rng(len(name)).normal(0, 30, size=shape)
        write(Path(name), (np.abs(values) if dtype == "uint8" else values).astype(dtype), "plain")
    Path("text.npy").write_text("no array\n")
    Path("lfs.h5").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    Path("cut.npy").write_bytes(Path("a.npy").read_bytes()[:-1])
    Path("old.npy").write_bytes(b"old")


def snapshot() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def check_any(draw: Draw, codes: Counter[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        make_files(draw)
        words, before = draw_words(draw), snapshot()
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # as a script's -W error would have it
            result = run_fuse(*words)
        codes[result.exit_code] += 1
        after = snapshot()
        quiet = result.exit_code != 0 or "inspect" in words or "--dry-run" in words
        assert not quiet or after == before, "nothing was to be written"
        changed = {name for name in after if after[name] != before.get(name)}
        assert len(changed) <= (2 if "--sidecar" in words else 1), changed
        assert before.keys() <= after.keys()
        assert "--force" in words or not changed & before.keys(), "something was overwritten"
        if "--json" in words and result.exit_code == 0 and "inspect" not in words:
            assert json.loads(result.stdout)["schema"] == 1
        assert "\x1b[31m" not in result.stderr.replace("\x1b[31merror", "")


@pytest.mark.parametrize("examples", few_or_many(120, 2000))
def test_every_command_line_ends_as_documented(examples: int) -> None:
    codes: Counter[int] = Counter()

    @drawn(examples)
    @given(data=st.data())
    def each(data: st.DataObject) -> None:
        check_any(data.draw, codes)

    each()
    print(codes)
    assert ({0, 1, 2, 3, 4} if examples >= 1000 else {0, 2, 4}) <= codes.keys()
    assert codes[0] > examples / 8
