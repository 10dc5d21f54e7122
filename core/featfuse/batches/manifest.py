"""The manifest: a JSON line per finished item, append-only; what --resume trusts."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from featfuse.errors import RunError
from featfuse.io.address import Address
from featfuse.wording import phrase

__all__ = ["Manifest", "input_facts"]


def input_facts(sources: Iterable[Address]) -> list[dict[str, object]]:
    """Path, size and modification time of every input: what tells that it has changed."""
    facts: list[dict[str, object]] = []
    for path, key in sources:
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
        self._done: dict[str, bytes] = {}
        self._fd = -1

    @property
    def made(self) -> Iterable[str]:
        """The outputs that it says are done, as they were named."""
        return self._done.keys()

    def load(self) -> "Manifest":
        """Read what is there: the last line of each output counts. RunError when it cannot be read."""
        try:
            with self.path.open("rb") as file:
                for line in file:
                    self._take(line)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise RunError(f"{self.path}: the manifest cannot be read: {error.strerror}") from None
        return self

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            out, done = str(entry["out"]), entry["status"] == "done"
        except (ValueError, KeyError, TypeError):
            return
        if done:
            self._done[out] = _digest(entry)
        else:
            self._done.pop(out, None)

    def is_done(self, entry: Mapping[str, object]) -> bool:
        """Whether the last line for this output says that it was made from these inputs by this recipe."""
        return self._done.get(str(entry["out"])) == _digest(entry)

    def append(self, entry: Mapping[str, object]) -> None:
        """One line in one write, so that lines of concurrent batches do not mix."""
        self.open()
        try:
            os.write(self._fd, _line(entry))
        except OSError as error:
            raise self._fault(error) from None

    def open(self) -> None:
        """Make the file if need be, and close off a torn last line. RunError when it cannot be written."""
        if self._fd >= 0:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            size = os.fstat(self._fd).st_size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":
                os.write(self._fd, b"\n")
        except OSError as error:
            raise self._fault(error) from None

    def _fault(self, error: OSError) -> RunError:
        return RunError(
            f"{self.path}: the manifest cannot be written: {error.strerror}",
            hint=phrase("Choose another {out}, or only another place for it with {manifest:<FILE>}."),
        )

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _line(entry: Mapping[str, object]) -> bytes:
    """Names as they are, or escaped when they are not text (bytes that are no UTF-8)."""
    try:
        return (json.dumps(entry, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(entry) + "\n").encode()


def _digest(entry: Mapping[str, object]) -> bytes:
    """What must be the same for an item to count as done; short, as there may be a million."""
    facts = [entry.get("inputs"), entry.get("side"), entry.get("recipe")]
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).digest()
