"""The names of the element types, and what other people call them."""

import featfuse
import numpy as np
import pytest
from featfuse.errors import UsageError
from featfuse.model.dtype_names import DTYPE_NAMES, OFFERED, dtype_hint


def test_all_are_offered() -> None:
    assert sorted(OFFERED) == sorted(DTYPE_NAMES)


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("fp16", "float16"),
        ("half", "float16"),
        ("torch.half", "float16"),
        ("bf16", "bfloat16"),
        ("BF16", "bfloat16"),
        ("torch.bfloat16", "bfloat16"),
        ("f32", "float32"),
        ("fp32", "float32"),
        ("float", "float32"),
        ("single", "float32"),
        ("<f4", "float32"),
        ("Float32", "float32"),
        ("double", "float64"),
        ("np.float64", "float64"),
        ("fp8", "float8_e4m3fn or float8_e5m2"),
        ("F8_E4M3", "float8_e4m3fn"),
        ("int", "int32 or int64"),
        ("long", "int64"),
        ("|u1", "uint8"),
        ("i8", "int8 or int64"),
        ("floa32", "float32"),
    ],
)
def test_other_names_lead_to_ours(word: str, names: str) -> None:
    assert dtype_hint(word) == f"Did you mean {names}?"


def test_what_is_like_nothing_gets_them_all() -> None:
    assert dtype_hint("zzz") == f"Choose from: {', '.join(OFFERED)}."


@pytest.mark.parametrize("dtype", ["fp16", "torch.half"])
def test_a_wrong_name_is_found_before_any_file_is_opened(dtype: str) -> None:
    with pytest.raises(UsageError, match=f"`dtype`: unknown dtype '{dtype}'") as caught:
        featfuse.fuse("nowhere.npy", dtype=dtype)
    assert caught.value.hint == "Did you mean float16?"


@pytest.mark.parametrize("dtype", ["float16", np.float16, np.dtype("float16")])
def test_what_has_a_name_is_taken_by_it(dtype: object) -> None:
    assert featfuse.fuse(np.ones((2, 3), np.float32), dtype=dtype).dtype == np.float16
