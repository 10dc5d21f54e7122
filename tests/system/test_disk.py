"""Disks that are small, full, read-only or gone: the old output stays or the new one is whole, and no more.

Results are read by NumPy, h5py and safetensors. Slow runs try every page around a full disk.
"""

import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import featfuse
import numpy as np
import pytest
from featfuse.errors import RunError

from tests.support.amounts import few_or_many, slow_but
from tests.support.commands import check_end
from tests.support.readers import READ, SUFFIXES

DOUBLE = "fuse x.npy --layout NCHW -m nearest --to 512x512 -q"
FOURFOLD = "fuse x.npy --layout NCHW -m nearest --to 1024x1024 -q"  # 29 MB


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.fixture
def image():
    """x.npy, and what it becomes at twice its size: 7.3 MB."""
    values = np.random.default_rng(0).normal(size=(1, 7, 256, 256)).astype(np.float32)
    np.save("x.npy", values)
    return values.repeat(2, axis=2).repeat(2, axis=3)


@pytest.fixture
def disk():
    """A disk of 16 MB; skipped where none can be mounted."""
    place = Path("disk").resolve()
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("suffix", slow_but(SUFFIXES, ".npz", ".h5"))
def test_a_small_disk(shell, image, disk, suffix):
    out = disk / f"o{suffix}"
    out.write_bytes(b"old")
    result = shell(f"{FOURFOLD} -f -o {out}")
    check_end(result, {1})
    assert b"do not fit on the disk" in result.stderr
    assert out.read_bytes() == b"old"
    assert names(disk) == [out.name]
    check_end(shell(f"{DOUBLE} -f -o {out}"), {0})
    assert np.array_equal(READ[suffix](out), image)
    assert names(disk) == [out.name]


def test_npz_needs_its_room_twice_and_says_so_at_once(shell, image, disk):
    """7.3 MB would fit on the 8 that are left, but not beside the copy that is packed."""
    (disk / "filler").write_bytes(bytes(8 << 20))
    result = shell(f"{DOUBLE} -o {disk}/o.npz")
    check_end(result, {1})
    assert b"do not fit on the disk" in result.stderr
    assert names(disk) == ["filler"]


@pytest.mark.parametrize("extras", few_or_many((-4096, 0, 65536), range(-8192, 131072, 4096)))
@pytest.mark.parametrize("suffix", slow_but(SUFFIXES, ".npz", ".h5"))
def test_a_disk_that_is_full_to_the_last_page(shell, image, disk, suffix, extras):
    """What is refused is refused whole, wherever the border is: headers and HDF5's own pages count too."""
    out = disk / f"o{suffix}"
    factor = 2 if suffix == ".npz" else 1
    codes = []
    for extra in extras:
        out.write_bytes(b"old")
        room = os.statvfs(disk)
        filler = room.f_bavail * room.f_frsize - factor * image.nbytes - extra
        (disk / "filler").write_bytes(bytes(filler))
        result = shell(f"{DOUBLE} -f -o {out}")
        check_end(result, {0, 1})
        if result.returncode:
            assert out.read_bytes() == b"old"
        else:
            assert np.array_equal(READ[suffix](out), image)
        assert names(disk) == ["filler", out.name]
        codes.append(result.returncode)
        (disk / "filler").unlink()
    assert codes[0] == 1
    assert codes[-1] == 0


def test_a_sidecar_without_room(shell, image, disk):
    """It is written before the work: the output stays as it was."""
    out = disk / "o.npy"
    out.write_bytes(b"old")
    header = 128
    room = os.statvfs(disk)
    filler = room.f_bavail * room.f_frsize - -(-(image.nbytes + header) // 4096) * 4096
    (disk / "filler").write_bytes(bytes(filler))
    check_end(shell(f"{DOUBLE} -f -o {out} --sidecar"), {1})
    assert out.read_bytes() == b"old"
    assert names(disk) == ["filler", "o.npy"]
    check_end(shell(f"{DOUBLE} -f -o {out}"), {0})
    (disk / "filler").unlink()
    check_end(shell(f"{DOUBLE} -f -o {out} --sidecar"), {0})
    assert np.array_equal(np.load(out), image)
    assert names(disk) == ["o.npy", "o.npy.json"]


def test_a_kernel_without_room(shell, disk):
    np.save("x.npy", np.ones((1, 2048, 1, 1), np.float32))
    line = "fuse x.npy --layout NCHW --reduce conv1x1 --seed 1 -q -f -o o.npy --out-channels"
    Path("o.npy").write_bytes(b"old")
    result = shell(f"{line} 4096 --save-kernel {disk}/kernel.npy")  # 32 MB
    check_end(result, {1})
    assert b"kernel.npy" in result.stderr
    assert Path("o.npy").read_bytes() == b"old"
    assert names(disk) == []
    assert names() == ["disk", "o.npy", "x.npy"]
    check_end(shell(f"{line} 16 --save-kernel {disk}/kernel.npy"), {0})
    assert np.load(disk / "kernel.npy").shape == (16, 2048)
    assert np.load("o.npy").shape == (1, 16, 1, 1)


def test_stdout_is_kept_on_a_small_disk(shell, image, disk):
    result = shell(f"{FOURFOLD} -o -", TMPDIR=str(disk))
    check_end(result, {1})
    assert result.stdout == b""
    result = shell(f"{DOUBLE} -o -", TMPDIR=str(disk))
    check_end(result, {0})
    assert np.array_equal(np.load(io.BytesIO(result.stdout)), image)
    assert names(disk) == []


@pytest.mark.parametrize("suffix", slow_but(SUFFIXES, ".npy"))
def test_a_read_only_disk(shell, image, disk, suffix):
    out = disk / f"o{suffix}"
    out.write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    check_end(shell(f"{DOUBLE} -f -o {out}"), {1})
    assert out.read_bytes() == b"old"
    assert names(disk) == [out.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fault", ["moved", "removed", "now a file"])
def test_a_folder_that_goes_away(image, suffix, fault):
    """While the output is being written; the open file outlives its folder."""
    folder = Path("out")
    folder.mkdir()
    changes = []

    def change(done, total):
        if not changes:
            changes.append(done)
            if fault == "moved":
                folder.rename("elsewhere")
            else:
                shutil.rmtree(folder)
            if fault == "now a file":
                folder.write_bytes(b"theirs")

    with pytest.raises(RunError, match="out/o") as caught:
        featfuse.fuse(
            "x.npy", layout="NCHW", method="nearest", to=(512, 512), out=f"out/o{suffix}", memory="2M",
            threads=1, progress=change,
        )  # fmt: skip
    assert changes
    assert "Its folder was there" in caught.value.hint
    if fault == "now a file":
        assert folder.read_bytes() == b"theirs"
    else:
        assert not folder.exists()
    if fault != "moved":  # what was moved away is out of reach: nobody knows where it is
        assert names() == (["out", "x.npy"] if fault == "now a file" else ["x.npy"])


@pytest.mark.parametrize("suffix", slow_but(SUFFIXES, ".npy", ".h5"))
def test_a_folder_of_somebody_else(shell, image, stranger, suffix):
    """Root may write anywhere, so a user who is nobody here tries."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        out = Path(folder, f"o{suffix}")
        out.write_bytes(b"old")
        result = shell(f"{stranger} {DOUBLE} -f -o {out}")
        check_end(result, {1})
        assert b"cannot be written to" in result.stderr
        assert out.read_bytes() == b"old"
        Path(folder).chmod(0o777)
        check_end(shell(f"{stranger} {DOUBLE} -f -o {out}"), {0})
        assert np.array_equal(READ[suffix](out), image)
        assert names(folder) == [out.name]
