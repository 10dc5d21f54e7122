"""The README on batches and shell scripts: every `sh` block runs as it stands, every promise holds."""

import json
import re
import shutil
from pathlib import Path

import featfuse
import h5py
import numpy as np
import pytest

README = Path(__file__).parents[2] / "README.md"
HEADING = "## Batches and shell scripts\n"
SECTION = README.read_text().partition(HEADING)[2].partition("\n## ")[0]
IDS = ("001", "002", "010")

pytestmark = pytest.mark.skipif(not SECTION, reason="the README has no such section")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def block(word):
    """The one block with `word` in it."""
    found = [text for text in blocks("sh") if word in text]
    assert len(found) == 1, word
    return found[0]


@pytest.fixture
def files():
    """What the section's commands name."""
    generator = np.random.default_rng(0)
    for folder, size in (("stage2", 16), ("stage3", 8)):
        Path(folder).mkdir()
        for name in IDS:
            np.save(f"{folder}/{name}.npy", generator.standard_normal((1, 5, size, size)).astype(np.float32))
    rows = [f"stage2/{name}.npy,stage3/{name}.npy,row {name}.npy" for name in IDS]
    Path("pairs.csv").write_text("\n".join(["fine,coarse,out", *rows]) + "\n")
    with h5py.File("feats.h5", "w") as file:
        for name in IDS:
            file[f"{name}/l3"] = generator.standard_normal((5, 8, 8)).astype(np.float32)
            file[f"{name}/l4"] = generator.standard_normal((5, 4, 4)).astype(np.float32)


@pytest.fixture
def expected(files):
    """What single runs give, by the name of the item."""
    return {
        name: featfuse.fuse(f"stage2/{name}.npy", f"stage3/{name}.npy", method="bilinear") for name in IDS
    }


@pytest.fixture
def script(shell):
    """Run a block as a script that stops at the first command that fails; what it printed."""

    def run(text):
        Path("script.sh").write_text(text)
        told = shell("sh -e ./script.sh")
        assert told.returncode == 0, told.stderr.decode()
        assert b"error" not in told.stderr
        return told.stdout.decode()

    return run


def check_folder(folder, expected, name="{}.npy"):
    found = {path.name for path in Path(folder).glob("*.npy")}
    assert found == {name.format(item) for item in expected}
    for item, data in expected.items():
        assert np.array_equal(np.load(Path(folder, name.format(item))), data)


def test_every_block_is_tested():
    words = (
        "fuse batch stage2/ stage3/ --out fused/",
        "for file",
        "xargs -0",
        "while IFS",
        "if fuse inspect",
        "jq",
        "-o out.h5",
        "--no-sync",
    )
    assert len(blocks("sh")) == len(words)
    assert {block(word) for word in words} == set(blocks("sh"))


def test_batches(script, expected):
    script(block("fuse batch stage2/ stage3/ --out fused/"))
    check_folder("fused", expected)
    assert len(list(Path("named").glob("*.safetensors"))) == 3
    with h5py.File("fused.h5") as file:
        assert list(file) == list(IDS)
    check_folder("paired", expected, "row {}.npy")


def test_a_for_loop(script, expected):
    script(block("for file"))
    check_folder("looped", expected)


def test_find_and_xargs(script, expected):
    for folder in ("stage2", "stage3"):
        shutil.copy(f"{folder}/001.npy", f'{folder}/it\'s "odd"\n.npy')
    script(block("xargs -0"))
    Path("piped", 'it\'s "odd"\n.npy').unlink()
    check_folder("piped", expected)


def test_while_read(script, expected):
    script(block("while IFS"))
    check_folder("rows", expected, "row {}.npy")


def test_inspect_in_an_if(script, expected):
    script(block("if fuse inspect"))
    assert np.array_equal(np.load("checked.npy"), expected["001"])
    Path("checked.npy").unlink()
    np.save("stage3/001.npy", np.ones((1, 5, 16, 16), np.float32))
    script(block("if fuse inspect"))
    assert np.array_equal(np.load("checked.npy"), np.load("stage2/001.npy") + 1)


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_json_through_jq(script, files):
    Path("stage3/002.npy").write_bytes(b"rubbish")
    printed = script(block("jq").replace("--json |", "--json | cat |"))
    shape, _, rest = printed.partition("\n")
    assert shape == "1x5x16x16"
    facts, end = json.JSONDecoder().raw_decode(rest)
    assert facts["done"] == 2
    assert facts["failed"] == 1
    assert "stage3/002.npy" in facts["reasons"][0]
    assert rest[end:].strip() == "002"


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.slow
def test_what_is_failed_now(shell, files):
    """The recipe after each resume, and after a line was torn."""
    (recipe,) = re.findall(r"^jq -r 'select.*$", block("jq"), re.MULTILINE)
    good = {name: Path(f"stage3/{name}.npy").read_bytes() for name in IDS}
    for name in IDS[1:]:
        Path(f"stage3/{name}.npy").write_bytes(b"rubbish")

    def failed(*words):
        told = shell(" ".join(["fuse batch stage2/ stage3/ --out counted/ --method bilinear -q", *words]))
        assert told.returncode in (0, 5)
        named = shell(recipe)
        assert named.returncode == 0, named.stderr
        return named.stdout.decode().split()

    assert failed() == ["002", "010"]
    Path("stage3/010.npy").write_bytes(good["010"])
    assert failed("--resume") == ["002"]
    manifest = Path("counted/manifest.jsonl")
    with manifest.open("ab") as file:
        file.write(manifest.read_bytes()[:60])
    assert failed("--resume") == ["002"]
    Path("stage3/001.npy").write_bytes(b"rubbish")
    Path("stage3/002.npy").write_bytes(good["002"])
    assert failed("--resume") == ["001"]
    Path("stage3/001.npy").write_bytes(good["001"])
    assert failed("--resume") == []
    assert shell("jq -r .status counted/manifest.jsonl | sort | uniq -c").stdout.split()[:2] == [
        b"3",
        b"done",
    ]


def test_json_through_python(shell, files):
    """The same where there is no jq."""
    code = "import json, sys; print(json.load(sys.stdin)['done'])"
    told = shell(f'fuse batch stage2/ stage3/ --out o/ -m bilinear --json | python3 -c "{code}"')
    assert told.stdout == b"3\n"


def test_a_pipe(script, shell, files):
    printed = script(block("-o out.h5"))
    assert "out.h5" in printed
    first = shell("fuse stage2/001.npy stage3/001.npy -m bilinear -o 1.npy")
    assert (first.returncode, shell("fuse 1.npy stage2/002.npy -m pad -o two.h5").returncode) == (0, 0)
    with h5py.File("out.h5") as one, h5py.File("two.h5") as two:
        assert np.array_equal(one["fused"], two["fused"])


def test_no_sync(script, shell, files):
    assert "scratch.npy" in script(block("--no-sync"))
    assert shell("fuse stage2/001.npy stage3/001.npy -m bilinear -o same.npy").returncode == 0
    assert np.array_equal(np.load("scratch.npy"), np.load("same.npy"))


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_makefile_rule(shell, expected):
    (rule,) = blocks("make")
    Path("Makefile").write_text(f"all: {' '.join(f'fused/{name}.npy' for name in IDS)}\n\n{rule}")
    told = shell("make -j 2 all")
    assert told.returncode == 0, told.stderr.decode()
    check_folder("fused", expected)
    assert b"Nothing to be done" in shell("make all").stdout
    Path("stage3/002.npy").touch()
    assert shell("make all").stdout.count(b"fuse stage2") == 1
