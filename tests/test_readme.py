"""The READMEs are run: every console line is executed, and what it prints is what they show.

After a change of the output, `python tests/test_readme.py` writes what the commands print now.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
from featfuse.methods import METHODS
from safetensors.numpy import save_file

from tests.support.commands import call_fuse

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SAMPLE_README = ROOT / "sample_data" / "README.md"

BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
SECONDS = re.compile(r"\d+\.\d\d s\b")


def run(command: str, folder: Path) -> tuple[int, str]:
    """The exit code and everything printed, as in a terminal that is not one."""
    scripts = os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent)])
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, "\n".join(line.rstrip() for line in done.stdout.splitlines())


def called(command: str) -> tuple[int, str]:
    """The same in this process, which is faster."""
    told = call_fuse(*shlex.split(command)[1:])
    return told.exit_code, told.output


def executed(block: str, folder: Path) -> str:
    """The block with each command's output as it is now."""
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        _, printed = run(command, folder)
        lines += [f"$ {command}", *([printed] if printed else [])]
    return "\n".join(lines) + "\n"


def method_table() -> str:
    """METHODS as Markdown."""
    rows = [f"| `{row.name}` | {row.summary} | {row.target} | {row.equals} |" for row in METHODS.values()]
    head = ["| method | what it does | `--to auto` | equals |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def with_methods(text: str) -> str:
    return re.sub(
        r"(?<=<!-- methods -->\n).*?(?=<!-- /methods -->)",
        lambda _: method_table() + "\n",
        text,
        flags=re.DOTALL,
    )


def prepared(folder: Path) -> Path:
    shutil.copytree(ROOT / "sample_data", folder / "sample_data")
    return folder


def without_times(text: str) -> str:
    return SECONDS.sub("T s", text)


def test_console_blocks_print_what_the_readme_shows(tmp_path):
    folder = prepared(tmp_path)
    for block in BLOCK.findall(README.read_text()):
        assert without_times(executed(block, folder)) == without_times(block)


def recipe_files(folder: Path) -> None:
    """The maps and weights that the recipes name: strides 8, 16, 32 of odd sizes, and their kin."""
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape).astype(np.float32)

    maps = {
        **{"c3": (1, 6, 107, 80), "c4": (1, 8, 54, 40), "c5": (1, 10, 27, 20)},
        **{"p3": (1, 4, 107, 80), "p4": (1, 4, 54, 40), "p5": (1, 4, 27, 20), "maps": (1, 3, 107, 80)},
        **{"a": (1, 4, 107, 80), "b": (1, 4, 107, 80), "soft": (107, 80)},
        **{"skip": (1, 8, 64, 64), "up": (1, 8, 56, 57), "block": (1, 16, 27, 20), "before": (1, 8, 54, 40)},
        **{"sd": (1, 12, 54, 80), "dino": (1, 1 + 27 * 40, 16)},
    }
    for name, shape in maps.items():
        np.save(folder / f"{name}.npy", normal(*shape))
    weights = {
        **{"lat3": normal(4, 6, 1, 1), "lat4": normal(4, 8, 1, 1), "lat5": normal(1, 1, 10, 4)},
        **{"up": normal(8, 5, 4, 4), "up_bias": normal(5), "head": normal(7, 24), "head_bias": normal(7)},
    }
    save_file(weights, folder / "w.safetensors")


def test_recipes(tmp_path, monkeypatch):
    """Each recipe runs as it stands."""
    recipe_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    section = README.read_text().partition("## Recipes")[2].partition("\n## ")[0]
    commands = [line for line in section.splitlines() if line.startswith("fuse ")]
    assert len(commands) >= 15
    for command in commands:
        code, printed = run(command, tmp_path) if "|" in command else called(command)
        assert code == 0, f"{command}\n{printed}"


def test_the_method_table_is_the_table():
    text = README.read_text()
    assert with_methods(text) == text


def test_sample_data_commands(tmp_path, monkeypatch):
    """Each indented `fuse` command of the sample data's README works, but for those it says are refused."""
    monkeypatch.chdir(prepared(tmp_path))
    commands = re.findall(r"^    (fuse .*)$", SAMPLE_README.read_text(), re.MULTILINE)
    codes = {command: called(command)[0] for command in commands}
    refused = [command for command, code in codes.items() if code == 3]
    assert len(refused) == 2
    assert refused[0] == "fuse inspect sample_data/stage2.npy doubled.npy --layout NCHW"
    assert refused[1].endswith("stage4.h5::backbone/stage4 --method bilinear")
    assert {command for command, code in codes.items() if code not in (0, 3)} == set()


def rewrite() -> None:
    """Bring the README up to date."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        place = prepared(Path(folder))
        text = README.read_text()
        text = BLOCK.sub(lambda match: executed(match[0], place), text)
        README.write_text(with_methods(text))


if __name__ == "__main__":
    rewrite()
