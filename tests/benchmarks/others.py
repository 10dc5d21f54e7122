"""What is not one operation on two maps: start-up, HDF5, memory, cost per byte, threads, batches."""

import sys

from goals import AtMost, Faster, Flat, PeakAbove
from measure import Command
from peers import H5PY, Peers
from workload import MIB, Sizes, Workload, array, fuse, python

__all__ = ["batch", "conv_threads", "hdf5", "large_outputs", "resize_threads", "start_up"]

_MEMORY = 256 * MIB
_LOOPED = 20


def start_up() -> Workload:
    """Commands that hardly touch data, beside the import of NumPy."""
    large, small = (1, 8, 16, 16), (1, 8, 8, 8)
    files = {f"large.{kind}": array(*large) for kind in ("npy", "safetensors", "h5")}
    files |= {f"small.{kind}": array(*small) for kind in ("npy", "safetensors", "h5")}
    inspected = {
        f"fuse inspect .{kind}": Command(fuse("inspect", f"large.{kind}", f"small.{kind}", "-m", "bilinear"))
        for kind in ("npy", "safetensors", "h5")
    }
    tiny = fuse("large.npy", "small.npy", "-m", "bilinear", "-o", "fused.npy")
    return Workload(
        "start-up",
        "start-up, on two tiny maps",
        files,
        {
            "import numpy": Command(python("import numpy")),
            "fuse -m bilinear": Command(tiny, ("fused.npy",)),
            **inspected,
            "fuse --version": Command(fuse("--version")),
            "fuse --help": Command(fuse("--help")),
        },
        (
            AtMost(2.0, "import numpy", "fuse -m bilinear"),
            AtMost(1.8, "import numpy", "fuse inspect .npy"),
            AtMost(1.8, "import numpy", "fuse inspect .safetensors"),
            AtMost(2.2, "import numpy", "fuse inspect .h5"),
            AtMost(1.0, "import numpy", "fuse --version"),
            AtMost(2.0, "import numpy", "fuse --help"),
        ),
        repeat=4,
    )


def hdf5(sizes: Sizes) -> Workload:
    """Two gzip-compressed datasets added, beside h5py doing so chunk by chunk."""
    maps = array(sizes.batch(256, 128), 256, 128, 128)
    ours = fuse("large.h5", "small.h5", "--layout", "NCHW", "-q", "-o", "fused.h5")
    return Workload(
        "hdf5-gzip",
        f"add of two gzip HDF5 datasets, {'×'.join(map(str, maps['shape']))} float32",
        {"large.h5": maps, "small.h5": maps},
        {
            "featfuse": Command(ours, ("fused.h5",)),
            "h5py": Command(python(H5PY), ("h5py.h5",)),
        },
        (AtMost(1.1, "h5py"),),
        notes=("the inputs are compressed, the outputs of both are not",),
    )


def large_outputs(sizes: Sizes) -> Workload:
    """Bilinear 2x + add of sparse files of growing size: the memory must not grow, nor the cost per byte."""
    steps = [16]
    while steps[-1] * 4 < sizes.largest_mib:
        steps.append(steps[-1] * 4)
    steps.append(max(sizes.largest_mib, 64))
    files, commands, measured, unsynced = {}, {}, [], []
    files |= {"large-0.npy": array(1, 8, 16, 16), "small-0.npy": array(1, 8, 8, 8)}
    commands["a tiny output"] = _sparse_fusion(0)
    for mib in steps:
        count = mib // 16
        files[f"large-{mib}.npy"] = array(count, 256, 128, 128, sparse=True)
        files[f"small-{mib}.npy"] = array(count, 256, 64, 64, sparse=True)
        commands[f"{mib} MiB output"] = _sparse_fusion(mib)
        measured.append((f"{mib} MiB output", count * 16 * MIB))
        if mib < 64:  # the start-up is most of it
            continue
        commands[f"{mib} MiB, --no-sync"] = _sparse_fusion(mib, "--no-sync")
        unsynced.append((f"{mib} MiB, --no-sync", count * 16 * MIB))
        commands[f"dd of {mib} MiB, flushed"] = Command(
            ("dd", "if=/dev/zero", "of=zeros", "bs=1M", f"count={mib}", "conv=fsync"),
            ("zeros",),
            compared=False,
        )
    return Workload(
        "large-outputs",
        f"bilinear 2× + add of sparse files, --memory {_MEMORY // MIB}M",
        files,
        commands,
        (
            PeakAbove(150, _MEMORY, tuple(label for label, _ in measured)),
            *((*_flat(measured[1:]), *_flat(unsynced)) if len(unsynced) > 1 else ()),
        ),
    )


def _flat(sizes: list[tuple[str, int]]) -> tuple[Flat, Flat]:
    return Flat(1.3, tuple(sizes)), Flat(1.3, tuple(sizes), "a tiny output")


def _sparse_fusion(mib: int, *more: str) -> Command:
    argv = fuse(
        *(f"large-{mib}.npy", f"small-{mib}.npy", "-m", "bilinear", "--layout", "NCHW", "-q"),
        *("--memory", f"{_MEMORY // MIB}M", "-o", "fused.npy", *more),
    )
    return Command(argv, ("fused.npy",), compared=False)


def resize_threads(sizes: Sizes) -> Workload:
    count = sizes.batch(256, 128)
    return _threads(
        *("threads-resize", "threads: antialiased bicubic ½× + add"),
        {"large.npy": array(count, 256, 128, 128), "small.npy": array(count, 256, 64, 64)},
        ("-m", "bicubic", "--antialias", "--to", "smallest"),
    )


def conv_threads(sizes: Sizes) -> Workload:
    maps = array(sizes.batch(256, 128), 256, 128, 128)
    return _threads(
        *("threads-conv", "threads: concat + conv1x1 512→256"),
        {"large.npy": maps, "small.npy": maps, "kernel.npy": array(256, 512, 1, 1)},
        ("-c", "concat", "--reduce", "conv1x1", "--kernel", "kernel.npy"),
    )


def _threads(name: str, title: str, files: dict[str, dict], options: tuple[str, ...]) -> Workload:
    def with_threads(number: int) -> Command:
        output = f"fused-{number}.npy"
        given = ("--layout", "NCHW", "-q", "--threads", str(number), "-o", output)
        return Command(fuse("large.npy", "small.npy", *options, *given), (output,))

    return Workload(
        name,
        title,
        files,
        {"--threads 2": with_threads(2), "--threads 1": with_threads(1)},
        (Faster(1.7, "--threads 1", who="--threads 2"),),
        tolerance=0,  # the bytes do not depend on the threads
    )


def batch(sizes: Sizes, peers: Peers) -> Workload:
    """Many small pairs in one process, in a process each, and in one torch script."""
    looped = min(_LOOPED, sizes.pairs)
    loop = f"shell loop of fuse, {looped} of them, extrapolated"
    one = 'PYTHON -m featfuse_cli "large/$i.npy" "small/$i.npy" -m bilinear --layout CHW -q -o "loop/$i.npy"'
    names = " ".join(f"{number:05}" for number in range(looped))
    code = (
        f"mkdir loop; for i in {names}; do {one.replace('PYTHON', chr(34) + '$0' + chr(34))} || exit 1; done"
    )
    arguments = ("batch", "large", "small", "-m", "bilinear", "--layout", "CHW", "-q")
    return Workload(
        "batch",
        f"fuse batch of {sizes.pairs} pairs, 64×32×32 and 64×16×16 bilinear + add",
        {
            "large": array(64, 32, 32, many=sizes.pairs),
            "small": array(64, 16, 16, many=sizes.pairs),
        },
        {
            "fuse batch": Command(fuse(*arguments, "--out", "out"), ("out",)),
            "fuse batch --no-sync": Command(
                fuse(*arguments, "--no-sync", "--out", "unsynced"), ("unsynced",), compared=False
            ),
            loop: Command(
                ("sh", "-c", code, sys.executable), ("loop",), sizes.pairs / looped, compared=False
            ),
            **peers.torch_pairs(),
        },
        (
            Faster(30, loop, who="fuse batch"),
            Faster(1, "torch", who="fuse batch"),
            Faster(1, "torch", who="fuse batch --no-sync"),
        ),
    )
