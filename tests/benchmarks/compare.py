"""featfuse beside `cp`, torch and SciPy on the same files: whole processes, taken in turn.

    python tests/benchmarks/compare.py [--mib 256] [--runs 5] [--folder DIR]

Prints a Markdown table of medians, ratios to `cp` and to featfuse, and peak memory. A peer that is not
installed is left out. Nothing here is a test: times belong to a machine and a day.
"""

import argparse
import importlib.util
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import featfuse
import numpy as np

TORCH = """
import numpy as np, torch
a, b = torch.from_numpy(np.load("large.npy")), torch.from_numpy(np.load("small.npy"))
options = dict(mode={mode!r}) if {mode!r} == "nearest" else dict(mode={mode!r}, align_corners=False)
np.save("torch.npy", (a + torch.nn.functional.interpolate(b, a.shape[2:], **options)).numpy())
"""

SCIPY = """
import numpy as np
from scipy.ndimage import zoom
a, b = np.load("large.npy"), np.load("small.npy")
factors = (1, 1, a.shape[2] / b.shape[2], a.shape[3] / b.shape[3])
np.save("scipy.npy", a + zoom(b, factors, order=1, grid_mode=True, mode="nearest"))
"""

FUSE = [sys.executable, "-m", "featfuse_cli", "large.npy", "small.npy", "--layout", "NCHW", "-q", "-f"]


def commands() -> dict[str, list[str]]:
    """What is timed, by the name it has in the table."""
    found = {
        "cp of the large input": ["cp", "large.npy", "copy.npy"],
        "import numpy": [sys.executable, "-c", "import numpy"],
        "featfuse bilinear 2x + add": [*FUSE, "-m", "bilinear", "-o", "fused.npy"],
        "featfuse bicubic 2x + add": [*FUSE, "-m", "bicubic", "-o", "fused.npy"],
        "featfuse nearest 2x + add": [*FUSE, "-m", "nearest", "-o", "fused.npy"],
        "featfuse area to the small grid + add": [*FUSE, "-m", "area", "-o", "fused.npy"],
        "featfuse inspect": [
            *(sys.executable, "-m", "featfuse_cli", "inspect", "large.npy", "small.npy"),
            *("--layout", "NCHW", "-q", "-m", "bilinear"),
        ],
    }
    if importlib.util.find_spec("torch"):
        for mode in ("bilinear", "bicubic", "nearest"):
            found[f"torch {mode} 2x + add"] = [sys.executable, "-c", TORCH.format(mode=mode)]
        found["import torch"] = [sys.executable, "-c", "import torch"]
    if importlib.util.find_spec("scipy"):
        found["SciPy zoom 2x + add"] = [sys.executable, "-c", SCIPY]
    return found


def make_data(folder: Path, mib: int) -> None:
    """`large.npy` of about `mib` MiB, N x 256 x 128 x 128 float32, and `small.npy` of half the grid."""
    generator = np.random.default_rng(0)
    batch = max(1, mib // 16)
    for name, side in (("large", 128), ("small", 64)):
        np.save(folder / f"{name}.npy", generator.standard_normal((batch, 256, side, side), dtype=np.float32))


def measure(command: list[str], folder: Path) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of one process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"failed: {' '.join(command)}")
    return seconds, usage.ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        # in a process of its own: a child starts with its parent's peak memory
        maker = multiprocessing.get_context("spawn").Process(target=make_data, args=(folder, arguments.mib))
        maker.start()
        maker.join()
        todo = commands()
        results: dict[str, list[tuple[float, int]]] = {label: [] for label in todo}
        for number in range(arguments.runs + 1):
            for label, command in todo.items():
                result = measure(command, folder)
                if number:  # the first round warms the page cache
                    results[label].append(result)
    print(f"{arguments.mib} MiB large input, {arguments.runs} runs each, in turn; featfuse")
    print(f"{featfuse.__version__}, NumPy {np.__version__}, Python {platform.python_version()},")
    print(f"{os.cpu_count()} cores, {platform.machine()}\n")
    print("| whole process | median s | min | max | ratio to cp | peak MiB |\n|---|---|---|---|---|---|")
    copy = results["cp of the large input"]
    for label, runs in results.items():
        seconds = [one for one, _ in runs]
        ratio = statistics.median(one / other for (one, _), (other, _) in zip(runs, copy, strict=True))
        peak = max(memory for _, memory in runs) / 2**20
        print(
            f"| {label} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} "
            f"| {ratio:.2f} | {peak:.0f} |"
        )


if __name__ == "__main__":
    main()
