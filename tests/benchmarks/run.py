"""featfuse beside cp, torch, TensorFlow, SciPy, h5py and MRtrix3 on the same files.

    python tests/benchmarks/run.py [--mib 256] [--runs 5] [--only NAME...] [--markdown FILE]

Makes its data in a temporary folder, checks that the outputs agree, prints a Markdown page with the goals
and the times, and (with --markdown) writes it to FILE, too. A peer that is not installed is left out. Nothing
here is a test: times belong to a machine and a day. NAME may end in *: --only 'bilinear*' start-up.
With --against CHECKOUT, another working copy of the repository, only featfuse is run: this one and that one
in turn, to see what a change costs.
"""

import argparse
import importlib.util
import json
import shlex
import subprocess
import sys
import tempfile
from fnmatch import fnmatch
from pathlib import Path

import operations
import others
from against import beside_checkout
from measure import environment, remove_outputs, rounds
from peers import PEERS, Peers
from table import Result, document, goal_rows
from workload import Sizes, Workload

HERE = Path(__file__).resolve().parent


def workloads(sizes: Sizes, peers: Peers) -> list[Workload]:
    return [
        others.start_up(),
        operations.headline(sizes, peers, "NCHW"),
        operations.headline(sizes, peers, "NHWC"),
        *operations.fusions(sizes, peers),
        operations.conv1x1(sizes, peers),
        others.hdf5(sizes),
        others.large_outputs(sizes),
        others.resize_threads(sizes),
        others.conv_threads(sizes),
        others.batch(sizes, peers),
        *operations.halves(sizes, peers),
    ]


def run(workload: Workload, count: int, parent: Path | None) -> Result:
    """Make the data, run every command once uncounted, compare the outputs, then run the counted rounds."""
    with tempfile.TemporaryDirectory(prefix="featfuse-benchmark-", dir=parent) as name:
        folder = Path(name)
        _child("data.py", str(folder), stdin=json.dumps(workload.files))
        _, failed = rounds(workload.commands, folder, 1, keep=True)
        able = {label: command for label, command in workload.commands.items() if label not in failed}
        wrong = compare(workload, set(able), folder)
        for command in workload.commands.values():
            remove_outputs(command, folder)
        runs, later = rounds(able, folder, count * workload.repeat)
    return Result(workload, runs, failed | later, wrong)


def compare(workload: Workload, able: set[str], folder: Path) -> dict[str, str]:
    """By label, how an output differs from the first one: featfuse's."""
    outputs = {
        command.writes[0]: label
        for label, command in workload.commands.items()
        if label in able and command.compared and command.writes
    }
    if len(outputs) < 2:
        return {}
    names = [str(folder / name) for name in outputs]
    said = _child("check.py", str(workload.tolerance), *names)
    wrong = {}
    for line in said.splitlines():
        path, _, reason = line.partition(": ")
        wrong[outputs[Path(path).name]] = reason
    return wrong


def _child(script: str, *arguments: str, stdin: str = "") -> str:
    """A script that needs NumPy, in a process of its own: a child's peak memory begins at its parent's."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        check=True,
    )
    return done.stdout


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mib", type=_positive, default=256, help="size of an output (default 256)")
    parser.add_argument("--runs", type=_positive, default=5, help="counted rounds (default 5)")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", default=["*"], help="these workloads; see --list"
    )
    parser.add_argument("--list", action="store_true", help="name the workloads and stop")
    parser.add_argument(
        "--largest-mib", type=_positive, default=2048, help="largest sparse output (default 2048)"
    )
    parser.add_argument("--pairs", type=_positive, default=2000, help="items of the batch (default 2000)")
    parser.add_argument(
        "--without",
        nargs="+",
        metavar="PEER",
        choices=PEERS,
        default=[],
        help=f"leave out: {', '.join(PEERS)}",
    )
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="beside this featfuse instead")
    parser.add_argument("--folder", type=Path, help="where the temporary folders go")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the page here")
    found = sys.executable if importlib.util.find_spec("tensorflow") else None
    parser.add_argument("--python-tf", metavar="PATH", default=found, help="an interpreter with TensorFlow")
    return parser.parse_args()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def main() -> None:
    arguments = parse()
    peers = Peers(arguments.python_tf, arguments.without)
    sizes = Sizes(arguments.mib, arguments.largest_mib, arguments.pairs)
    every = workloads(sizes, peers)
    if arguments.against:
        every = [beside_checkout(one, arguments.against) for one in every]
    unknown = [name for name in arguments.only if not any(fnmatch(one.name, name) for one in every)]
    if unknown:
        raise SystemExit(f"no workload is called {', '.join(unknown)}: see --list")
    chosen = [one for one in every if any(fnmatch(one.name, name) for name in arguments.only)]
    if arguments.list:
        print("\n".join(f"{one.name:28}{one.title}" for one in chosen))
        return
    results = []
    for workload in chosen:
        results.append(run(workload, arguments.runs, arguments.folder))
        # the page comes at the end; this shows that it goes on
        print(workload.name, *goal_rows(results[-1]), sep="\n", file=sys.stderr)
    options = " ".join(
        f"{name} {getattr(arguments, name[2:].replace('-', '_'))}"
        for name in ("--mib", "--runs", "--largest-mib", "--pairs")
    )
    only = "" if arguments.only == ["*"] else f" --only {shlex.join(arguments.only)}"
    less = f" --without {shlex.join(arguments.without)}" if arguments.without else ""
    against = f" --against {shlex.quote(arguments.against.name)}" if arguments.against else ""
    page = document(results, f"python tests/benchmarks/run.py {options}{only}{less}{against}", peers)
    print(page)
    if arguments.markdown:
        arguments.markdown.parent.mkdir(parents=True, exist_ok=True)
        arguments.markdown.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
