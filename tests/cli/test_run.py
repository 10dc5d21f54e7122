"""`fuse INPUT...`: the three classic cases, what is printed where, and what is written."""

import fcntl
import io
import json
import math
import os
import signal
import subprocess
import termios
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

CASE_1 = [("a.npy", (1, 64, 64, 32)), ("b.npy", (1, 32, 32, 16))]
CASE_2 = [("a.npy", (1, 64, 64, 32)), ("b.npy", (1, 60, 60, 32))]
CASE_3 = [("a.npy", (1, 64, 64, 32)), ("b.npy", (1, 64, 64, 16))]


@pytest.fixture
def make_case(make_npy):
    def make(case):
        for name, shape in case:
            make_npy(name, shape)
        return [np.load(name) for name, _ in case]

    return make


# --- the three classic cases ------------------------------------------------------------------


def test_32_and_16_channels_do_not_broadcast(shell, make_case):
    make_case(CASE_1)
    result = shell("fuse a.npy b.npy --method bilinear")
    error = result.stderr.decode()
    assert (result.returncode, result.stdout) == (3, b"")
    assert error.startswith("error: ")
    assert "32" in error
    assert "16" in error
    assert "--channels tile" in error
    assert not Path("fused.npy").exists()


def test_bilinear_with_tiled_channels(shell, make_case):
    a, b = make_case(CASE_1)
    result = shell("fuse a.npy b.npy --method bilinear --channels tile")
    assert result.returncode == 0, result.stderr
    fused = np.load("fused.npy")
    assert fused.shape == (1, 64, 64, 32)
    assert fused.dtype == np.float32
    # half-pixel centres: an output corner is the input corner
    assert np.allclose(fused[:, 0, 0], a[:, 0, 0] + np.tile(b, 2)[:, 0, 0], atol=1e-5)
    # the second sample lies a quarter of the way from the first input sample to the second
    up = 0.75 * b[:, 0, 0] + 0.25 * b[:, 0, 1]
    assert np.allclose(fused[:, 0, 1], a[:, 0, 1] + np.tile(up, 2), atol=1e-5)


@pytest.mark.parametrize(
    ("option", "mode"),
    [("", "constant"), (" --pad-mode reflect", "reflect"), (" --pad-mode symmetric", "symmetric")],
)
def test_pad(shell, make_case, option, mode):
    a, b = make_case(CASE_2)
    result = shell(f"fuse a.npy b.npy --method pad{option}")
    assert result.returncode == 0, result.stderr
    assert np.array_equal(np.load("fused.npy"), a + np.pad(b, ((0, 0), (2, 2), (2, 2), (0, 0)), mode=mode))


def test_crop(shell, make_case):
    a, b = make_case(CASE_2)
    assert shell("fuse a.npy b.npy --method crop").returncode == 0
    assert np.array_equal(np.load("fused.npy"), a[:, 2:-2, 2:-2] + b)


def test_concat(shell, make_case):
    a, b = make_case(CASE_3)
    assert shell("fuse a.npy b.npy --combine concat").returncode == 0
    fused = np.load("fused.npy")
    assert fused.shape == (1, 64, 64, 48)
    assert np.array_equal(fused, np.concatenate([a, b], axis=-1))


# --- options reach the result -----------------------------------------------------------------


def test_negative_pad_value(fuse, make_npy):
    make_npy("a.npy", (1, 4, 4, 2))
    make_npy("b.npy", (1, 2, 2, 2))
    result = fuse("a.npy", "b.npy", "-m", "pad", "--pad-value", "-1")
    assert result.exit_code == 0, result.stderr
    a, b = np.load("a.npy"), np.load("b.npy")
    padded = np.pad(b, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-1)
    assert np.array_equal(np.load("fused.npy"), a + padded)


def test_antialias_both_ways(fuse, make_npy):
    make_npy("a.npy", (1, 2, 12, 12))
    common = ("a.npy", "-m", "bilinear", "--to", "4x4", "--layout", "NCHW")
    for flag in ("--antialias", "--no-antialias"):
        result = fuse(*common, flag, "-o", f"{flag[2:]}.npy")
        assert result.exit_code == 0, result.stderr
    assert not np.allclose(np.load("antialias.npy"), np.load("no-antialias.npy"))


def test_count_include_pad_both_ways(fuse, make_npy):
    make_npy("a.npy", (1, 2, 8, 8))
    common = ("a.npy", "-m", "avg-pool", "--to", "4x4", "--layout", "NCHW")
    pool = ("--pool-size", "3", "--pool-stride", "2", "--pool-padding", "1")
    for flag in ("--count-include-pad", "--no-count-include-pad"):
        result = fuse(*common, *pool, flag, "-o", f"{flag[2:]}.npy")
        assert result.exit_code == 0, result.stderr
    with_pad, without = np.load("count-include-pad.npy"), np.load("no-count-include-pad.npy")
    assert np.allclose(with_pad[..., 0, 0] * 9 / 4, without[..., 0, 0])
    assert np.allclose(with_pad[..., 1:, 1:], without[..., 1:, 1:])


def test_ceil_mode_both_ways(fuse, make_npy):
    make_npy("a.npy", (1, 2, 7, 7))
    pool = ("a.npy", "-m", "max-pool", "--layout", "NCHW", "--pool-size", "2")
    assert fuse(*pool, "--to", "4x4", "--ceil-mode").exit_code == 0
    assert fuse(*pool, "--to", "3x3", "--no-ceil-mode", "-o", "x.npy").exit_code == 0
    assert np.load("fused.npy").shape == (1, 2, 4, 4)
    assert np.load("x.npy").shape == (1, 2, 3, 3)


def test_sidecar(fuse, make_npy):
    make_npy("a.npy", (1, 4, 4, 2))
    assert fuse("a.npy", "a.npy", "-o", "x.npy", "--sidecar").exit_code == 0
    facts = json.loads(Path("x.npy.json").read_text())
    assert [row["shape"] for row in facts["inputs"]] == [[1, 4, 4, 2]] * 2
    assert facts["pipeline"]["combine"] == "add"
    refused = fuse("a.npy", "-o", "-", "--sidecar")
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_other_formats(fuse, make_npy):
    values = np.arange(1 * 2 * 4 * 4, dtype=np.float32).reshape(1, 2, 4, 4)
    with h5py.File("a.h5", "w") as file:
        file["feat/l3"] = values
        file["feat/l4"] = values[:, :, ::2, ::2]
    save_file({"x": values, "y": values}, "b.safetensors")
    result = fuse("a.h5::feat/l4", "b.safetensors::x", "-m", "nearest", "--layout", "NCHW", "-o", "f.npy")
    assert result.exit_code == 0, result.stderr
    assert np.array_equal(np.load("f.npy"), values + values[:, :, ::2, ::2].repeat(2, 2).repeat(2, 3))
    assert fuse("a.h5::feat/l3", "b.safetensors::x").exit_code == 0
    with h5py.File("fused.h5") as file:
        assert np.array_equal(file["fused"][()], 2 * values)


def test_threads_change_no_byte_and_memory_no_value(fuse, make_npy):
    make_npy("a.npy", (2, 40, 40, 8))
    make_npy("b.npy", (2, 17, 23, 8))
    written = []
    for extra in ((), ("--memory", "1M"), ("--threads", "1"), ("--threads", "2", "--memory", "64K")):
        result = fuse("a.npy", "b.npy", "-m", "bicubic", "--layout", "NHWC", "--force", *extra)
        assert result.exit_code == 0, result.stderr
        written.append(Path("fused.npy").read_bytes())
    assert written[0] == written[2]
    for other in written[1:]:  # another cut into windows may round the last bit otherwise
        first, second = (np.load(io.BytesIO(data)) for data in (written[0], other))
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-6 * np.abs(first).max())


# --- what is printed where --------------------------------------------------------------------


def test_the_report(fuse, make_case):
    make_case(CASE_2)
    result = fuse("a.npy", "b.npy", "-m", "pad")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.stderr == ""
    assert ["axis", "a.npy", "b.npy", "output"] in lines
    height = next(line for line in lines if line[:2] == ["H", "height"])
    assert height[2:4] == ["64", "="]
    assert height[-1] == "64"
    assert "pad 2+2" in " ".join(height)
    assert any(line[:1] == ["fused.npy"] and "1×64×64×32" in line for line in lines)
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_json(fuse, make_case):
    make_case(CASE_2)
    result = fuse("a.npy", "b.npy", "-m", "pad", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (report["schema"], report["command"], report["compatibility"]) == (1, "fuse", "mismatch")
    assert [row["shape"] for row in report["inputs"]] == [[1, 64, 64, 32], [1, 60, 60, 32]]
    assert report["output"]["shape"] == [1, 64, 64, 32]
    assert report["output"]["bytes"] == 4 * math.prod(report["output"]["shape"])
    assert [row["output"] for row in report["axes"]] == report["output"]["shape"]
    assert report["pipeline"]["method"] == "pad"
    assert report["seconds"] >= 0


def test_json_and_an_error(fuse, make_case):
    make_case(CASE_1)
    result = fuse("a.npy", "b.npy", "-m", "bilinear", "--json")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith("error: ")


def test_quiet(fuse, make_case):
    make_case(CASE_3)
    result = fuse("a.npy", "b.npy", "-c", "concat", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert Path("fused.npy").exists()
    assert fuse("a.npy", "b.npy", "-c", "concat", "-q").stderr.startswith("error: ")  # it exists


WARNING = "warning: a.npy shrinks without --antialias, detail will alias: H 8→4, W 8→4\n"


@pytest.mark.parametrize(
    ("words", "stdout", "stderr"),
    [(("-q",), "", WARNING), (("-qq",), "", ""), (("-q", "-q"), "", ""), (("-q", "--dry-run"), "", WARNING)],
)
def test_quiet_keeps_warnings(fuse, make_npy, words, stdout, stderr):
    make_npy("a.npy", (1, 2, 8, 8))
    line = ("a.npy", "-m", "bilinear", "--to", "4x4", "--layout", "NCHW", *words)
    result = fuse(*line)
    assert (result.exit_code, result.stdout, result.stderr) == (0, stdout, stderr)
    asked = fuse("inspect", *(word for word in line if word != "--dry-run"))
    assert (asked.exit_code, asked.stdout, asked.stderr) == (0, stdout, stderr)


def test_an_output_that_is_an_input(fuse, shell, make_npy):
    make_npy("a.npy", (1, 2, 8, 8))
    for line in ("fuse a.npy -o a.npy", "fuse - -o a.npy < a.npy"):
        result = shell(line)
        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.decode().splitlines() == [
            "error: a.npy is input 1 of this very run",
            "--force replaces it when the result is whole; or choose another name.",
        ]
    before = Path("a.npy").read_bytes()
    for line in ("fuse a.npy -o a.npy -f -q", "fuse - -o a.npy -f -q < a.npy"):
        result = shell(line)
        assert (result.returncode, result.stdout) == (0, b"")
        assert result.stderr == b"warning: a.npy replaces input 1 of this very run\n"
        assert Path("a.npy").read_bytes() == before
    assert fuse("a.npy", "-o", "a.npy", "-f", "-qq").output == ""
    assert "\nwarning: a.npy replaces input 1 of this very run\n" in fuse("a.npy", "-o", "a.npy", "-f").stdout


def test_without_quiet_warnings_stand_in_the_report(fuse, make_npy):
    make_npy("a.npy", (1, 2, 8, 8))
    result = fuse("a.npy", "-m", "bilinear", "--to", "4x4", "--layout", "NCHW")
    assert (result.exit_code, result.stderr) == (0, "")
    assert WARNING in result.stdout


def test_quiet_and_json_exclude_each_other(fuse, make_case):
    make_case(CASE_3)
    result = fuse("a.npy", "b.npy", "-c", "concat", "--quiet", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--json and --quiet" in result.stderr


def test_dry_run(fuse, make_case):
    make_case(CASE_3)
    result = fuse("a.npy", "b.npy", "-c", "concat", "--dry-run")
    assert result.exit_code == 0
    assert "1×64×64×48" in result.stdout
    assert "dry run: nothing was written" in result.stdout
    assert not Path("fused.npy").exists()


def test_out_to_stdout(shell, make_case):
    a, b = make_case(CASE_2)
    result = shell("fuse a.npy b.npy -m crop --out -")
    assert result.returncode == 0, result.stderr
    assert np.array_equal(np.load(io.BytesIO(result.stdout)), a[:, 2:-2, 2:-2] + b)
    assert "H height" in result.stderr.decode()
    assert sorted(path.name for path in Path().iterdir()) == ["a.npy", "b.npy"]


def test_no_binary_on_a_terminal(shell_env, make_npy):
    pty = pytest.importorskip("pty")
    make_npy("a.npy", (2, 2))
    outer, terminal = pty.openpty()
    try:
        result = subprocess.run(
            ["fuse", "a.npy", "-o", "-"], stdout=terminal, stderr=subprocess.PIPE, env=shell_env, check=False
        )
        os.set_blocking(outer, False)
        with pytest.raises(BlockingIOError):
            os.read(outer, 1)
    finally:
        os.close(terminal)
        os.close(outer)
    assert result.returncode == 2
    assert b"--out -" in result.stderr


def test_json_report_beside_binary_output(shell, make_case):
    make_case(CASE_3)
    result = shell("fuse a.npy b.npy -c concat --out - --json")
    assert json.loads(result.stderr)["output"]["shape"] == [1, 64, 64, 48]
    assert np.load(io.BytesIO(result.stdout)).shape == (1, 64, 64, 48)


def test_a_pipe_of_two(shell, make_case):
    a, b = make_case(CASE_2)
    line = "fuse b.npy -m pad --to 64x64 --layout NHWC -q -o - | fuse a.npy - -q -o sum.npy"
    assert shell(line).stderr == b""
    assert np.array_equal(np.load("sum.npy"), a + np.pad(b, ((0, 0), (2, 2), (2, 2), (0, 0))))


def test_a_closed_pipe_is_quiet(shell, make_npy):
    make_npy("a.npy", (64, 64, 64, 8))
    result = shell("fuse a.npy -q -o - | head -c 10")
    assert result.stderr == b""
    assert result.stdout == b"\x93NUMPY" + result.stdout[6:]


def test_strange_names(fuse, make_npy):
    for name in ("[red]x.npy", "a\x1b[31m.npy"):
        make_npy(name, (1, 2, 2, 3))
    result = fuse("[red]x.npy", "a\x1b[31m.npy", "-o", "[bold].npy")
    assert result.exit_code == 0, result.stderr
    assert "[red]x.npy" in result.stdout
    assert r"a\x1b[31m.npy" in result.stdout
    assert "[bold].npy" in result.stdout
    assert "\x1b" not in result.stdout


def test_sixteen_inputs(fuse, make_npy):
    names = [f"layer_{index}/features.npy" for index in range(16)]
    for name in names:
        make_npy(name, (1, 8, 8, 4))
    make_npy(names[3], (1, 4, 4, 4))
    result = fuse(*names, "-m", "bilinear")
    assert result.exit_code == 0, result.stderr
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert all(name in result.stdout for name in names)
    assert np.load("fused.npy").shape == (1, 8, 8, 4)


def test_interrupt_leaves_nothing(fuse, make_case, monkeypatch):
    from featfuse_cli.progress import ProgressBar

    def interrupted(self, done, total):
        raise KeyboardInterrupt

    make_case(CASE_3)
    monkeypatch.setattr(ProgressBar, "update", interrupted)
    result = fuse("a.npy", "b.npy", "-c", "concat")
    assert result.exit_code == 130
    assert result.stderr == "interrupted: nothing was written\n"
    assert sorted(path.name for path in Path().iterdir()) == ["a.npy", "b.npy"]


def test_ctrl_c_while_waiting_for_stdin(shell_env):
    process = subprocess.Popen(
        ["fuse", "-", "-o", "x.npy"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=shell_env
    )
    process.stdin.write(b"\x93NUMPY")
    process.stdin.flush()
    while fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)) != bytes(4):
        assert process.poll() is None
        time.sleep(0.01)  # until these are read: it now waits for the rest of a header that never comes
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (130, b"interrupted: nothing was written\n")
    assert not list(Path().iterdir())
