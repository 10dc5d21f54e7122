"""Run command lines in a folder of their own, each in a forked child, and tell what they did.

Used by `record.py` as a program: `python running.py INPUTS PLACE LINES.json RESULTS.json` takes every line of
the list. The sources of featfuse are found on PYTHONPATH; nothing but the entry point is imported here, so
this works whatever the modules are called.
"""

import atexit
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

SECONDS = 120
"""A command that takes longer is ended, and told as such."""

TEXTS = (".json", ".jsonl", ".csv")
TIMES = (
    (re.compile(r"\b\d+(\.\d+)? s\b"), "<time> s"),
    (re.compile(r"\b\d[\d.,]* [KMG]?i?B/s"), "<rate>"),
    (re.compile(r" at 0x[0-9a-f]+"), " at <address>"),
    (re.compile(r'"seconds": [\d.e-]+'), '"seconds": 0'),
)
WARM_UP = (
    ["inspect", "long.npy", "long-b.npy", "--layout", "NCHW"],
    ["long.npy", "long-b.npy", "--layout", "NCHW", "-m", "bicubic", "-o", "none.h5", "--dry-run"],
    *(
        ["none.npy", "-o", "none.npz"],
        ["--nosuch"],
        ["run", "--help"],
        ["batch", "none/", "-o", "none/", "--dry-run"],
    ),
)
"""What loads the modules that commands need, starts no thread and writes nothing."""


def normalised(text: str, here: str) -> str:
    """`text` without what differs from run to run: times, rates, the folder."""
    text = text.replace(here, "<here>")
    for pattern, shown in TIMES:
        text = pattern.sub(shown, text)
    return text


def steps(line: str) -> list[tuple[list[str], str | None, str | None]]:
    """`a && b < in > out` as (words, stdin, stdout) of each step."""
    found: list[tuple[list[str], str | None, str | None]] = []
    words: list[str] = []
    for word in [*shlex.split(line), "&&"]:
        if word != "&&":
            words.append(word)
            continue
        streams = {}
        for sign in ("<", ">"):
            if sign in words:
                place = words.index(sign)
                streams[sign] = words[place + 1]
                del words[place : place + 2]
        found.append((words, streams.get("<"), streams.get(">")))
        words = []
    return found


class Folder:
    """The folder that a command runs in: links to all inputs, as good as new for each line."""

    def __init__(self, inputs: Path, place: Path) -> None:
        self.inputs, self.path = inputs, place / "here"
        self._make()

    def _make(self) -> None:
        # what featfuse writes, it writes beside and renames, so that the files behind the links stay
        shutil.copytree(self.inputs, self.path, symlinks=True, copy_function=os.link, ignore=_special)
        os.mkfifo(self.path / "pipe.npy")
        self._before = _stamps(self.path)

    def changes(self) -> tuple[list[str], list[str]]:
        """The names of what was written and of what is gone."""
        now = _stamps(self.path)
        changed = sorted(name for name, stamp in now.items() if self._before.get(name) != stamp)
        return changed, sorted(self._before.keys() - now.keys())

    def clean(self, changed: list[str], gone: list[str]) -> None:
        """Remove what is new; begin anew where inputs were touched."""
        if gone or any(name in self._before for name in changed):
            shutil.rmtree(self.path)
            self._make()
            return
        for name in reversed(changed):
            path = self.path / name
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def run_line(line: str, folder: Folder) -> dict[str, Any]:
    """What the last step of `line` said, and all the files that were made."""
    here = folder.path
    said = (here.parent / "stdout", here.parent / "stderr")
    code = 0
    for words, source, target in steps(line):
        if words[0] == "rm":
            (here / words[1]).unlink()
            continue
        out = here / target if target else said[0]
        code = _run(words, here, here / source if source else None, out, said[1])
        if code not in (0, 5):
            break
    result: dict[str, Any] = {"exit": code}
    for name, path in zip(("stdout", "stderr"), said, strict=True):
        result[name] = _told(path.read_bytes(), str(here)) if path.exists() else ""
        path.unlink(missing_ok=True)
    changed, gone = folder.changes()
    result["files"] = {name: _digest(here / name, str(here)) for name in changed}
    if gone:
        result["gone"] = gone
    folder.clean(changed, gone)
    return result


def _special(_folder: str, names: list[str]) -> list[str]:
    """What cannot be linked to."""
    return [name for name in names if name == "pipe.npy"]


def _stamps(top: Path) -> dict[str, object]:
    """Of every file below, what changes when it is written; a folder's time is of no interest."""
    stamps: dict[str, object] = {}
    for folder, folders, files in os.walk(top):
        below = os.path.relpath(folder, top)
        inner = "" if below == "." else below + os.sep
        stamps |= {inner + name: True for name in folders}
        for name in files:
            status = Path(folder, name).lstat()
            stamps[inner + name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return stamps


def _told(content: bytes, here: str) -> str:
    if b"\0" in content:
        return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"
    return normalised(content.decode("utf-8", "backslashreplace"), here)


def _digest(path: Path, here: str) -> str:
    if path.is_dir():
        return "folder"
    content = path.read_bytes()
    if path.suffix in TEXTS:
        lines = normalised(content.decode("utf-8", "backslashreplace"), here).splitlines(keepends=True)
        # a batch with several processes ends its items in any order
        content = "".join(sorted(lines) if path.suffix == ".jsonl" else lines).encode()
    return f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"


def _run(words: list[str], here: Path, source: Path | None, out: Path, err: Path) -> int:
    """The exit code of `fuse WORDS`, in a child of this process."""
    child = os.fork()
    if not child:
        os.setsid()  # all that it starts can be ended with it
        os._exit(_become(words, here, source, out, err))
    end = time.monotonic() + SECONDS
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            err.write_text(f"ended after {SECONDS} seconds\n")
            return -signal.SIGKILL
        time.sleep(0.002)


def _become(words: list[str], here: Path, source: Path | None, out: Path, err: Path) -> int:
    """The command itself, as the entry point of the installed program would run it."""
    os.chdir(here)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    streams = (os.open(source or os.devnull, os.O_RDONLY), os.open(out, flags), os.open(err, flags))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    code = call(words)
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return 120  # as Python does when the last flush fails
    return code


def call(words: list[str]) -> int:
    """`main()` with these arguments: the exit code, a traceback printed for a bug."""
    from featfuse_cli import main

    sys.argv = ["fuse", *words]
    try:
        main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Every line of the list, after a few in this very process that load what all of them need."""
    inputs, place, lines, results = (Path(text).resolve() for text in sys.argv[1:])
    os.chdir(inputs)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for words in WARM_UP:
            call(words)
    import_module("h5py")  # after `main`, which says how many threads BLAS may have
    folder = Folder(inputs, place)
    told = {line: run_line(line, folder) for line in json.loads(lines.read_text())}
    results.write_text(json.dumps(told))


if __name__ == "__main__":
    main()
