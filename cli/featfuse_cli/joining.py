"""The options beyond one grid and one sum: learned kernels, masks, reductions, tokens, folds."""

from typing import Annotated

from featfuse_cli.options import listed, option

__all__ = ["JoiningFlags"]

KERNEL = "Learned kernels"
MASK = "Masks"
REDUCE = "Reduce"


class JoiningFlags:
    """One option per remaining field of `featfuse.request.options.Options`, in the order of `--help`."""

    fold: Annotated[
        str | None,
        option(
            "fold",
            "coarse-to-fine: fuse neighbouring levels, from the coarsest up; a container keeps every level.",
            "Combine",
            metavar="ORDER",
        ),
    ]
    normalize: Annotated[
        str | None,
        option("normalize", "l2: channel vectors of length 1 before combining.", "Combine", metavar="NAME"),
    ]
    grid: Annotated[
        str | None,
        option("grid", "See token tensors (N L C) as this grid, like 14x14.", "Layout", metavar="HxW"),
    ]
    skip_tokens: Annotated[
        int | None,
        option("skip_tokens", "Leading tokens before the grid begins. Default: 0.", "Layout", metavar="N"),
    ]
    mask: Annotated[
        str | None,
        option(
            "mask",
            "Multiply what was brought to the grid by this; auto: 1 where a padded input has data.",
            MASK,
            metavar="INPUT",
        ),
    ]
    mask_invert: Annotated[bool | None, option("mask_invert", "Use 1 - mask.", MASK, no=True)]
    mask_mode: Annotated[
        str | None,
        option("mask_mode", "multiply (default), or blend: (1-m)*a + m*b.", MASK, metavar="MODE"),
    ]
    reduce: Annotated[
        str | None,
        option("reduce", f"After combining: {listed('reduce')}.", REDUCE, metavar="NAME"),
    ]
    out_channels: Annotated[
        int | None,
        option("out_channels", "Channels after conv1x1 (untrained) or pca.", REDUCE, metavar="N"),
    ]
    seed: Annotated[int | None, option("seed", "Of the untrained kernel. Default: 0.", REDUCE, metavar="N")]
    keepdims: Annotated[
        bool | None, option("keepdims", "Keep the axes that gap pools, as size 1 (default).", REDUCE, no=True)
    ]
    kernel: Annotated[
        str | None,
        option("kernel", "Weights of conv1x1 or transposed-conv.", KERNEL, metavar="INPUT"),
    ]
    bias: Annotated[str | None, option("bias", "Its bias, one number per channel.", KERNEL, metavar="INPUT")]
    kernel_layout: Annotated[
        str | None,
        option(
            "kernel_layout",
            "torch: OIHW, OI; transposed IOHW. Keras: HWIO; transposed HWOI. Default: what fits.",
            KERNEL,
            metavar="AXES",
        ),
    ]
    project: Annotated[
        list[str] | None,
        option(
            "project",
            "1x1 convolution of input I (from 1) before all else: I=KERNEL or I=KERNEL,BIAS. Repeatable.",
            KERNEL,
            metavar="I=INPUT",
        ),
    ]
    stride: Annotated[
        str | None, option("stride", "Of the transposed convolution. Default: 1.", KERNEL, metavar="N")
    ]
    padding: Annotated[
        str | None,
        option("padding", "Numbers as in torch (default 0), or Keras' same, valid.", KERNEL, metavar="N"),
    ]
    output_padding: Annotated[
        str | None, option("output_padding", "As in torch. Default: 0.", KERNEL, metavar="N")
    ]
    dilation: Annotated[str | None, option("dilation", "Step between taps. Default: 1.", KERNEL, metavar="N")]
    groups: Annotated[int | None, option("groups", "Channel groups. Default: 1.", KERNEL, metavar="N")]
