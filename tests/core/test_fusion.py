"""The Python API: what is public, what it takes and gives, and that importing it costs nothing."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import featfuse
import numpy as np
import pytest
from featfuse import FeatfuseError, InputError, RunError, ShapeError, ShapeReport, UsageError
from featfuse.model.dtypes import DTYPES
from featfuse.request.options import FusionOptions
from featfuse.request.table import OPTIONS

VERBS = ("fuse", "inspect", "resize")


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


@pytest.mark.parametrize("verb", ["fuse", "inspect"])
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
        "inspect": ["inputs", "options"],
        "resize": ["x", "size", "memory", "threads", "options"],
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


def test_errors_have_one_root_and_an_exit_code_each() -> None:
    codes = {kind: kind.exit_code for kind in (RunError, UsageError, ShapeError, InputError)}
    assert codes == {RunError: 1, UsageError: 2, ShapeError: 3, InputError: 4}
    assert all(issubclass(kind, FeatfuseError) for kind in codes)
    error = ShapeError("what", hint="how", commands=["fuse a", "fuse b"])
    assert str(error) == "what\nhow\n  fuse a\n  fuse b"


# ----------------------------------------------------------------------------------------- in and out


def test_arrays_in_array_out() -> None:
    x, y = np.ones((1, 3, 8, 8), np.float32), np.ones((1, 3, 4, 4), np.float32)
    kept = x.copy(), y.copy()
    result = featfuse.fuse(x, y, method="bilinear")
    assert isinstance(result, np.ndarray)
    assert result.shape == (1, 3, 8, 8)
    assert (result == 2).all()
    assert (x == kept[0]).all()
    assert (y == kept[1]).all()


@pytest.mark.parametrize("method", ["strict", "crop", "nearest"])
def test_the_result_is_new_memory_that_can_be_written_to(method: str) -> None:
    x = np.ones((4, 4), dtype=np.float32)
    options: dict[str, Any] = {} if method == "strict" else {"method": method, "to": "3x3"}
    result = featfuse.fuse(x, **options)
    assert result.flags.c_contiguous
    result[...] = 5
    assert (x == 1).all()


def test_anything_numpy_can_read() -> None:
    assert featfuse.fuse([[1.0, 2.0]], [[3.0, 4.0]]).tolist() == [[4.0, 6.0]]  # type: ignore[call-overload]
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert featfuse.fuse(x.T).tolist() == x.T.tolist()
    assert featfuse.fuse(np.asfortranarray(x)).tolist() == x.tolist()
    assert featfuse.fuse(x[::-2, ::2]).tolist() == x[::-2, ::2].tolist()
    x.setflags(write=False)
    assert featfuse.resize(x, (6, 8)).shape == (6, 8)


@pytest.mark.parametrize("code", [">f4", ">f2", ">i8", ">u2", "<f8"])
def test_any_byte_order(code: str) -> None:
    x = np.arange(6).reshape(2, 3).astype(code)
    result = featfuse.fuse(x, x)
    assert result.tolist() == (2 * np.arange(6).reshape(2, 3)).tolist()
    assert result.dtype.isnative
    assert featfuse.resize(x, (4, 6), method="nearest").tolist() == np.kron(x, np.ones((2, 2))).tolist()


def test_scalars() -> None:
    x, y = np.array(1.5, np.float32), np.array(2, np.float32)
    result = featfuse.fuse(x, y)
    assert result.shape == ()
    assert result == 3.5
    assert featfuse.fuse(x, y, combine="stack").tolist() == [1.5, 2.0]
    assert featfuse.fuse(x, np.ones((2, 3), np.float32)).tolist() == [[2.5] * 3] * 2


def test_a_scalar_needs_no_layout() -> None:
    assert featfuse.fuse(np.ones(()), np.ones((1, 2, 3, 4))).shape == (1, 2, 3, 4)


def test_nothing_in_nothing_out() -> None:
    empty, one = np.zeros((0, 3), np.float32), np.ones((1, 3), np.float32)
    assert featfuse.fuse(empty, one).shape == (0, 3)
    assert featfuse.fuse(empty, empty, combine="stack").shape == (2, 0, 3)
    x, y = np.zeros((1, 0, 3, 3), np.float32), np.ones((1, 2, 3, 3), np.float32)
    assert featfuse.fuse(x, y, combine="concat").tolist() == y.tolist()
    assert featfuse.fuse(empty, method="pad", to="2x3", pad_value=7.0).tolist() == [[7.0] * 3] * 2


@pytest.mark.parametrize(
    "value", [np.ones(2, complex), np.array(["a"]), np.array([object()]), np.ones(2, "M8[s]")]
)
def test_unsupported_types_are_named(value: np.ndarray) -> None:
    with pytest.raises(InputError, match="input 2: dtype") as caught:
        featfuse.fuse(np.ones(2), value)
    assert str(value.dtype) in caught.value.message
    assert all(name in caught.value.hint for name in DTYPES)


def test_no_input() -> None:
    with pytest.raises(UsageError, match="no input"):
        featfuse.fuse()
    with pytest.raises(UsageError, match="no input"):
        featfuse.inspect()


def test_a_bare_shape_can_be_planned_and_not_run() -> None:
    assert featfuse.inspect((4, 4), (2, 2), method="nearest").problem is None
    with pytest.raises(InputError, match="input 1 is only a shape"):
        featfuse.fuse((4, 4), (4, 4))


def test_paths_arrays_and_formats_mix(tmp_path: Path) -> None:
    x, y = np.ones((1, 3, 8, 8), np.float32), np.full((1, 3, 4, 4), 2, np.float32)
    np.save(tmp_path / "x.npy", x)
    report = featfuse.fuse(tmp_path / "x.npy", y, out=f"{tmp_path}/f.h5::feat/l3", method="nearest")
    assert isinstance(report, ShapeReport)
    assert report.seconds is not None
    assert report.output is not None
    assert (report.output.key, report.output.format, report.output.shape) == ("feat/l3", "hdf5", (1, 3, 8, 8))
    again = featfuse.fuse(f"{tmp_path}/f.h5::feat/l3", tmp_path / "x.npy", combine="sub")
    assert (again == 2).all()
    assert featfuse.resize(str(tmp_path / "x.npy"), (2, 2)).shape == (1, 3, 2, 2)


def test_an_existing_output_is_kept_unless_forced(tmp_path: Path) -> None:
    x, out = np.ones(3, np.float32), tmp_path / "f.npy"
    featfuse.fuse(x, out=out)
    with pytest.raises(RunError, match="exists"):
        featfuse.fuse(x, x, out=out)
    assert np.load(out).tolist() == [1.0] * 3
    featfuse.fuse(x, x, out=out, force=True)
    assert np.load(out).tolist() == [2.0] * 3


def test_an_output_may_replace_its_own_input(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.arange(6, dtype=np.float32).reshape(2, 3))
    featfuse.fuse(path, path, out=path, force=True, memory="64K")
    assert np.load(path).tolist() == [[0, 2, 4], [6, 8, 10]]


def test_a_dry_run_reports_and_writes_nothing(tmp_path: Path) -> None:
    x = np.ones((4, 4), np.float32)
    report = featfuse.fuse(x, out=tmp_path / "f.npy", method="pad", to="6x6", dry_run=True, sidecar=True)
    assert report.output is not None
    assert report.output.shape == (6, 6)
    assert report.seconds is None
    assert list(tmp_path.iterdir()) == []


def test_a_sidecar_tells_how_it_was_made(tmp_path: Path) -> None:
    import json

    x = np.ones((4, 4), np.float32)
    featfuse.fuse(x, out=tmp_path / "f.npy", method="pad", to="6x6", sidecar=True)
    facts = json.loads((tmp_path / "f.npy.json").read_text())
    assert facts["version"] == featfuse.__version__
    assert facts["pipeline"]["method"] == "pad"
    assert facts["inputs"] == [{"name": "input 1", "shape": [4, 4], "dtype": "float32", "layout": "HW"}]


@pytest.mark.parametrize("option", ["dry_run", "sidecar"])
def test_words_for_files_need_a_file(option: str) -> None:
    with pytest.raises(UsageError):
        featfuse.fuse(np.ones(2), **{option: True})


@pytest.mark.parametrize(
    ("shape", "size", "options", "expected"),
    [
        ((1, 3, 8, 8), (4, 6), {}, (1, 3, 4, 6)),
        ((8, 8), (4, 6), {"method": "bicubic", "convention": "tf"}, (4, 6)),
        ((8,), 5, {}, (5,)),
        ((8,), (5,), {"method": "nearest"}, (5,)),
        ((1, 2, 4, 4, 4), (2, 3, 5), {"layout": "NCDHW"}, (1, 2, 2, 3, 5)),
        ((9, 9), None, {"method": "max-pool", "pool_size": "3"}, (3, 3)),
    ],
)
def test_resize(
    shape: tuple[int, ...], size: Any, options: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert featfuse.resize(np.ones(shape, np.float32), size, **options).shape == expected


def test_like_takes_a_path_an_array_or_a_shape(tmp_path: Path) -> None:
    x, like = np.ones((8, 8), np.float32), np.ones((3, 5), np.float32)
    np.save(tmp_path / "like.npy", like)
    for template in (like, (3, 5), tmp_path / "like.npy", f"{tmp_path}/like.npy"):
        assert featfuse.fuse(x, method="area", like=template).shape == (3, 5)


def test_inspect_never_raises_for_shapes() -> None:
    """It says why not, side by side."""
    report = featfuse.inspect((2, 9, 7, 3), (2, 5, 4, 6), layout="NCHW")
    assert report.problem is not None
    assert report.output is None
    assert [row.sizes for row in report.axes] == [(2, 2), (9, 5), (7, 4), (3, 6)]
    for shapes in [((2, 3), (3, 2)), ((1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1)), ((), (2,), (3, 4, 5))]:
        assert featfuse.inspect(*shapes).compatibility in ("mismatch", "broadcast")
    assert featfuse.inspect((2, 3), (2, 3), layout="DHW").problem is not None


def test_a_file_of_many_tensors_by_glob(tmp_path: Path) -> None:
    """`layer*` stands for all that match, in natural order."""
    np.savez(tmp_path / "f.npz", **{f"l{k}": np.full((1, 2, 2), k, np.float32) for k in (10, 2, 1)})
    result = featfuse.fuse(f"{tmp_path}/f.npz::l*", combine="concat", layout="CHW")
    assert result[:, 0, 0].tolist() == [1.0, 2.0, 10.0]


def test_values_that_python_would_write() -> None:
    x = np.arange(64.0).reshape(1, 1, 8, 8)
    small = featfuse.resize(x, "3x3", layout="NCHW")
    assert np.array_equal(small, featfuse.resize(x, (3, 3), layout="NCHW"))
    for dtype in (np.float16, np.dtype("float16"), np.zeros(1, ">f2").dtype):
        assert featfuse.fuse(x, dtype=dtype).dtype == np.float16
    with pytest.raises(UsageError, match="--dtype"):
        featfuse.fuse(x, dtype=16)
    for yes in (True, 1, np.True_):
        shrunk = featfuse.resize(x, (3, 3), layout="NCHW", antialias=yes)
        assert np.array_equal(shrunk, featfuse.resize(x, (3, 3), layout="NCHW", antialias=True))
    for text in ("no", "yes", "false", 2):
        with pytest.raises(UsageError, match=r"--antialias: .* is neither True nor False"):
            featfuse.resize(x, (3, 3), layout="NCHW", antialias=text)
