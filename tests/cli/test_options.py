"""The options that commands share: the library's choices and defaults."""

import pytest
from featfuse.model.dtypes import DTYPES
from featfuse.process.limits import DEFAULT_MEMORY
from featfuse.request.options import CHOICES
from featfuse_cli.app import app
from featfuse_cli.options import DTYPE_NAMES, choice_help
from typer.main import get_command


def params(command: str) -> dict[str, object]:
    return {param.name: param for param in get_command(app).commands[command].params}


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_every_choice_is_offered(name):
    assert set(CHOICES[name]) <= set(choice_help(name))


def test_dtype_names_are_the_library_s():
    assert set(DTYPE_NAMES) == set(DTYPES)


def test_the_default_memory_is_the_library_s():
    assert params("run")["memory"].default == DEFAULT_MEMORY
