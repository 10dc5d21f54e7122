"""PCA over channels, fitted on the data in a first streamed pass and applied in the second."""

import numpy as np

from featfuse.errors import RunError, UsageError
from featfuse.model.cutting import windows
from featfuse.model.tensor import Array
from featfuse.steps.base import Run, Step
from featfuse.steps.mix import ChannelMix, Mix
from featfuse.steps.windows import window_lengths
from featfuse.text import human_bytes
from featfuse.wording import phrase, worded

__all__ = ["PrincipalComponents"]


class PrincipalComponents(ChannelMix):
    """The `out_channels` directions of largest variance, in falling order.

    Every position is one observation of the channel vector. The sign of a direction is chosen so that
    its entry of largest magnitude is positive. The covariance is summed in float64 around the first
    position's vector, so that a large mean costs no digits.
    """

    def __init__(self, child: Step, axis: int, out_channels: int) -> None:
        super().__init__(child, axis, np.zeros((out_channels, child.shape[axis])))

    def mix_of(self, run: Run) -> Mix:
        """The components that this run has found."""
        mix: Mix = run.found[self]
        return mix

    def prepare(self, run: Run) -> None:
        super().prepare(run)
        child, out_channels = self.children[0], self.shape[self.axis]
        count, channels = 0, child.shape[self.axis]
        told = worded("reduce", "pca")
        if 40 * channels * channels > run.budget:
            raise UsageError(
                f"{told}: the covariance of {channels} channels needs {human_bytes(40 * channels**2)}",
                hint=phrase("Give more {memory}, or reduce the channels before."),
            )
        total, products = np.zeros(channels), np.zeros((channels, channels))
        shift: Array | None = None
        lengths = list(window_lengths(self, max(run.budget // 16, 1), max(run.budget // 4, 1)))
        lengths[self.axis] = out_channels
        for window in windows(self.shape, tuple(lengths)):
            (part,) = self.need(window)
            vectors = np.moveaxis(child.block(part, run), self.axis, -1).reshape(-1, channels)
            vectors = vectors.astype(np.float64)
            shift = vectors[0].copy() if shift is None else shift
            vectors -= shift
            count += len(vectors)
            total += vectors.sum(axis=0)
            products += vectors.T @ vectors
        if shift is None or not np.isfinite(products).all():
            raise RunError(
                f"{told}: the inputs hold NaN or inf, which have no principal components",
                hint=f"Replace them before, or leave {told} out.",
            )
        mean = total / count
        variances, directions = _principal(products / count - np.outer(mean, mean))
        weights = directions[:out_channels]
        run.found[self] = self.as_mix(weights, -weights @ (mean + shift))
        share = variances / max(variances.sum(), np.finfo(np.float64).tiny)
        kept = ", ".join(f"{part:.1%}" for part in share[: min(out_channels, 8)])
        more = ", ..." if out_channels > 8 else ""
        run.notes.append(f"pca explains {share[:out_channels].sum():.1%} of the variance ({kept}{more})")


def _principal(covariance: Array) -> tuple[Array, Array]:
    """Variances in falling order, and the directions as rows with deterministic signs."""
    variances, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    directions = vectors[:, ::-1].T
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return np.maximum(variances[::-1], 0.0), directions * signs[:, None]
