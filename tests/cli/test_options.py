"""What the commands share beside the options of a fusion."""

from featfuse.process.limits import DEFAULT_MEMORY
from featfuse_cli.app import app
from typer.main import get_command


def test_the_default_memory_is_the_library_s():
    for command in ("run", "batch"):
        (memory,) = (it for it in get_command(app).commands[command].params if it.name == "memory")
        assert memory.default == DEFAULT_MEMORY
