"""Jobs: delivered whole, as an array or to a file, or on a dry run not at all."""

from pathlib import Path

import featfuse
import numpy as np

X = np.arange(16, dtype=np.float32).reshape(4, 4)


def test_an_array_and_a_file_hold_the_same(tmp_path: Path) -> None:
    call = {"method": "bilinear", "to": (7, 5)}
    array = featfuse.fuse(X, **call)
    report = featfuse.fuse(X, out=tmp_path / "o.npy", **call)
    np.testing.assert_array_equal(np.load(tmp_path / "o.npy"), array)
    assert report.output is not None
    assert (report.output.shape, report.output.bytes) == ((7, 5), array.nbytes)


def test_a_dry_run_tells_the_same_of_the_output(tmp_path: Path) -> None:
    call = {"method": "bilinear", "to": (7, 5), "out": tmp_path / "o.npy"}
    dry = featfuse.fuse(X, dry_run=True, **call)
    assert not (tmp_path / "o.npy").exists()
    wet = featfuse.fuse(X, **call)
    assert dry.output is not None
    assert wet.output is not None
    assert (dry.output.shape, dry.output.dtype, dry.axes) == (wet.output.shape, wet.output.dtype, wet.axes)
