"""What docs/architecture.md says about adding things, done on a copy of the source."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
STEP = re.compile(
    r"^`(?P<file>[^`]+)`, (?P<how>new|below|instead of)(?: `(?P<line>[^`]+)`)?:\n\n"
    r"```python\n(?P<code>.*?)```",
    re.M | re.S,
)


def steps(thing: str) -> list[re.Match[str]]:
    """The blocks below "How do I add a THING?"."""
    section = re.search(rf"^### How do I add an? {thing}\?\n(.*?)(?=^#|\Z)", PAGE, re.M | re.S)
    assert section, thing
    return list(STEP.finditer(section[1]))


@pytest.fixture
def extended(tmp_path):
    """`extended("method")`: a copy of the source with that thing added; gives its command."""

    def add(thing):
        for folder in ("core", "cli"):
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
        found = steps(thing)
        assert found
        for step in found:
            path, code = tmp_path / step["file"], step["code"]
            if step["how"] == "new":
                assert not path.exists()
                path.write_text(code)
                continue
            text, place = path.read_text(), step["line"]
            assert text.count(place) == 1, (path, place)
            path.write_text(
                text.replace(place, f"{place}\n{code}" if step["how"] == "below" else code.strip())
            )
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(tmp_path / it) for it in ("core", "cli")),
        }
        environment |= {"COLUMNS": "200"}

        def fuse(*words):
            command = [sys.executable, "-m", "featfuse_cli", *words]
            return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

        return fuse

    return add


@pytest.fixture
def maps():
    x = np.random.default_rng(0).standard_normal((1, 2, 9, 12)).astype(np.float32)
    np.save("a.npy", x)
    np.save("b.npy", np.ones((1, 2, 18, 24), np.float32))
    return x


def fused(fuse, out, *words):
    """What a command that must succeed prints, `out` written."""
    done = fuse(*words, "--layout", "NCHW", "-o", out)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_method(extended, maps):
    fuse = extended("method")
    assert "lanczos4" in fuse("methods").stdout
    told = fused(fuse, "o.npy", "a.npy", "b.npy", "--method", "lanczos4", "--convention", "pillow")
    assert "×2 lanczos4" in told
    ours = np.load("o.npy")
    assert ours.shape == (1, 2, 18, 24)
    fused(fuse, "p.npy", "a.npy", "--method", "lanczos5", "--to", "18x24", "--convention", "pillow")
    assert 0 < np.abs(ours - 1 - np.load("p.npy")).max() < 0.5, (
        "near what the next wider window gives, and not it"
    )


@pytest.mark.slow
def test_an_option(extended, maps):
    fuse = extended("option")
    assert "--jitter" in fuse("run", "--help").stdout
    refused = fuse("inspect", "a.npy", "b.npy", "--jitter", "2")
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: --jitter is not used by --method strict\nIt belongs to: pad, crop.\n",
    )
    fused(fuse, "o.npy", "a.npy", "b.npy", "--method", "pad", "--jitter", "2", "--sidecar")
    assert '"jitter": 2.0' in Path("o.npy.json").read_text()


@pytest.mark.slow
def test_a_convention(extended, maps):
    fuse = extended("convention")
    assert "skimage" in fuse("methods").stdout
    told = fused(fuse, "o.npy", "a.npy", "b.npy", "--method", "bilinear", "--convention", "skimage")
    assert "bilinear to largest (skimage convention)" in told


def test_a_command(extended):
    fuse = extended("command")
    assert fuse("greet").stdout == "hello\n"
    assert "Say hello." in fuse("--help").stdout
