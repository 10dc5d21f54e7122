"""`fuse methods`: everything in the tables is shown, nothing is cut."""

import pytest
from featfuse.methods import ALIASES, METHODS
from featfuse.methods.conventions import CONVENTIONS
from featfuse.request.combining import CHANNEL_MODES, COMBINES
from featfuse.request.defaults import conventions_of
from featfuse.request.table import OPTIONS
from featfuse.wording import flag


def words(text: str) -> str:
    """The text without its line breaks and columns."""
    return " ".join(text.split())


def test_overview_lists_every_row_of_every_table(fuse):
    result = fuse("methods")
    assert result.exit_code == 0
    first_words = {line.split()[0] for line in result.stdout.splitlines() if line.strip()}
    assert {*METHODS, *COMBINES, *CHANNEL_MODES, *CONVENTIONS} <= first_words
    for alias, name in ALIASES.items():
        assert f"{alias} = {name}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", METHODS)
def test_one_method_in_full(fuse, name):
    result = fuse("methods", name)
    text, row = words(result.stdout), METHODS[name]
    assert result.exit_code == 0
    assert text.startswith(f"{name}: {row.summary}")
    assert max(map(len, result.stdout.splitlines())) <= 80
    for option in row.options:
        line = next(line for line in result.stdout.splitlines() if line.startswith(flag(option)))
        assert len(line.split()) > 2  # its values and its default stand beside it
        for choice in conventions_of(row) if option == "convention" else OPTIONS[option].chosen_from:
            assert choice in text


def test_defaults_by_convention(fuse):
    lines = [line.split() for line in fuse("methods", "bicubic").stdout.splitlines()]
    assert ["torch", "half-pixel", "no", "clamp", "/", "renormalize", "-0.75", "/", "-0.5"] in lines
    assert ["pillow", "half-pixel", "yes", "renormalize", "-0.5"] in lines
    nearest = [line.split() for line in fuse("methods", "nearest").stdout.splitlines()]
    assert ["onnx", "half-pixel", "prefer-floor"] in nearest


def test_a_method_s_own_convention(fuse):
    for name in ("bilinear", "lanczos3"):
        line = next(
            row for row in fuse("methods", name).stdout.splitlines() if row.startswith("--convention")
        )
        assert line.split()[-1] == METHODS[name].convention


def test_markup_in_a_table_is_text(fuse):
    assert "x[::k], the ResNet" in fuse("methods", "stride").stdout


def test_an_alias(fuse):
    assert fuse("methods", "trilinear").stdout == fuse("methods", "bilinear").stdout


def test_a_misspelt_name(fuse):
    result = fuse("methods", "bilinaer")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "error: unknown method 'bilinaer'\nDid you mean bilinear?\n"


@pytest.mark.parametrize(
    ("name", "option"), [("concat", "combine"), ("tile", "channels"), ("tf", "convention")]
)
def test_a_name_from_another_table(fuse, name, option):
    result = fuse("methods", name)
    assert result.exit_code == 2
    assert f"choice of --{option}" in result.stderr
