"""Record what every command does, and compare two recordings: what a refactoring must leave as it was.

    python tests/baseline/record.py before.json                    this checkout
    python tests/baseline/record.py after.json --source ../other   featfuse of another checkout, same commands
    python tests/baseline/record.py --compare before.json after.json
    python tests/baseline/record.py --errors                       writes errors.json anew

A recording has, of each command, the exit code, stdout, stderr and a digest of each file that was written.
Compare recordings of one machine only: the last bits of weighted sums are its BLAS' own.
"""

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from commands import ALL, FAILING, Command

HERE = Path(__file__).resolve().parent
ERRORS = HERE / "errors.json"
WORKERS = 2
CHUNK = 12
"""Commands that a worker takes at once: slow ones (batches) lie side by side, and are dealt out evenly."""

_LIBRARY = re.compile(
    r"((?:cannot be read as HDF5|not a readable \.npy header|not a readable \.npz|is no CSV|is not an item"
    r"|cannot be read): )[^\n]*"
)
Recording = dict[str, dict[str, Any]]


def record(chosen: list[Command], source: Path) -> Recording:
    """Run the commands against the sources below `source`, two at a time."""
    environment = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    # no colours, no width but this, no locale: what people set must not show in a recording
    environment |= {"COLUMNS": "80", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "HOME": os.devnull}
    environment["PYTHONPATH"] = os.pathsep.join(str(source / name) for name in ("core", "cli"))
    if not (source / "cli" / "featfuse_cli" / "__init__.py").exists():
        raise SystemExit(f"{source}: no cli/featfuse_cli there")
    # in memory where there is such a folder: waiting for a disk is most of the time otherwise
    memory = next((path for path in ("/dev/shm",) if os.access(path, os.W_OK)), None)
    with tempfile.TemporaryDirectory(prefix="baseline-", dir=memory) as name:
        folder = Path(name).resolve()
        inputs = folder / "inputs"
        inputs.mkdir()
        subprocess.run([sys.executable, HERE / "inputs.py", inputs], check=True)
        lines = [command.line for command in chosen]
        running = []
        for number in range(WORKERS):
            place = folder / str(number)
            place.mkdir()
            part = [line for place, line in enumerate(lines) if place // CHUNK % WORKERS == number]
            (place / "lines.json").write_text(json.dumps(part))
            words = [sys.executable, HERE / "running.py", inputs, place]
            words += [place / "lines.json", place / "results.json"]
            running.append((place, subprocess.Popen(words, env=environment)))
        ended = [worker.wait() for _, worker in running]
        if any(ended):
            raise SystemExit("a worker failed")
        told: Recording = {}
        for place, _ in running:
            told |= json.loads((place / "results.json").read_text())
    return {line: told[line] for line in lines}


def differences(before: Recording, after: Recording) -> list[str]:
    """What is not the same, a block of text for each command."""
    blocks = []
    for line in [*before, *(line for line in after if line not in before)]:
        if line not in before or line not in after:
            blocks.append(f"fuse {line}\n  only in the {'first' if line in before else 'second'} recording")
        elif before[line] != after[line]:
            texts = (_lines(before[line]), _lines(after[line]))
            rows = list(difflib.unified_diff(*texts, "before", "after", lineterm="", n=1))
            blocks.append("\n".join((f"fuse {line}", *(f"  {row}" for row in rows[2:]))))
    return blocks


def _lines(told: dict[str, Any]) -> list[str]:
    rows = [f"exit: {told['exit']}"]
    for name in ("stdout", "stderr"):
        rows += [f"{name}: {row}" for row in told.get(name, "").splitlines()]
    rows += [f"file: {name}: {digest}" for name, digest in told.get("files", {}).items()]
    return rows + [f"gone: {name}" for name in told.get("gone", ())]


def errors(told: Recording) -> dict[str, dict[str, dict[str, Any]]]:
    """The part that is committed, by group: exit code and stderr, without the words of other libraries."""
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for command in FAILING:
        if command.line in told:
            one = told[command.line]
            text = _LIBRARY.sub(r"\1<words of a library>", one["stderr"])
            groups.setdefault(command.group, {})[command.line] = {"exit": one["exit"], "stderr": text}
    return groups


def check(groups: list[str], source: Path) -> int:
    """Run groups of failing commands, print what is not as in errors.json; the exit code."""
    chosen = [it for it in FAILING if it.group in groups]
    written = json.loads(ERRORS.read_text())
    now = errors(record(chosen, source))
    blocks = []
    for group in groups:
        blocks += differences(written.get(group, {}), now.get(group, {}))
    print("\n\n".join(blocks))
    return 1 if blocks else 0


def unexpected(told: Recording) -> list[str]:
    """Commands that do not end as the tables say: a fault of the tables, or of featfuse."""
    rows = []
    for command in ALL:
        one = told.get(command.line)
        if one is None:
            continue
        if one["exit"] not in command.codes or "Traceback" in one["stderr"]:
            rows.append(f"fuse {command.line}\n  exit {one['exit']}: {one['stderr'][-700:]}")
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT.json")
    parser.add_argument("--source", type=Path, default=HERE.parent.parent, metavar="DIR")
    parser.add_argument("--only", default="", metavar="TEXT", help="commands (or groups) that hold this text")
    parser.add_argument("--compare", nargs=2, type=Path, metavar="JSON")
    parser.add_argument("--errors", action="store_true", help="write errors.json from this checkout")
    parser.add_argument(
        "--check", nargs="+", metavar="GROUP", help="compare failing commands with errors.json"
    )
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args()
    if not (options.compare or options.errors or options.list or options.check or options.out):
        parser.error("give OUT.json, --compare, --errors or --list")
    return options


def main() -> int:
    """What the options ask for; the exit code."""
    options = _options()
    if options.compare:
        before, after = (json.loads(path.read_text()) for path in options.compare)
        blocks = differences(before, after)
        print("\n\n".join((*blocks, f"{len(blocks)} of {len(before)} commands differ")))
        return 1 if blocks else 0
    if options.check:
        return check(options.check, options.source.resolve())
    wanted = FAILING if options.errors and not options.out else ALL
    chosen = [it for it in wanted if options.only in it.line or options.only == it.group]
    if options.list:
        print("\n".join(f"{it.group}: fuse {it.line}" for it in chosen))
        return 0
    told = record(chosen, options.source.resolve())
    if options.out:
        options.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    elif options.only:
        raise SystemExit("--errors writes all of them: leave --only out")
    if options.errors:
        ERRORS.write_text(json.dumps(errors(told), indent=1, ensure_ascii=False) + "\n")
    rows = unexpected(told)
    print("\n".join((*rows, f"{len(told)} commands recorded, {len(rows)} did not end as their table says")))
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit(main())
