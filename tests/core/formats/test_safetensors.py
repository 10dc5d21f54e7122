"""Safetensors files that others wrote."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from featfuse.errors import InputError
from featfuse.io.readers import open_input
from featfuse.io.selection import select
from featfuse.model.tensor import TensorSpec

from tests.support.files import entry, header
from tests.support.malformed import load


def spec_of(path: Path, key: str | None = None) -> TensorSpec:
    with open_input(str(path)) as reader:
        return select(reader, key)[0]


def test_bfloat16_by_the_reference_library(tmp_path: Path) -> None:
    array = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
    safetensors.numpy.save_file({"a": array, "odd": np.arange(3, dtype=np.uint8)}, tmp_path / "x.safetensors")
    back = load(tmp_path / "x.safetensors", "a")
    assert back.dtype == array.dtype
    assert back.tobytes() == array.tobytes()


def test_unaligned_safetensors_and_padded_headers(tmp_path: Path) -> None:
    data = b"\x01" + np.float64([1, 2]).tobytes()
    text = json.dumps({"b": entry("U8", [1], 0, 1), "a": entry("F64", [2], 1, 17)}) + "     "
    (tmp_path / "x.safetensors").write_bytes(header(text, data))
    np.testing.assert_array_equal(load(tmp_path / "x.safetensors", "a"), [1, 2])


def test_legal_dtypes_that_are_not_supported_hurt_only_when_asked_for(tmp_path: Path) -> None:
    entries = {"c": entry("C64", [1], 0, 8), "f4": entry("F4", [4], 8, 10), "a": entry("U8", [2], 10, 12)}
    (tmp_path / "x.safetensors").write_bytes(header(entries, bytes(12)))
    assert spec_of(tmp_path / "x.safetensors").key == "a"
    with pytest.raises(InputError, match=r"x.safetensors::c: its dtype C64 is not supported"):
        load(tmp_path / "x.safetensors", "c")


@pytest.mark.parametrize(
    ("metadata", "layout", "source"),
    [
        ({"layout": "NCHW"}, "NCHW", "metadata entry layout"),
        ({"layout": "nhwc"}, "NHWC", "metadata entry layout"),
        ({"layout": "NCHW", "layout.a": "NHWC"}, "NHWC", "metadata entry layout.a"),
        ({"layout": "CHW"}, None, None),  # of another rank
        ({"layout": "row-major"}, None, None),
        ({"layout.b": "NHWC"}, None, None),
        ({"layout": "NHHC"}, None, None),
    ],
)
def test_layout_metadata(
    tmp_path: Path, metadata: dict[str, str], layout: str | None, source: str | None
) -> None:
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file({"a": np.zeros((1, 2, 3, 4))}, path, metadata)
    spec = spec_of(path)
    assert (spec.layout, spec.layout_source) == (layout, source)


# ----------------------------------------------------------------------------------------------- malformed

F4 = np.float32([1, 2]).tobytes()
