"""Tensors of other libraries: seen without a copy, given back as they came, refused where they cannot be."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import featfuse
import numpy as np
import pytest
from featfuse import InputError, RunError
from featfuse.io.foreign import as_numpy, is_foreign, made_like
from featfuse.model.dtypes import DTYPES


class Foreign:
    """An array of a library that has no name for itself."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.place = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.place


class Standard(Foreign):
    """An array of a library that follows the array API standard."""

    def __array_namespace__(self):
        library = ModuleType("standard")
        library.from_dlpack = lambda array: Standard(np.from_dlpack(array))
        return library


def test_what_is_numpys_stays_as_it_is():
    x = np.arange(6.0).reshape(2, 3)
    assert as_numpy(x, "x") is x
    assert made_like(x, x) is x
    assert not any(map(is_foreign, (x, x[0, 0], "x.npy", (2, 3), [1.0])))


def test_memory_is_shared():
    x = np.arange(6.0).reshape(2, 3).T
    seen = as_numpy(Foreign(x), "x")
    assert np.shares_memory(seen, x)
    assert np.array_equal(seen, x)


def test_a_mask_is_not_lost():
    x = np.ma.masked_greater(np.arange(6.0), 3)
    with pytest.raises(InputError, match=r"input 1 is a masked array.*2 of 6 values") as caught:
        featfuse.resize(x, 3)
    assert "filled" in caught.value.hint
    assert featfuse.resize(np.ma.asarray(np.ones(6)), 3).tolist() == [1, 1, 1]


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_a_library_gets_its_own_back(shape):
    x = np.ones(shape, np.float32)
    again = made_like(x, Standard(x))
    assert isinstance(again, Standard)
    assert np.shares_memory(again.array, x) or not x.size
    assert made_like(x, Foreign(x)) is x, "nobody to make it"


class Cuda(Foreign):
    device = "cuda:0"

    def cpu(self):
        raise AssertionError("nothing is fetched unasked")


@pytest.mark.parametrize(
    ("value", "words", "hint"),
    [
        (Cuda(np.ones(2), (2, 0)), "input 1 is on the device cuda:0", "Give it as x.cpu()."),
        (Foreign(np.ones(2), (8, 0)), "input 1 is on the device 8", "Copy it to the CPU."),
        (Foreign(np.array(["text"])), "input 1 cannot be read as an array", ""),
    ],
    ids=["cuda", "elsewhere", "no numbers"],
)
def test_refusals(value, words, hint):
    with pytest.raises(InputError, match=words) as caught:
        featfuse.fuse(value)
    assert caught.value.hint == hint


def test_ragged_lists_are_no_array():
    with pytest.raises(InputError, match="input 1 cannot be read as an array"):
        featfuse.fuse([[1.0], [1.0, 2.0]])


class Eager(Foreign):
    """Like a tensor of TensorFlow: without `view`, made by `convert_to_tensor`."""

    @property
    def dtype(self):
        return SimpleNamespace(name=self.array.dtype.name)

    def __array__(self, dtype=None, copy=None):
        return self.array

    def __array_namespace__(self):
        library = ModuleType("eager")
        library.convert_to_tensor = Eager
        return library


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_library_without_from_dlpack_gets_its_own_back(name):
    result = featfuse.fuse(Eager(np.ones((2, 3), DTYPES[name])), Eager(np.ones((2, 3), DTYPES[name])))
    assert isinstance(result, Eager)
    assert result.array.dtype == DTYPES[name]
    assert np.all(result.array == 2)


def test_texts_are_refused_before_dlpack_sees_them():
    class Texts(Eager):
        dtype = SimpleNamespace(name="string")

        def __dlpack__(self, **options):
            raise AssertionError("TensorFlow ends the process here")

    with pytest.raises(InputError, match="input 1: dtype string is not supported"):
        featfuse.fuse(Texts(np.ones(2)))


def test_a_library_may_lack_the_type():
    class Poor(Standard):
        def __array_namespace__(self):
            library = super().__array_namespace__()

            def refuse(array):
                raise TypeError("no such type")

            library.from_dlpack = refuse
            return library

    with pytest.raises(RunError, match="standard takes no array of float32: no such type") as caught:
        made_like(np.ones(2, np.float32), Poor(np.ones(2)))
    assert "--dtype" in caught.value.hint


# ------------------------------------------------------------------------------------------------ torch

NAMES = [
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "float8_e4m3fn",
    "float8_e5m2",
    "bool",
    "uint8",
    "int64",
    "uint16",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 2)])
def test_a_tensor_comes_and_goes(name, shape):
    torch = pytest.importorskip("torch")
    x = torch.ones(shape, dtype=torch.float32).to(getattr(torch, name))
    seen = as_numpy(x, "x")
    assert seen.dtype == DTYPES[name]
    assert seen.shape == shape
    assert (seen.astype(np.float32) == 1).all()
    again = made_like(seen.copy(), x)
    assert again.dtype == x.dtype
    assert again.shape == x.shape
    assert bool((again.to(torch.float32) == 1).all())


def test_tensors_in_a_tensor_out():
    torch = pytest.importorskip("torch")
    x, y = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 4, 4).permute(0, 1, 3, 2)
    kept = x.clone(), y.clone()
    out = featfuse.fuse(x, y, method="bilinear", layout="NCHW")
    expected = x + torch.nn.functional.interpolate(y, size=(8, 8), mode="bilinear")
    assert isinstance(out, torch.Tensor)
    torch.testing.assert_close(out, expected)
    out += 1
    assert torch.equal(x, kept[0])
    assert torch.equal(y, kept[1])
    assert isinstance(featfuse.resize(x, (4, 4), method="area", layout="NCHW"), torch.Tensor)


def test_the_library_is_that_of_the_first_array(tmp_path):
    torch = pytest.importorskip("torch")
    x, y = torch.ones(4, 4), np.ones((4, 4), np.float32)
    np.save(tmp_path / "z.npy", y)
    assert isinstance(featfuse.fuse(x, y), torch.Tensor)
    assert isinstance(featfuse.fuse(y, x), np.ndarray)
    assert isinstance(featfuse.fuse(str(tmp_path / "z.npy"), x), torch.Tensor)
    assert isinstance(featfuse.fuse(y, y, mask=x, layout="HW"), np.ndarray)
    report = featfuse.fuse(x, x, out=tmp_path / "o.npy")
    assert report.output.shape == (4, 4)
    assert featfuse.inspect(x, y).output.shape == (4, 4)


def test_tensors_beside_the_inputs():
    torch = pytest.importorskip("torch")
    x, y = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8)
    mask, kernel = torch.rand(8, 8), torch.randn(5, 3, 1, 1, dtype=torch.bfloat16)
    masked = featfuse.fuse(x, y, mask=mask, layout="NCHW")
    torch.testing.assert_close(masked, x + mask * y)
    mixed = featfuse.fuse(x, y, reduce="conv1x1", kernel=kernel, layout="NCHW")
    torch.testing.assert_close(mixed, torch.nn.functional.conv2d(x + y, kernel.float()), atol=1e-4, rtol=1e-4)
    assert featfuse.resize(x, None, method="bilinear", like=y[:, :, :5], layout="NCHW").shape == (1, 3, 5, 8)


def test_bfloat16_is_computed_and_given_back_as_such():
    torch = pytest.importorskip("torch")
    x = torch.randn(1, 3, 8, 8).to(torch.bfloat16)
    out = featfuse.resize(x, (5, 5), layout="NCHW", antialias=True)
    assert out.dtype == torch.bfloat16
    assert featfuse.fuse(x, x, dtype=torch.float16).dtype == torch.float16


def test_a_tensor_that_learns_is_refused():
    torch = pytest.importorskip("torch")
    x = torch.nn.Parameter(torch.ones(4, 4))
    with pytest.raises(InputError, match=r"^input 2 requires a gradient") as caught:
        featfuse.fuse(torch.ones(4, 4), x)
    assert caught.value.hint == "Give it as x.detach()."
    assert isinstance(featfuse.fuse(x.detach()), torch.Tensor)


def test_a_tensor_without_memory_is_refused():
    torch = pytest.importorskip("torch")
    for tensor in (
        torch.ones(2, device="meta"),
        torch.ones(2, 2).to_sparse(),
        torch.ones(2, dtype=torch.complex64),
    ):
        with pytest.raises(InputError, match=r"^input 1\b"):
            featfuse.fuse(tensor)


def test_a_class_of_ones_own_is_still_torchs():
    torch = pytest.importorskip("torch")

    class Map(torch.Tensor):
        pass

    assert isinstance(featfuse.fuse(torch.ones(2, 2).as_subclass(Map)), torch.Tensor)


def test_no_library_is_imported():
    code = (
        "import sys, numpy, featfuse; featfuse.fuse(numpy.ones((2, 2)), numpy.ones((2, 2)));"
        "sys.exit(bool({'torch', 'jax', 'tensorflow', 'rich', 'typer'} & set(sys.modules)))"
    )
    env = {"PYTHONPATH": str(Path(featfuse.__file__ or "").parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0
