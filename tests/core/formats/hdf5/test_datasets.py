"""What is told of a dataset: of a tensor, of a dimension scale, and of what is neither."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.formats.hdf5.chunk_cache import CACHE_BYTES
from featfuse.formats.hdf5.datasets import is_scale, tensor_facts
from featfuse.formats.hdf5.tree import Refused
from featfuse.io.readers import open_input
from featfuse.model.dtypes import DTYPES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a bit of everything."""
    with h5py.File(tmp_path / "x.h5", "w") as file:
        made = file.create_dataset("labelled", data=np.zeros((2, 3), ">f4"), chunks=(1, 3))
        made.dims[0].label, made.dims[1].label = "height", "width"
        file["lat"] = np.arange(4.0)
        file["lat"].make_scale("lat")
        file["on/grid"] = np.zeros((4, 5), np.int16)
        file["on/grid"].dims[0].attach_scale(file["lat"])
        file["complex"] = np.zeros((3, 4), np.complex64)
        file["nothing"] = h5py.Empty("f4")
        file["text"] = ["a", "b"]
        file["scalar"] = np.float64(1)
        file["dots"] = h5py.SoftLink("/scalar")
        file["twice"] = file["labelled"]
    return tmp_path / "x.h5"


def test_facts_are_those_of_the_header(path: Path) -> None:
    with h5py.File(path) as file:
        facts = tensor_facts(file["labelled"].id)
        assert facts == ((2, 3), DTYPES["float32"], "HW", "dimension labels", (1, 3), 0)
        assert tensor_facts(file["scalar"].id) == ((), DTYPES["float64"], None, None, None, 0)
        assert [name for name in ("lat", "scalar", "labelled", "text") if is_scale(file[name].id)] == ["lat"]
        with pytest.raises(Refused, match="is empty"):
            tensor_facts(file["nothing"].id)


def test_chunks_that_must_be_unpacked_are_counted(path: Path) -> None:
    side = int((CACHE_BYTES // 4) ** 0.5) + 1
    with h5py.File(path, "w") as file:
        for name, how in (("packed", {"compression": "gzip"}), ("plain", {})):
            file.create_dataset(name, (side, side), "f4", chunks=(side, side), **how)
        assert tensor_facts(file["packed"].id).unpacked == 4 * side * side
        assert tensor_facts(file["plain"].id).unpacked == 0


KEYS = ["dots", "labelled", "on/grid", "scalar", "twice"]


def check(path: Path) -> None:
    with open_input(str(path)) as reader:
        assert list(reader.specs()) == KEYS
        assert list(reader.aside()) == ["lat"]
        assert {key: spec == reader.find(key) for key, spec in reader.specs().items()} == dict.fromkeys(
            KEYS, True
        )
        refused = {key: (it.shape, it.dtype, it.nbytes) for key, it in reader.refusals().items()}
    assert refused == {
        "complex": ((3, 4), "complex64", 96),
        "nothing": (None, "float32", None),
        "text": ((2,), "", None),
    }


def test_the_whole_file_is_listed(path: Path) -> None:
    check(path)


def test_what_the_child_lists_is_the_same(path: Path) -> None:
    """Where a child reads first, the list is the child's, and this process walks over no tree."""
    code = f"""
from pathlib import Path
from featfuse.process import sandbox
sandbox.enable()
from featfuse.formats.hdf5 import reader
from tests.core.formats.hdf5.test_datasets import check
own, walk = [], reader.walk
reader._open_in_child.__globals__["walk"] = lambda file: own.append(1) or walk(file)
check(Path({str(path)!r}))
assert not own
"""
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
