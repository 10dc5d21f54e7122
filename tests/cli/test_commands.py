"""A call builds the command that it names, and no other."""

import pytest

NEVER = {"pydantic", "dask", "distributed", "featfuse.batches", "featfuse_cli.batch"}

NO_ARRAYS = NEVER | {"numpy", "h5py", "safetensors", "ml_dtypes", "rich.console", "featfuse.fusion"}


def test_the_version_needs_no_command(loaded):
    modules = loaded("--version")
    assert not modules & NO_ARRAYS
    assert not modules & {"featfuse.request.options", "featfuse_cli.run", "featfuse_cli.inspect", "rich"}


@pytest.mark.parametrize("line", ["run --help", "inspect --help", "methods --help"])
def test_help_builds_one_command(loaded, line):
    modules = loaded(line)
    assert not modules & ({"numpy", "featfuse.fusion"} | NEVER)
    others = {"run", "inspect", "methods"} - {line.split()[0]}
    assert not modules & {f"featfuse_cli.{name}" for name in others}
