"""Fuzzing of the parsers of headers: .npy, .safetensors and the listing of .npz.

    python tests/fuzz/fuzz_headers.py                      # every parser, a minute each, at once
    python tests/fuzz/fuzz_headers.py npz --seconds 3600 --keep corpus/

A parser may return, or raise InputError. Anything else is a finding, and so is a case that takes more
than a second of processor time, or asks for more than 256 MB. A finding ends the run with code 1; its
input is written to `finding-PARSER-...` in the working directory.

With atheris installed (`pip install atheris`), libFuzzer chooses the cases by the branches they reach.
Without it, a plain mutation fuzzer does, by the lines they reach: much slower, but better than nothing.
"""

import argparse
import hashlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

try:
    import atheris
except ImportError:
    atheris = None

HERE = Path(__file__).parent
MOST_SECONDS = 1.0
MOST_BYTES = 256 << 20
LONGEST_CASE = 4096
FOLLOWED = ("featfuse.formats", "featfuse.errors", "numpy.lib.format", "numpy.lib._format_impl", "zipfile")

Parse = Callable[[bytes], str]


class Finding(Exception):
    """A parser did what it must not do."""


def load_parsers() -> dict[str, Parse]:
    """Each parser as a function of a whole file's bytes, that tells how it ended."""
    from featfuse.formats import npy, npz, safetensors

    readers: dict[str, Any] = {
        "npy": npy.open_reader,
        "safetensors": safetensors.open_reader,
        "npz": npz.open_reader,
    }
    return {name: checked(name, open_reader) for name, open_reader in readers.items()}


def checked(name: str, open_reader: Callable[[Any], Any]) -> Parse:
    """The parser, held to its limits."""
    from featfuse.errors import InputError
    from featfuse.storage.local import open_source

    limit = MemoryLimit()

    def parse(data: bytes) -> str:
        limit.renew()
        begin = time.process_time()
        fd = os.memfd_create(name)
        try:
            os.write(fd, data)
            source = open_source(f"/proc/self/fd/{fd}")
            try:
                list_tensors(open_reader(source))
            finally:
                source.close()
            end = "accepted"
        except InputError:
            end = "refused"
        finally:
            os.close(fd)
        seconds = time.process_time() - begin
        if seconds > MOST_SECONDS:
            raise Finding(f"took {seconds:.1f} s of processor time")
        limit.check()
        return end

    return parse


def list_tensors(reader: Any) -> None:
    """What `fuse inspect --stats` reads of a file: its list, and the small tensors it then claims to hold."""
    from featfuse.engine.statistics import Accumulator
    from featfuse.io.selection import list_all

    try:
        list_all(reader, None)
        for key, spec in reader.specs().items():
            if spec.nbytes <= 1 << 16:
                block = reader.read(key, tuple(slice(0, size) for size in spec.shape))
                if block.shape != spec.shape or block.dtype != spec.dtype:
                    raise Finding(f"{key!r} is {block.shape} {block.dtype}, said to be {spec}")
                sums = Accumulator()
                sums.add(block)
                sums.result()
    finally:
        reader.close()


class MemoryLimit:
    """No case may get more than MOST_BYTES from the system: a larger request is a MemoryError at once."""

    EVERY = 500  # cases, between which the process may grow by what the fuzzer itself keeps

    def __init__(self) -> None:
        self.cases = 0
        self.peak = 0

    def renew(self) -> None:
        if self.cases % self.EVERY == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_BYTES, hard))
            self.peak = peak_bytes()
        self.cases += 1

    def check(self) -> None:
        """A MemoryError may have been caught on its way and turned into a refusal."""
        if peak_bytes() - self.peak > MOST_BYTES:
            raise Finding("used more than 256 MB")


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def save_finding(parser: str, data: bytes) -> Path:
    path = Path(f"finding-{parser}-{hashlib.sha1(data, usedforsecurity=False).hexdigest()[:12]}")
    path.write_bytes(data)
    return path


# ---------------------------------------------------------------------------------- with atheris


def fuzz_by_atheris(parser: str, seconds: float, corpus: Path) -> None:
    """libFuzzer takes the process over: it prints its own figures and ends it."""
    for name in FOLLOWED:
        sys.modules.pop(name, None)  # imported already, by others: once more, to be followed
    with atheris.instrument_imports(include=list(FOLLOWED)):
        parse = load_parsers()[parser]

    def one_case(data: bytes) -> None:
        parse(data)

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        changed = atheris.Mutate(data, most)
        return REPAIRS[parser](changed)[:most] if seed % 4 else changed

    options = [
        f"-max_total_time={int(seconds)}",
        f"-max_len={LONGEST_CASE}",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=1",
        f"-artifact_prefix=finding-{parser}-",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_case, custom_mutator=mutator)
    atheris.Fuzz()


# ---------------------------------------------------------------------------------- repairs
# Most changes break a length or an offset, and the parser looks no further. Three cases in four get the
# right ones back, so that what lies behind them is tried as well.


def repair_npy(data: bytes) -> bytes:
    wide = data[6:7] != b"\x01"
    start = 12 if wide else 10
    length = data.find(b"\n", start) + 1 - start
    if length < 0:
        return data
    return b"\x93NUMPY" + data[6:8] + length.to_bytes(4 if wide else 2, "little") + data[start:]


def repair_safetensors(data: bytes) -> bytes:
    length = max(data.rfind(b"}") + 1 - 8, 0)
    return length.to_bytes(8, "little") + data[8:]


def repair_npz(data: bytes) -> bytes:
    """The end record tells where the central directory is, and how long."""
    central, end = data.find(b"PK\x01\x02"), data.rfind(b"PK\x05\x06")
    if not 0 <= central < end:
        return data
    place = (end - central).to_bytes(4, "little") + central.to_bytes(4, "little")
    return data[: end + 12] + place + data[end + 20 :]


REPAIRS = {"npy": repair_npy, "safetensors": repair_safetensors, "npz": repair_npz}


# ------------------------------------------------------------------------------- without atheris


class Lines:
    """The lines of the followed modules that have run, by a trace function."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()

    def trace(self, frame: FrameType, event: str, _value: object) -> Any:
        if not frame.f_globals.get("__name__", "").startswith(FOLLOWED):
            return None
        if event == "line":
            self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self.trace

    def grew(self, run: Callable[[], object]) -> bool:
        """Whether `run` reached a line that nothing reached before."""
        before = len(self.seen)
        sys.settrace(self.trace)
        try:
            run()
        finally:
            sys.settrace(None)
        return len(self.seen) > before


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A few changes: bits, bytes, numbers at the edge of their range, cuts, copies, splices."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(result) + 1)
        kind = rng.randrange(7)
        if kind == 0 and result:
            result[place % len(result)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            result[place : place + 1] = rng.randbytes(1)
        elif kind == 2:  # a length or an offset
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice((0, 1, 2**7, 2**31, 2**63, 2**64 - 1, len(result), rng.randrange(1 << 16)))
            result[place : place + width] = (number % 2 ** (8 * width)).to_bytes(width, "little")
        elif kind == 3:
            del result[place : place + rng.randrange(1, 9)]
        elif kind == 4:
            result[place:place] = result[place : place + rng.randrange(1, 33)]
        elif kind == 5:
            result[place:place] = rng.choice(
                (b"9" * 20, b"-", b"[", b"(", b"'", b'"', b"\\u0000", b"PK\x01\x02")
            )
        else:
            cut = rng.randrange(len(other) + 1)
            result[place:] = other[cut:]
    return bytes(result[:LONGEST_CASE])


def fuzz_by_mutation(parser: str, seconds: float, corpus: Path, seed: int = 0) -> dict[str, int]:
    """Keep what reaches new lines, and change it further. The figures; raises at the first finding."""
    parse = load_parsers()[parser]
    rng, lines = random.Random(seed), Lines()
    kept: list[bytes] = []
    counts = {"executions": 0, "accepted": 0, "refused": 0}

    def one_case(data: bytes) -> None:
        try:
            counts[parse(data)] += 1
        except Exception:
            print(f"{parser}: FINDING: {save_finding(parser, data)}", file=sys.stderr)
            raise
        counts["executions"] += 1

    for path in sorted(corpus.iterdir()):
        kept.append(path.read_bytes())
        lines.grew(lambda: one_case(kept[-1]))
    end = time.process_time() + seconds
    while time.process_time() < end:
        data = mutate(rng.choice(kept), rng.choice(kept), rng)
        data = REPAIRS[parser](data) if rng.randrange(4) else data
        if lines.grew(lambda: one_case(data)):  # noqa: B023 (called at once)
            kept.append(data)
            (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    return {**counts, "corpus": len(kept), "lines": len(lines.seen)}


# ------------------------------------------------------------------------------------ the command


def fuzz(parser: str, seconds: float, corpus: Path, *, plain: bool) -> None:
    # in a process of its own: what is imported before the fuzzer begins is not followed
    subprocess.run([sys.executable, str(HERE / "seeds.py"), str(corpus.parent)], check=True)
    if atheris is not None and not plain:
        print(f"{parser}: atheris, {seconds:g} s", flush=True)
        fuzz_by_atheris(parser, seconds, corpus)
    else:
        print(f"{parser}: plain mutation fuzzer, {seconds:g} s", flush=True)
        figures = fuzz_by_mutation(parser, seconds, corpus)
        print(f"{parser}: {', '.join(f'{count:,} {what}' for what, count in figures.items())}, no finding")


def main() -> int:
    parsers = ("npy", "safetensors", "npz")
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("parser", nargs="*", choices=[*parsers, []], help="which; every one if left out")
    words.add_argument("--seconds", type=float, default=60.0, help="for each parser")
    words.add_argument("--keep", type=Path, help="a folder for the corpora, to go on from another time")
    words.add_argument(
        "--plain", action="store_true", help="the mutation fuzzer, even if atheris is installed"
    )
    given = words.parse_args()
    if len(given.parser) == 1:
        parser = given.parser[0]
        with tempfile.TemporaryDirectory() as scratch:
            fuzz(parser, given.seconds, (given.keep or Path(scratch)) / parser, plain=given.plain)
        return 0
    more = [*(["--keep", str(given.keep)] if given.keep else []), *(["--plain"] if given.plain else [])]
    running = [  # libFuzzer ends its process, so each has one
        subprocess.Popen([sys.executable, __file__, parser, "--seconds", str(given.seconds), *more])
        for parser in given.parser or parsers
    ]
    codes = [process.wait() for process in running]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
