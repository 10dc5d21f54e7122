"""Where an output goes: an open folder, and a name in it.

Whatever is renamed or linked while a run goes on, what was looked at is what is written to.
"""

import errno
import io
import os
import stat
from contextlib import suppress

from featfuse.errors import RunError
from featfuse.storage.byte_source import SourceState
from featfuse.storage.local import LocalSource, state_of
from featfuse.storage.standard_streams import STREAM
from featfuse.wording import as_code, worded

__all__ = ["Place", "make_folder", "no_file", "open_real_folder"]

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_MOST_LINKS = 40


class Place:
    """The file called `leaf` in the folder that is open as `folder`, whether it exists or not.

    A symbolic link at `path` is followed when the place is opened and never again, and only if it is this
    user's, root's or the folder's owner's: in a folder that others may write to, theirs may lead anywhere.
    With `root` (a path without links) the folder must be that one, or lie in it.

    Raises OSError where there is no such folder, RunError for what may not be followed.
    """

    def __init__(self, path: str, root: str | None = None) -> None:
        self.name = path
        rest, self.leaf = os.path.split(path)
        self.folder = os.open(rest or ".", _FOLDER)
        # not normalized: behind a link, `..` is another folder than in the text
        self.folder_path = rest if rest.startswith("/") else os.path.join(os.getcwd(), rest)  # noqa: PTH109, PTH118
        try:
            self._follow()
            if root is not None:
                _check_inside(self.folder, root, path)
        except BaseException:
            self.close()
            raise

    def _follow(self) -> None:
        """Go where a link leads, and on to where that one leads."""
        for _ in range(_MOST_LINKS):
            try:
                target = os.readlink(self.leaf, dir_fd=self.folder)
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOENT):  # no link, or nothing at all
                    return
                raise
            self._check_owner(target)
            rest, leaf = os.path.split(target)
            before, self.folder = self.folder, os.open(rest or ".", _FOLDER, dir_fd=self.folder)
            os.close(before)
            self.folder_path = os.path.join(self.folder_path, rest)  # noqa: PTH118
            self.leaf = leaf
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))

    def _check_owner(self, target: str) -> None:
        owner = os.stat(self.leaf, dir_fd=self.folder, follow_symlinks=False).st_uid
        if owner not in (os.geteuid(), 0, os.fstat(self.folder).st_uid):
            raise RunError(
                f"{self.name} is a link to {target} that another user (number {owner}) has put there",
                hint="Name the file itself, or remove the link.",
            )

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def reach(self) -> str:
        """A path of the open folder, for what takes no descriptors."""
        numbered = f"/proc/self/fd/{self.folder}"
        return numbered if os.path.isdir(numbered) else os.path.realpath(self.folder_path)  # noqa: PTH112

    def state(self) -> SourceState | None:
        """The state of the file; None when there is none, or something else."""
        facts = self._facts()
        return state_of(facts) if facts is not None and stat.S_ISREG(facts.st_mode) else None

    def exists(self) -> bool:
        """Whether there is a file. RunError where there is anything else."""
        facts = self._facts()
        if facts is not None and not stat.S_ISREG(facts.st_mode):
            raise no_file(self.name)
        return facts is not None

    def _facts(self) -> os.stat_result | None:
        with suppress(OSError):
            return os.stat(self.leaf, dir_fd=self.folder, follow_symlinks=False)
        return None

    def open_source(self) -> tuple[LocalSource, int]:
        """The file, open for reading, and its permissions. OSError for what is none."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = io.FileIO(os.open(self.leaf, flags, dir_fd=self.folder))
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            file.close()
            raise OSError(errno.EINVAL, "Not a regular file")
        return LocalSource(file, self.name, state=state_of(facts)), stat.S_IMODE(facts.st_mode)

    def real_path(self) -> str:
        """The folder's path without links. OSError when something else is there by now."""
        path = os.path.realpath(self.folder_path)
        there = open_real_folder(path)
        try:
            if not os.path.samestat(os.fstat(there), os.fstat(self.folder)):
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        finally:
            os.close(there)
        return path

    def check_reached(self) -> None:
        """OSError when the folder is not where it was: what is put into it now would not be found."""
        if not os.path.samestat(os.stat(self.folder_path), os.fstat(self.folder)):  # noqa: PTH116
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))

    def flush(self) -> None:
        """Make the renames in the folder durable; some file systems cannot, and the files are in place."""
        with suppress(OSError):
            folder = os.open(".", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.folder)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def close(self) -> None:
        """Give up the folder."""
        folder, self.folder = self.folder, -1
        if folder >= 0:
            os.close(folder)


def no_file(path: str) -> RunError:
    """What stands where the output shall be, and is not replaced."""
    return RunError(
        f"{path} is not a regular file, and would be replaced by one",
        hint=f"{as_code(worded('out', STREAM))} writes a .npy to whatever stdout is.",
    )


def open_real_folder(path: str, *, make: bool = False) -> int:
    """A descriptor of the folder at `path`, in which no part may be a link any more.

    With `make`, what is missing of it is made. Raises OSError.
    """
    folder = os.open("/", _FOLDER)
    for part in filter(None, path.split("/")):
        folder = _step(folder, part, os.O_NOFOLLOW, make=make)
    return folder


def _step(folder: int, part: str, flags: int = 0, *, make: bool = False) -> int:
    """From an open folder, which is closed, into one of its own."""
    try:
        try:
            return os.open(part, _FOLDER | flags, dir_fd=folder)
        except FileNotFoundError:
            if not make:
                raise
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=folder)
        return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def make_folder(path: str, root: str | None) -> None:
    """Make the folder at `path`, in `root` (a path without links), which is there and which it may not leave.

    Raises OSError, RunError for what leads out of the root.
    """
    if root is not None:
        os.close(open_real_folder(root))
    try:
        os.close(os.open(path, _FOLDER))
        return
    except FileNotFoundError:
        pass
    folder = os.open("/" if path.startswith("/") else ".", _FOLDER)
    for part in filter(None, path.split("/")):
        missing = not _is_there(folder, part)
        if missing and root is not None:
            try:
                _check_inside(folder, root, path)
            except BaseException:
                os.close(folder)
                raise
        folder = _step(folder, part, make=missing)
    os.close(folder)


def _is_there(folder: int, part: str) -> bool:
    try:
        os.stat(part, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _check_inside(folder: int, root: str, told: str) -> None:
    """RunError when an open folder is not `root`, nor in it: its parents are asked, which no link bends."""
    top = open_real_folder(root)
    try:
        wanted = os.fstat(top)
    finally:
        os.close(top)
    here, above = os.fstat(folder), ".."
    while not os.path.samestat(here, wanted):
        before, here = here, os.stat(above, dir_fd=folder)
        if os.path.samestat(here, before):
            raise RunError(f"the output {told} leaves {root}: a link has appeared on its way")
        above += "/.."
