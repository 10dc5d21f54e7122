"""The READMEs are run: every console line is executed, and what it prints is what they show.

After a change of the output, `python tests/test_readme.py` writes what the commands print now.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from featfuse.methods import METHODS

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


def executed(block: str, folder: Path) -> str:
    """The block with each command's output as it is now."""
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
        _, printed = run(command, folder)
        lines += [f"$ {command}", *([printed] if printed else [])]
    return "\n".join(lines) + "\n"


def method_table() -> str:
    """METHODS as Markdown."""
    rows = [
        f"| `{row.name}` | {row.summary} | {row.target} | {row.equals} |"
        for row in METHODS.values()
    ]
    head = ["| method | what it does | `--to auto` | equals |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def with_methods(text: str) -> str:
    return re.sub(
        r"(?<=<!-- methods -->\n).*?(?=<!-- /methods -->)", lambda _: method_table() + "\n", text, flags=re.DOTALL
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


def test_the_method_table_is_the_table():
    text = README.read_text()
    assert with_methods(text) == text


def test_sample_data_commands(tmp_path):
    """Each indented `fuse` command of the sample data's README works, but for those it says are refused."""
    folder = prepared(tmp_path)
    commands = re.findall(r"^    (fuse .*)$", SAMPLE_README.read_text(), re.MULTILINE)
    codes = {command: run(command, folder)[0] for command in commands}
    expected_refusals = {
        "fuse inspect sample_data/stage2.npy doubled.npy --layout NCHW",
        "fuse sample_data/stages.safetensors::stage3 sample_data/stage4.h5::backbone/stage4 --method bilinear",
    }
    assert {command for command, code in codes.items() if code == 3} == expected_refusals
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
