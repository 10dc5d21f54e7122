"""The manifest: a JSON line per finished item, append-only; what --resume trusts."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featfuse.errors import RunError
from featfuse.formats import split_input

__all__ = ["Manifest", "input_facts"]


def input_facts(sources: tuple[str, ...]) -> list[dict[str, object]]:
    """Path, size and modification time of every input: what tells that it has changed."""
    facts: list[dict[str, object]] = []
    for source in sources:
        path, key = split_input(source)
        try:
            status = Path(path).stat()
            size, mtime = status.st_size, status.st_mtime_ns
        except OSError:
            size, mtime = -1, -1
        facts.append({"path": path, "key": key, "size": size, "mtime_ns": mtime})
    return facts


class Manifest:
    """One file, opened for appending. A line that a crash tore is passed over, and closed off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, dict[str, Any]] = {}
        self._fd = -1

    def load(self) -> "Manifest":
        """Read what is there: the last line of each item counts."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return self
        except OSError as error:
            raise RunError(f"{self.path}: the manifest cannot be read: {error.strerror}") from None
        for line in data.split(b"\n"):
            try:
                entry = json.loads(line)
                self.lines[entry["id"]] = entry
            except (ValueError, KeyError, TypeError):
                continue
        return self

    def matches(
        self, item_id: str, out: str, inputs: list[dict[str, object]], recipe: Mapping[str, object]
    ) -> bool:
        """Whether the last line says that this very item is done: same inputs, recipe and output."""
        entry = self.lines.get(item_id)
        return (
            entry is not None
            and entry.get("status") == "done"
            and entry.get("out") == out
            and entry.get("inputs") == inputs
            and entry.get("recipe") == recipe
        )

    def append(self, entry: Mapping[str, object]) -> None:
        """One line in one write, so that lines of concurrent batches do not mix."""
        try:
            if self._fd < 0:
                self._open()
            os.write(self._fd, (json.dumps(entry, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise RunError(f"{self.path}: the manifest cannot be written: {error.strerror}") from None

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
