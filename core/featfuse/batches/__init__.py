"""Batches: many fusions in one go, over folders, patterns and containers; resumable."""

from featfuse.batches.container import STAGED
from featfuse.batches.prepare import open_batch
from featfuse.batches.result import SOME_FAILED, BatchResult
from featfuse.batches.run import Batch, BatchOptions, get_ready
from featfuse.batches.work import Outcome

__all__ = [
    "SOME_FAILED",
    "STAGED",
    "Batch",
    "BatchOptions",
    "BatchResult",
    "Outcome",
    "get_ready",
    "open_batch",
]
