"""How an HDF5 output is laid out in chunks."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from featfuse.formats import OutputTensor
from featfuse.formats.hdf5.writer import chunk_shape
from featfuse.io.sinks import create_sink
from featfuse.model.dtypes import DTYPES
from featfuse.storage.atomic import AtomicFile

F32 = DTYPES["float32"]


@pytest.mark.parametrize(
    ("shape", "itemsize", "chunks"),
    [
        ((), 4, None),
        ((0, 3), 4, None),
        ((5,), 4, (5,)),
        ((1, 512, 512, 256), 4, (1, 2, 512, 256)),
        ((1, 256, 512, 512), 4, (1, 1, 512, 512)),
        ((8, 64, 32, 32), 2, (8, 64, 32, 32)),
        ((9, 64, 32, 32), 4, (4, 64, 32, 32)),
        ((3, 10_000_000), 4, (1, 262_144)),
    ],
)
def test_chunks_are_runs_of_about_a_mebibyte(
    shape: tuple[int, ...], itemsize: int, chunks: tuple[int, ...] | None
) -> None:
    assert chunk_shape(shape, itemsize) == chunks


def test_many_chunks_are_laid_out_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 GB of HDF5: planning the chunks takes no minutes. (The room for them is not taken here.)"""
    monkeypatch.setattr(AtomicFile, "reserve", lambda *_: None)
    monkeypatch.setattr(AtomicFile, "check_space", lambda *_: None)
    tensor = OutputTensor("fused", (100, 1024, 1024, 256), F32)
    sink = create_sink(str(tmp_path / "x.h5"), [tensor], provenance={}, key=None, force=False)
    window = (slice(99, 100), slice(1023, 1024), slice(0, 1024), slice(0, 256))
    sink.write("fused", window, np.ones((1, 1, 1024, 256), F32))
    assert sum(item.stat().st_blocks for item in tmp_path.iterdir()) * 512 < 64 << 20
    sink.commit()
    with h5py.File(tmp_path / "x.h5", "r") as file:
        assert file["fused"][99, 1022:, 5, 7].tolist() == [0, 1]
