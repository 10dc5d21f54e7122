"""The results as Markdown: the machine, each goal and whether it is met, and every command's times."""

import importlib.metadata
import os
import platform
import resource
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from goals import Runs
from measure import RSS_UNIT
from peers import Peers
from workload import Workload

__all__ = ["Result", "document", "goal_rows"]

_VERSIONS = ("featfuse", "numpy", "h5py", "safetensors", "torch", "scipy")


@dataclass(frozen=True, slots=True)
class Result:
    """What a workload gave: the counted runs by label, and what was wrong with a command's run or output."""

    workload: Workload
    runs: Runs
    failed: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


def document(results: list[Result], command: str, peers: Peers) -> str:
    """The whole page."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `{command}`.",
        "Whole processes, start to exit, in turn (A B C, A B C, ...), page cache warm, the first round",
        "not counted. A ratio is the median of the rounds' ratios. *Import taken off*: by that process's own",
        "clock, from the end of its imports to the end of its work.",
        "Peak: resident memory of the largest single process of a command, never below the",
        f"measuring process's own {_own_peak():.0f} MiB. Outputs are new files each time, and were compared:",
        "one that differs from featfuse's is marked WRONG. A peer that is not listed was not installed.",
        "",
        *_machine(peers),
        "",
        "## Goals",
        "",
        "| work | measured command | goal | measured | met |",
        "|---|---|---|---|---|",
        *(row for result in results for row in goal_rows(result)),
        "",
        "## Times",
        "",
        "| work | command | median s | min | max | peak MiB |",
        "|---|---|---:|---:|---:|---:|",
        *(row for result in results for row in _time_rows(result)),
    ]
    notes = [f"* {result.workload.name}: {note}." for result in results for note in result.workload.notes]
    return "\n".join([*lines, "", *notes, ""] if notes else [*lines, ""])


def goal_rows(result: Result) -> Iterator[str]:
    """A row per goal; none for a goal whose peer is not installed."""
    workload = result.workload
    for goal in workload.goals:
        labels = goal.labels()
        if not all(label in workload.commands for label in labels):
            continue
        bad = [label for label in labels if label in result.failed or label in result.wrong]
        if bad:
            measured, met = f"{', '.join(bad)}: {'FAILED' if bad[0] in result.failed else 'WRONG'}", "no"
        else:
            measured, reached = goal.judge(result.runs)
            met = "yes" if reached else "**no**"
        yield f"| {workload.name} | {goal.subject()} | {goal.text()} | {measured} | {met} |"


def _time_rows(result: Result) -> Iterator[str]:
    title = f"{result.workload.name}: {result.workload.title}"
    for label in result.workload.commands:
        if label in result.failed:
            # a bar would end the cell
            reason = result.failed[label].strip().replace("|", "/")[:120]
            yield f"| {title} | {label} | FAILED: {reason} | | | |"
        else:
            seconds = [run.seconds for run in result.runs[label]]
            peak = max(run.peak for run in result.runs[label]) / 2**20
            name = f"{label} — WRONG: {result.wrong[label]}" if label in result.wrong else label
            yield (
                f"| {title} | {name} | {statistics.median(seconds):.3f} | {min(seconds):.3f} "
                f"| {max(seconds):.3f} | {peak:.0f} |"
            )
        title = ""


def _machine(peers: Peers) -> Iterator[str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release()}"
    yield f"* Machine: {_processor()}, {cores} cores, {memory:.0f} GiB, {system}"
    versions = [f"Python {platform.python_version()}"]
    for name in _VERSIONS:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    if peers.tensorflow_version:
        versions.append(f"tensorflow {peers.tensorflow_version}")
    if peers.mrtrix_version:
        versions.append(f"MRtrix3 {peers.mrtrix_version}")
    yield f"* Versions: {', '.join(versions)}"


def _own_peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 2**20


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()
