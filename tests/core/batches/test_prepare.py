"""Many items: planning is linear in their number, and small."""

import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

MOST_LINKS = 50_000
"""How many names a file may have on every common file system."""


def many(count):
    """`count` items in each of two folders, all links to a few files, which is quick to make."""
    for folder, size in (("a", 8), ("b", 4)):
        Path(folder).mkdir(exist_ok=True)
        for number in range(sum(1 for _ in Path(folder).iterdir()), count):
            source = Path(f"{folder}{number // MOST_LINKS}.npy")
            if not source.exists():
                np.save(source, np.zeros((2, size, size), np.float32))
            Path(folder, f"{number:06}.npy").hardlink_to(source)


@pytest.mark.slow
def test_planning_is_linear(plan):
    seconds, peaks = {}, {}
    for count in (250, 500, 1000):
        many(count)
        started = time.process_time()
        assert len(plan("a/", "b/", out="o/").items) == count
        seconds[count] = time.process_time() - started
    for count, include in ((200, "000[01]*"), (1000, "*")):
        tracemalloc.start()
        batch = plan("a/", "b/", out="o/", include=(include,))
        assert len(batch.items) == count
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert seconds[1000] < 4 * seconds[250] * 2.5
    assert (peaks[1000] - peaks[200]) / 800 < 8000, "bytes for each further item"


MEASURE = """
import resource, sys, time
from featfuse.batches import BatchOptions, open_batch
started = time.process_time()
batch = open_batch(("a/", "b/"), BatchOptions(out="o/"), {"method": "nearest", "layout": "CHW"})
print(len(batch.items), time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_hundred_thousand_items():
    figures = {}
    for count in (25_000, 100_000):
        many(count)
        told = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
        items, seconds, kilobytes = told.stdout.split()
        assert int(items) == count
        figures[count] = float(seconds), int(kilobytes)
    print(figures)
    assert figures[100_000][1] < 1_000_000
    assert figures[100_000][0] < 4 * figures[25_000][0] * 1.5
