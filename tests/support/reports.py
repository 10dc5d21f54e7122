"""Reports to print, and what is printed of them."""

from featfuse.report.shape_report import AxisRow, InputRow, OutputRow, ShapeReport
from featfuse_cli.render import print_report


def report(names, *, action="×2 bilinear", **changes):
    count = len(names)
    sizes = (64,) + (32,) * (count - 1)
    actions = ("=",) + (action,) * (count - 1)
    values = {
        "command": "fuse",
        "compatibility": "mismatch",
        "inputs": tuple(
            InputRow(name, name, None, "npy", (1, size, size, 32), "float32", "NHWC", "inferred: square maps")
            for name, size in zip(names, sizes, strict=True)
        ),
        "axes": (
            AxisRow("N", (1,) * count, ("=",) * count, 1),
            AxisRow("H", sizes, actions, 64),
            AxisRow("W", sizes, actions, 64),
            AxisRow("C", (32,) * count, ("=",) * count, 32),
        ),
        "pipeline": {"method": "bilinear"},
        "output": OutputRow("fused.npy", None, "npy", (1, 64, 64, 32), "float32", "NHWC", 524288),
        "summary": "bilinear to the largest, add",
        "seconds": 0.12,
    }
    return ShapeReport(**(values | changes))


def text_of(capsys, *args, **kwargs):
    print_report(*args, **kwargs)
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    return captured.out


def rows(text):
    return [line.split() for line in text.splitlines()]


LONG = [f"runs/experiment_{i}/features/stage{i}.h5::backbone/block_{i}/attention/out" for i in range(16)]
