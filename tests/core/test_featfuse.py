"""What is public, that it is documented, and that importing it costs nothing."""

import inspect
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import get_type_hints

import featfuse
import pytest
from featfuse.batches import BatchOptions
from featfuse.request.options import FusionOptions
from featfuse.request.table import OPTIONS

VERBS = ("fuse", "inspect", "resize", "batch")


# ------------------------------------------------------------------------------------ public surface


def test_all_is_what_can_be_imported() -> None:
    assert len(set(featfuse.__all__)) == len(featfuse.__all__)
    assert dir(featfuse) == sorted(featfuse.__all__)
    for name in featfuse.__all__:
        assert getattr(featfuse, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'fuze'"):
        featfuse.fuze  # noqa: B018


@pytest.mark.parametrize("name", [name for name in featfuse.__all__ if name != "__version__"])
def test_everything_public_is_documented(name: str) -> None:
    value = getattr(featfuse, name)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        assert len(value) > 1, "a table with rows"
        return
    assert len(inspect.getdoc(value) or "") > 40
    if inspect.isclass(value):
        public = [member for key, member in vars(value).items() if not key.startswith("_")]
        assert all(inspect.getdoc(member) for member in public if inspect.isfunction(member))


@pytest.mark.parametrize("verb", ["fuse", "inspect", "batch"])
def test_verbs_say_what_they_raise(verb: str) -> None:
    assert "Raises" in (inspect.getdoc(getattr(featfuse, verb)) or "")


def test_options_are_the_same_everywhere() -> None:
    assert set(get_type_hints(FusionOptions)) == set(OPTIONS)
    own = {
        "fuse": [
            "inputs",
            "out",
            "force",
            "sync",
            "dry_run",
            "sidecar",
            "save_kernel",
            "memory",
            "threads",
            "progress",
            "options",
        ],
        "inspect": ["inputs", "stats", "memory", "progress", "options"],
        "resize": ["x", "size", "memory", "threads", "options"],
        "batch": ["patterns", *BatchOptions.__dataclass_fields__, "stream", "options"],
    }
    for verb in VERBS:
        parameters = inspect.signature(getattr(featfuse, verb)).parameters
        assert list(parameters) == own[verb]
        assert not set(parameters) & set(OPTIONS)


@pytest.mark.parametrize(
    "module",
    [
        "featfuse",
        "featfuse.request.options",
        "featfuse.request.table",
        "featfuse.model.dtype_names",
        "featfuse.methods",
        "featfuse.errors",
        "featfuse.request.combining",
    ],
)
def test_importing_loads_no_numpy(module: str) -> None:
    """So that help and completion are instant."""
    code = f"import sys, {module}; sys.exit('numpy' in sys.modules)"
    env = {"PYTHONPATH": str(Path(featfuse.__file__ or "").parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0


# ---------------------------------------------------------------------------------------------- for checkers

TYPED = """
import featfuse
import numpy as np
import numpy.typing as npt
from pathlib import Path
from typing import Any

class Tensor:
    def __dlpack__(self, *, stream: int | None = -1) -> object:
        return self

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

x: npt.NDArray[Any] = np.ones((1, 3, 8, 8))
y: npt.NDArray[Any] = featfuse.fuse(x, x, method="bilinear", channels="tile", dtype="float16")
z: npt.NDArray[Any] = featfuse.fuse("a.npy", Path("b.npy"), dtype=np.float16, memory="1G", save_kernel="k")
t: Tensor = featfuse.fuse(Tensor(), x, Tensor(), mask=Tensor(), dtype=x.dtype)
t = featfuse.resize(Tensor(), (4, 4), method="linear", pad_mode="replicate")
r: featfuse.ShapeReport = featfuse.fuse(Tensor(), out="o.npy", dry_run=True, force=True, reduce="gap")
b: featfuse.BatchResult = featfuse.batch("a/", Path("b"), out=Path("o"), method="pad", stream=True)
"""

WRONG = [
    'featfuse.fuse(x, method="bilinaer")',
    'featfuse.fuse(x, out="o.npy", channels="tiles")',
    'featfuse.resize(x, 4, pad_mode="mirror")',
    'featfuse.resize(x, 4, interpolation="crop")',
    'featfuse.inspect(x, reduce="conv")',
    'featfuse.batch("a/", out="o/", mask_mode="add")',
    'featfuse.fuse(x, dtype="flot32")',
    'featfuse.fuse(x, methd="pad")',
]


@pytest.mark.slow
def test_a_wrong_word_is_a_type_error(tmp_path: Path) -> None:
    if not find_spec("mypy"):
        pytest.skip("mypy is not installed")
    (tmp_path / "right.py").write_text(TYPED)
    (tmp_path / "wrong.py").write_text(TYPED + "\n".join(WRONG) + "\n")
    words = ["--strict", "--no-error-summary", "--hide-error-context", "--cache-dir", str(tmp_path)]
    for name, first in (("right.py", None), ("wrong.py", TYPED.count("\n") + 1)):
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *words, name],
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": str(Path(featfuse.__file__ or "").parents[1])},
            capture_output=True,
            text=True,
            check=False,
        )
        found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if line.startswith(name)}
        assert found == (set() if first is None else set(range(first, first + len(WRONG)))), done.stdout


# ------------------------------------------------------------------------------------ python -m featfuse


def as_module(*words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"import runpy, sys; sys.argv = ['featfuse', *{words!r}]; {before}runpy.run_module('featfuse', "
    line = [sys.executable, "-c", f"{code}run_name='__main__', alter_sys=True)"]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_the_package_run_as_a_module_is_the_command_line() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "featfuse", "--version"], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, f"featfuse {featfuse.__version__}\n")
    told = as_module("inspect", "nowhere.npy")
    assert (told.returncode, told.stderr) == (4, "error: nowhere.npy: no such file\n")


def test_without_the_command_line_it_says_so() -> None:
    told = as_module("--version", before="sys.modules['featfuse_cli'] = None; ")
    assert told.returncode == 1
    assert told.stderr.startswith("error: the library is here without its command line\n")
