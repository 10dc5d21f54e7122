"""The manifest: a JSON line per finished item, and what --resume trusts.

Each output has one last word. A line that another takes the place of stays where it is, and its status
becomes OLD: whoever reads the file sees what holds now, at any moment, whatever ended the batch.
"""

import errno
import fcntl
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from featfuse.errors import RunError
from featfuse.io.address import Address
from featfuse.storage.place import open_real_folder
from featfuse.wording import phrase

__all__ = ["OLD", "Manifest", "facts_digest", "input_facts", "output_key"]

OLD = "old"
"""The status of a line that another has taken the place of. Its `error` still tells how the item ended."""

_STATUS = re.compile(rb'"status"\s*:\s*("\w+")')
"""A line's own: within a text the quotes are escaped, and no object in a line has such a key."""

_TORN = (b'{"id"', b"\0")
"""How a line begins of which a crash has left a part, or only its length. Nothing else is ever taken out."""


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


def output_key(out: str) -> str:
    """One name for an output, however its path is spelt: `o/1.npy` or `./o/1.npy`."""
    path, colons, key = out.partition("::")
    return os.path.abspath(path) + colons + key  # noqa: PTH100 (100,000 of them)


class _Status(NamedTuple):
    """Where the status of a line stands in the file, and what is written there."""

    place: int
    text: bytes


class Manifest:
    """One file, read by `load` and opened for appending by `open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.made: set[str] = set()
        """The outputs that were ever made, by their `output_key`."""
        self.failed: dict[str, Address] = {}
        """The outputs that failed, as the last line of each says, with the item's first input."""
        self._done: dict[str, bytes] = {}
        self._last: dict[str, _Status] = {}
        self._former: list[_Status] = []
        self._torn: list[tuple[int, bytes]] = []
        self._fd = self._marker = -1
        self._marked = False
        self._folder = os.path.realpath(path.parent)

    def load(self) -> "Manifest":
        """Read what is there: the last line of each output counts. RunError when it cannot be read."""
        place = 0
        try:
            with open(self._open(os.O_RDONLY), "rb") as file:
                # what is no file has nothing to tell: /dev/null, and /dev/zero would never end
                for text in file if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else ():
                    self._take(text, place)
                    place += len(text)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._fault(error, "read") from None
        return self

    def _open(self, flags: int, *, make: bool = False) -> int:
        """The file, in its folder as that was when the batch began. No link is followed, no FIFO waited for.

        Raises OSError, for what is neither a file nor a device as well.
        """
        folder = open_real_folder(self._folder, make=make)
        try:
            flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(self.path.name, flags, 0o666, dir_fd=folder)
        finally:
            os.close(folder)
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode) or stat.S_ISCHR(mode):
            return fd
        os.close(fd)
        raise OSError(errno.EISDIR, "Is a directory" if stat.S_ISDIR(mode) else "Not a regular file")

    def _take(self, text: bytes, place: int) -> None:
        """A line that is no entry is passed over."""
        try:
            entry = json.loads(text)
            key, status, error = _key(entry), entry["status"], entry.get("error")
            source = _first_input(entry) if status == "failed" else None
            here = _find_status(text, place)
        except (ValueError, KeyError, TypeError, RecursionError):
            if text.startswith(_TORN):
                self._torn.append((place, text))
            return
        if status == "done" or (status == OLD and not error):
            self.made.add(key)
        if status == OLD:
            return
        self._done.pop(key, None)
        self.failed.pop(key, None)
        if status == "done":
            self._done[key] = facts_digest(entry)
        if source is not None:
            self.failed[key] = source
        if key in self._last:
            self._former.append(self._last[key])
        self._last[key] = here

    def is_done(self, entry: Mapping[str, Any]) -> bool:
        """Whether the last line for this output says that it was made from these inputs by this recipe."""
        return self._done.get(_key(entry)) == facts_digest(entry)

    def append(self, entry: Mapping[str, Any]) -> None:
        """One line in one write, so that lines of concurrent batches do not mix; the former one is old."""
        self.open()
        text = rest = _text(entry)
        try:
            while rest:  # a disk that fills up takes a part, and refuses the rest
                rest = rest[os.write(self._fd, rest) :]
            if self._marked:
                key, end = _key(entry), os.lseek(self._fd, 0, os.SEEK_CUR)
                if key in self._last:
                    self._mark(self._last[key])
                self._last[key] = _find_status(text, end - len(text))
        except OSError as error:
            raise self._fault(error) from None

    def forget(self, outputs: Iterable[str]) -> None:
        """There are no items for these outputs any more: what was said of them is old."""
        self.open()
        try:
            for key in outputs:
                self._mark(self._last.pop(key))
        except OSError as error:
            raise self._fault(error) from None

    def open(self) -> None:
        """Make the file if need be, and put right what a crash left. RunError when it cannot be written."""
        if self._fd >= 0:
            return
        try:
            flags = os.O_RDWR | os.O_CREAT
            self._fd = self._open(flags | os.O_APPEND, make=True)
            self._marker = self._open(flags)  # what appends would not write anywhere else
            if not os.path.samestat(os.fstat(self._fd), os.fstat(self._marker)):
                raise OSError(errno.EAGAIN, "It was replaced just now")
            self._marked = stat.S_ISREG(os.fstat(self._fd).st_mode)
            with _alone(self._fd) as alone:
                if alone:
                    self._mend()
            size = os.fstat(self._fd).st_size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":
                os.write(self._fd, b"\n")
        except OSError as error:
            raise self._fault(error) from None

    def _mend(self) -> None:
        """Mark lines that others have taken the place of, and take out what is left of torn ones.

        A crash may come between a line and the mark on the former one; and files may have been joined.
        """
        for status in self._former:
            self._mark(status)
        for place, text in self._torn:
            if os.pread(self._fd, len(text), place) != text:
                continue
            if text.endswith(b"\n"):
                os.pwrite(self._marker, b" " * (len(text) - 1), place)
            elif os.fstat(self._fd).st_size == place + len(text):
                os.ftruncate(self._fd, place)

    def _mark(self, status: _Status) -> None:
        """Let a line say that it is old, if it stands where it was seen."""
        if os.pread(self._fd, len(status.text), status.place) == status.text:
            os.pwrite(self._marker, f'"{OLD}"'.encode().ljust(len(status.text)), status.place)

    def _fault(self, error: OSError, done: str = "written") -> RunError:
        if error.errno == errno.ELOOP:
            return RunError(
                f"{self.path}: the manifest is a link, which is not followed",
                hint=phrase("Name the file that it leads to with {manifest:<FILE>}, or remove the link."),
            )
        if done == "read":
            return RunError(f"{self.path}: the manifest cannot be read: {error.strerror}")
        return RunError(
            f"{self.path}: the manifest cannot be written: {error.strerror}",
            hint=phrase("Choose another {out}, or only another place for it with {manifest:<FILE>}."),
        )

    def close(self) -> None:
        """Close the file."""
        for fd in (self._fd, self._marker):
            if fd >= 0:
                os.close(fd)
        self._fd = self._marker = -1


@contextmanager
def _alone(fd: int) -> Iterator[bool]:
    """Whether no other batch has the file open; from here on, others see that this one has.

    Where the file system has no locks, nobody is seen.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except OSError as error:
        alone = not isinstance(error, BlockingIOError)
    yield alone
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_SH)


def _key(entry: Mapping[str, Any]) -> str:
    """What the entry is about: its output, or the item itself where it has none."""
    out = str(entry["out"])
    return output_key(out) if out else f"::{entry['id']}"


def _first_input(entry: Mapping[str, Any]) -> Address | None:
    """None where an item had none."""
    inputs = entry.get("inputs")
    return Address(inputs[0]["path"], inputs[0]["key"]) if inputs else None


def _find_status(text: bytes, place: int) -> _Status:
    """The status of a line that begins at `place`. ValueError where there is none."""
    found = _STATUS.search(text)
    if found is None:
        raise ValueError("no status")
    return _Status(place + found.start(1), found[1])


def _text(entry: Mapping[str, Any]) -> bytes:
    """Names as they are, or escaped when they are not text (bytes that are no UTF-8)."""
    try:
        return (json.dumps(entry, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(entry) + "\n").encode()


def facts_digest(entry: Mapping[str, Any]) -> bytes:
    """What must be the same for an item to count as done; short, as there may be a million."""
    facts = [entry.get("inputs"), entry.get("side"), entry.get("recipe")]
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).digest()
