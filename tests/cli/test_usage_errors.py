"""One look for all that is wrong with a command line: `error: ...`, a hint, exit code 2."""

import pytest

ERRORS = [
    # found by Typer
    ("a.npy --metod pad", "there is no option --metod", "Did you mean --method?"),
    ("a.npy --output b.npy", "there is no option --output", "Did you mean --output-padding or --out?"),
    ("a.npy --zzz", "there is no option --zzz", "All options: fuse run --help"),
    ("a.npy -z", "there is no option -z", "All options: fuse run --help"),
    ("inspect a.npy --force", "there is no option --force", "It is an option of fuse run."),
    ("a.npy -V", "there is no option -V", "It is an option of fuse."),
    (
        "run -m pad",
        "no INPUT is given",
        "Write it like fuse run [OPTIONS] INPUT...; fuse run --help tells more.",
    ),
    ("a.npy --threads x", "--threads: 'x' is not a whole number of at least 1", "Write it like --threads 2."),
    ("a.npy --threads 0", "--threads: 0 is not a whole number of at least 1", "Write it like --threads 2."),
    ("a.npy --seed 1.5", "--seed: '1.5' is not a whole number", "Write it like --seed 2."),
    ("a.npy --pad-value x", "--pad-value: 'x' is not a number", "Write it like --pad-value -0.5."),
    ("a.npy --out", "--out needs a value", "Write it like --out PATH."),
    ("a.npy -o", "-o needs a value", "Write it like -o PATH."),
    ("a.npy --force=1", "--force takes no value", "Write --force alone."),
    (
        "methods pad crop",
        "got unexpected extra argument(s) (crop)",
        "Write it like fuse methods [OPTIONS] [NAME]; fuse methods --help tells more.",
    ),
    ("--version=1", "--version takes no value", "Write --version alone."),
    # found by us
    ("inspct", "no command and no file is called 'inspct'", "Did you mean fuse inspect?"),
    ("a.npy --json -q", "--json and --quiet exclude each other", "Give one of them."),
    ("a.npy -m bilinaer", "unknown method 'bilinaer'", "Did you mean bilinear?"),
    ("a.npy --combine concta", "--combine: unknown choice 'concta'", "Did you mean concat?"),
    ("batch a/ b/", "batch needs --out", "Like --out fused/ or --out 'fused/{id}.npy'."),
]


@pytest.mark.parametrize(("line", "message", "hint"), ERRORS, ids=[line for line, _, _ in ERRORS])
def test_every_usage_error_has_one_look(fuse, make_npy, line, message, hint):
    make_npy("a.npy", (1, 4, 4, 2))
    result = fuse(*line.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {message}\n{hint}\n"


def test_a_name_cannot_forge_a_line(fuse):
    result = fuse("a.npy", "--x\nerror: forged\x1b[31m")
    assert result.exit_code == 2
    assert result.stderr.startswith(r"error: there is no option --x\nerror: forged\x1b[31m")
    assert len(result.stderr.splitlines()) == 2
