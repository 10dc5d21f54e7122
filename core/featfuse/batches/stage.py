"""The folder beside a container in which its items wait: what is finished there outlives a killed batch."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from featfuse.storage.place import Place
from featfuse.storage.sweep import STAGE_NOTES, STAGE_SUFFIX, abandoned_stages, hidden_prefix

__all__ = ["Stage", "staged_name"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class _Kept(NamedTuple):
    """A finished item in an earlier batch's stage."""

    stage: str
    digest: str
    warnings: tuple[str, ...]


def staged_name(key: str) -> str:
    """The file in which the item for this key waits, in every batch."""
    return f"{hashlib.blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}.safetensors"


class Stage:
    """A new folder beside the file at `place`. Notes in it tell whose the files are, and what of.

    With `resume`, files that batches which are gone left for this container can be taken over. Nobody has
    waited for the disk to have them: they count only while the machine has not been started anew.
    """

    def __init__(self, place: Place, *, resume: bool) -> None:
        self._place = place
        self._former: list[str] = []
        self._kept: dict[str, _Kept] = {}
        self._about = {"container": place.leaf, "boot": _boot()}
        self._find_former(resume=resume)
        self.name = f"{hidden_prefix(place.leaf)}{os.urandom(4).hex()}{STAGE_SUFFIX}"
        self.path = Path(place.real_path()) / self.name
        os.mkdir(self.name, 0o700, dir_fd=place.folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | _FILE
        self._notes = os.open(f"{self.name}/{STAGE_NOTES}", flags, 0o600, dir_fd=place.folder)
        self._write(self._about)

    def note(self, file: str, digest: str, warnings: Sequence[str]) -> None:
        """The item of which `digest` tells the inputs and the recipe is finished, in `file`."""
        self._write({"file": file, "digest": digest, "warnings": list(warnings)})

    def _write(self, line: object) -> None:
        with suppress(OSError):  # a full disk: this item is made again, should this batch be killed
            os.write(self._notes, (json.dumps(line) + "\n").encode())

    def take_over(self, file: str, digest: str) -> tuple[str, ...] | None:
        """Bring the item here if an earlier batch has finished it: its warnings. None where there is none."""
        kept = self._kept.get(file)
        if kept is None or kept.digest != digest:
            return None
        folder = self._place.folder
        try:
            os.rename(f"{kept.stage}/{file}", f"{self.name}/{file}", src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:  # another batch was faster
            return None
        self.note(file, digest, kept.warnings)
        return kept.warnings

    def drop(self, file: str) -> None:
        """Remove an item that cannot be read: it is made again."""
        with suppress(OSError):
            os.unlink(f"{self.name}/{file}", dir_fd=self._place.folder)

    def _find_former(self, *, resume: bool) -> None:
        for name in abandoned_stages(self._place.folder):
            with suppress(OSError):
                folder = os.open(name, _FOLDER, dir_fd=self._place.folder)
                try:
                    lines = list(_read_notes(folder))
                finally:
                    os.close(folder)
                about = lines[0] if lines else {}
                if about.get("container") != self._place.leaf:
                    continue
                self._former.append(name)
                if resume and about == self._about and self._about["boot"]:
                    self._kept.update(_kept(name, lines[1:]))

    def forget_former(self) -> None:
        """Remove what earlier batches left for this container."""
        for name in self._former:
            shutil.rmtree(name, ignore_errors=True, dir_fd=self._place.folder)
        self._former.clear()
        self._kept.clear()

    def close(self, *, keep: bool = False) -> None:
        """Remove the folder, unless it is to be kept for a later batch."""
        if not keep:
            self.forget_former()
            shutil.rmtree(self.name, ignore_errors=True, dir_fd=self._place.folder)
        os.close(self._notes)


def _read_notes(folder: int) -> Iterator[dict[str, object]]:
    """The lines of a stage's notes, torn ones left out. None where somebody else could have written them."""
    facts = os.fstat(folder)
    if facts.st_uid != os.geteuid() or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return
    with open(os.open(STAGE_NOTES, os.O_RDONLY | _FILE, dir_fd=folder), "rb") as file:
        for text in file if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else ():
            with suppress(ValueError, RecursionError):
                line = json.loads(text)
                if isinstance(line, dict):
                    yield line


def _kept(stage: str, lines: Sequence[dict[str, object]]) -> Iterator[tuple[str, _Kept]]:
    for line in lines:
        file, digest, warnings = line.get("file"), line.get("digest"), line.get("warnings")
        if isinstance(file, str) and isinstance(digest, str) and isinstance(warnings, list):
            yield file, _Kept(stage, digest, tuple(map(str, warnings)))


def _boot() -> str:
    """Which start of the machine this is; "" where that is not told."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""
