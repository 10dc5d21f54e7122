"""A branch through a learned transposed convolution: the geometry of torch and Keras, and whether it hits."""

from collections.abc import Mapping, Sequence

from featfuse.errors import ShapeError, UsageError
from featfuse.model.constant import Constant
from featfuse.model.dtypes import weighted_dtype
from featfuse.model.geometry import Geometry
from featfuse.model.layout import SPATIAL, Layout
from featfuse.planning.branches import constant_bias, grown, resized
from featfuse.planning.parameters import Parameter, transposed_kernel
from featfuse.planning.plan import Branch, Member, Upsample
from featfuse.planning.reconcile import per_axis
from featfuse.request.options import Options
from featfuse.wording import phrase, worded

__all__ = ["convolve"]


def convolve(
    branch: Branch,
    kernel: Parameter,
    bias: Parameter | None,
    layout: Layout,
    options: Options,
    target: Mapping[str, int],
) -> Branch:
    """The input through a learned transposed convolution; its grid must come out as `target`.

    An axis that `target` lacks takes whatever size the geometry gives.
    """
    member = branch.member
    space = [letter for letter in layout.space if letter in member.grid]
    channels = member.sizes.get("C")
    if channels is None:
        raise ShapeError(f"{member.spec.name}: {worded('kernel')} needs a channel axis")
    groups = options.groups or 1
    weights = transposed_kernel(kernel, channels, groups, len(space), options.kernel_layout, member.spec.name)
    in_order = sorted(
        space, key=SPATIAL.index
    )  # as the letters of a kernel's layout stand, D before H before W
    weights = weights.transpose(0, 1, *(2 + in_order.index(letter) for letter in space))
    along = {
        letter: _geometry(member.grid[letter], weights.shape[2 + place], place, space, options)
        for place, letter in enumerate(space)
    }
    if any(target.get(letter, it.out_size) != it.out_size for letter, it in along.items()):
        raise _missed(member, along, target, options)
    reached = {letter: it.out_size for letter, it in along.items()}
    out_channels = weights.shape[1] * groups
    step = Upsample(
        Constant(weights),
        constant_bias(bias, out_channels),
        groups,
        tuple(along.items()),
        channels,
        out_channels,
    )
    return grown(
        branch,
        step,
        member=resized(branch, {"C": out_channels, **reached}),
        dtype=weighted_dtype(branch.dtype),
        moved=True,
    )


def _geometry(in_size: int, taps: int, place: int, space: Sequence[str], options: Options) -> Geometry:
    """torch and ONNX by numbers: O = (I-1)s - 2p + d(k-1) + op + 1, of which p crops the output on both sides
    and op extends its end. Keras by `same`: O = I*s, of the natural length (I-1)s + k the first
    (k-1) - min(ceil((s+k-2)/2), k-1) are cropped; and by `valid`: nothing is."""
    stride = per_axis("stride", options.stride, place, space) or 1
    dilation = per_axis("dilation", options.dilation, place, space) or 1
    reach = dilation * (taps - 1) + 1
    if options.padding == "same":
        left = min(-(-(stride + reach - 2) // 2), reach - 1)
        return Geometry(in_size, in_size * stride, taps, stride, dilation, reach - 1 - left)
    if options.padding == "valid":
        return Geometry(in_size, in_size * stride + max(reach - stride, 0), taps, stride, dilation, 0)
    assert not isinstance(options.padding, str)
    padding = per_axis("padding", options.padding, place, space) or 0
    extra = per_axis("output_padding", options.output_padding, place, space) or 0
    if extra >= max(stride, dilation):
        raise UsageError(
            f"{worded('output_padding', extra)} must be smaller than {worded('stride', stride)} "
            f"or {worded('dilation', dilation)}"
        )
    out_size = (in_size - 1) * stride - 2 * padding + reach + extra
    if out_size < 1:
        raise ShapeError(
            f"axis {space[place]}: the transposed convolution of {in_size} samples leaves {out_size}",
            hint=phrase("Choose a smaller {padding}."),
        )
    return Geometry(in_size, out_size, taps, stride, dilation, padding)


def _missed(
    member: Member, along: Mapping[str, Geometry], target: Mapping[str, int], options: Options
) -> ShapeError:
    """The geometry misses the target: say where and by how much, and what would reach it."""
    space = list(along)
    extra = {
        letter: per_axis("output_padding", options.output_padding, place, space) or 0
        for place, letter in enumerate(space)
    }
    needed = {letter: target[letter] - it.out_size + extra[letter] for letter, it in along.items()}
    reachable = all(0 <= needed[letter] < max(it.stride, it.dilation) for letter, it in along.items())
    bilinear = worded("method", "bilinear")
    hint = f"Choose another {worded('stride')} or {worded('padding')}, or {bilinear}, which reaches any size."
    if reachable and not isinstance(options.padding, str):
        sizes = [str(needed[letter]) for letter in space]
        words = sizes[0] if len(set(sizes)) == 1 else "x".join(sizes)
        hint = f"{worded('output_padding', words)} reaches the target; so does {bilinear}."
    told = [
        f"axis {letter}: {it.in_size} gives {it.out_size}, the target is {target[letter]}"
        for letter, it in along.items()
        if it.out_size != target[letter]
    ]
    return ShapeError(
        f"{member.spec.name}: the transposed convolution misses the target: {', '.join(told)}", hint=hint
    )
