"""Commands that end well: methods, combinations, channels, masks, reductions, layouts, types."""

__all__ = ["WORKS"]

AB = "a.npy b.npy --layout NCHW"
WIDE = "a.npy c16.npy --layout NCHW -m bilinear"

CONVENTIONS = ("torch", "tf", "onnx", "opencv", "pillow", "jax")
COORDS = ("half-pixel", "align-corners", "asymmetric", "pytorch-half-pixel", "half-pixel-symmetric")
KERNELS = ("bilinear", "bicubic", "lanczos3", "lanczos5", "mitchell", "gaussian")
METHODS = (
    *("strict", "nearest", "nearest-exact", *KERNELS, "area", "avg-pool", "max-pool", "stride"),
    *("transposed-conv", "crop", "pad", "crop-or-pad", "letterbox"),
)
PAD_MODES = (
    *(
        "constant",
        "edge",
        "reflect",
        "symmetric",
        "wrap",
        "linear_ramp",
        "maximum",
        "mean",
        "median",
        "minimum",
    ),
    *("replicate", "circular"),
)
ROUNDINGS = ("floor", "ceil", "prefer-floor", "prefer-ceil")
COMBINES = ("add", "sub", "mul", "mean", "max", "min", "fast-normalized", "softmax", "concat", "stack")
WEIGHED = ("add", "mean", "fast-normalized", "softmax")
CHANNELS = ("tile", "repeat", "zero-pad", "truncate", "mean")
TYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
FLOATS = ("float16", "float32", "float64")
SMALL_FLOATS = ("bfloat16", "float8_e4m3fn", "float8_e5m2")


def _types(method: str, names: tuple[str, ...]) -> list[str]:
    pair = "types.safetensors::{0}/large types.safetensors::{0}/small --layout NCHW -m {1} -o t.safetensors"
    return [pair.format(name, method) for name in names]


WORKS: dict[str, list[str]] = {
    "methods": [
        *(f"{AB} -m {name}" for name in METHODS if name not in ("strict", "stride", "transposed-conv")),
        "a.npy same.npy --layout NCHW -m strict",
        "a.npy c1.npy --layout NCHW",
        "a.npy half.npy --layout NCHW -m stride",
        "a.npy half.npy --layout NCHW -m transposed-conv",
        *(f"{AB} -m {alias}" for alias in ("linear", "trilinear", "cubic")),
    ],
    "conventions": [
        *(
            f"{AB} -m {method} --convention {name} {way}"
            for method in ("nearest", *KERNELS, "area")
            for name in CONVENTIONS
            for way in (
                ("--to largest", "--to 9x31") if method in ("nearest", "bicubic") else ("--to 11x13",)
            )
        ),
    ],
    "kernels": [
        *(f"{AB} -m {method} --coords {name}" for method in ("nearest", "bilinear") for name in COORDS),
        *(f"{AB} -m {method} --antialias --to smallest" for method in KERNELS),
        *(
            f"{AB} -m {method} --edge {name}"
            for method in ("bicubic", "lanczos3")
            for name in ("clamp", "renormalize")
        ),
        *(f"{AB} -m nearest --nearest-rounding {name} --coords half-pixel" for name in ROUNDINGS),
        f"{AB} -m bicubic --cubic-a -0.6",
        f"{AB} -m bicubic --no-antialias --convention pillow --to smallest",
        f"{AB} -m lanczos3 --no-antialias --to 5x5",
        *(
            f"{AB} -m bilinear --to {grid}"
            for grid in ("auto", "largest", "smallest", "first", "last", "24x3", "1x1")
        ),
        *(f"{AB} -m crop-or-pad --to {grid}" for grid in ("smallest", "last", "12x12")),
        f"{AB} -m bicubic --like d.npy",
        "a.npy --layout NCHW -m bilinear --to 32x32",
        "a.npy -m max-pool --to 4x4 --layout NCHW",
    ],
    "borders": [
        *(f"{AB} -m pad --pad-mode {mode}" for mode in PAD_MODES),
        *(f"d.npy a.npy --layout NCHW -m pad --pad-mode {mode} --to 50x60" for mode in PAD_MODES[2:6]),
        f"{AB} -m pad --pad-value 1.5",
        f"{AB} -m pad --pad-mode linear_ramp --pad-value -2",
        *(
            f"{AB} -m {method} --anchor {place}"
            for method in ("pad", "crop", "crop-or-pad")
            for place in ("start", "end")
        ),
        *(
            f"d.npy a.npy --layout NCHW -m crop --odd {rule} --to 8x10"
            for rule in ("floor", "ceil", "round", "monai")
        ),
        *(
            f"d.npy b.npy --layout NCHW -m crop-or-pad --odd {rule} --to 8x18"
            for rule in ("floor", "ceil", "round")
        ),
        f"{AB} -m pad --offset H:3,W:1",
        f"{AB} -m crop --offset W:4",
        f"{AB} -m crop-or-pad --offset h:2",
        f"{AB} -m letterbox --convention tf",
        f"{AB} -m letterbox --pad-mode edge --anchor end",
        f"{AB} -m letterbox --pad-value 7 --to 30x12",
        *(
            f"{AB} -m letterbox --to 30x12 --interpolation {name}"
            for name in ("nearest", "nearest-exact", *KERNELS, "area")
        ),
        f"{AB} -m letterbox --interpolation bicubic --cubic-a -0.5 --antialias --to 8x8",
        f"{AB} -m letterbox --interpolation nearest --nearest-rounding ceil --to 30x30",
    ],
    "pools": [
        *(
            f"a.npy --layout NCHW -m {method} {geometry}"
            for method in ("avg-pool", "max-pool")
            for geometry in (
                *(
                    "--pool-size 2",
                    "--pool-size 3x2 --pool-stride 2",
                    "--pool-size 3 --pool-stride 1 --pool-padding 1",
                ),
                *(
                    "--pool-size 3 --pool-stride 2 --ceil-mode",
                    "--pool-size 3 --pool-stride 2 --no-ceil-mode",
                    "--to 5x7",
                ),
            )
        ),
        "a.npy --layout NCHW -m avg-pool --pool-size 3 --pool-padding 1 --no-count-include-pad",
        "a.npy --layout NCHW -m avg-pool --pool-size 3 --pool-padding 1x0 --count-include-pad --ceil-mode",
        "a.npy half.npy --layout NCHW -m max-pool --pool-size 2",
        *(
            f"a.npy --layout NCHW -m {method} --pool-size 3 {geometry}"
            for method in ("avg-pool", "max-pool", "lp-pool")
            for geometry in ("--pool-padding same", "--pool-padding 1+2x0", "--pool-dilation 2x3")
        ),
        "a.npy --layout NCHW -m avg-pool --pool-size 3 --pool-padding 2",
        "a.npy --layout NCHW -m avg-pool --pool-size 3 --pool-padding same --count-include-pad",
        "a.npy half.npy --layout NCHW -m lp-pool --p 3 --convention onnx",
    ],
    "shuffles": [
        "a.npy --layout NCHW -m pixel-shuffle --to 32x40",
        "a.npy --layout NCHW -m pixel-unshuffle --to 4x5 --convention tf",
        "c16.npy b.npy --layout NCHW -m pixel-shuffle --to 28x36 --channels tile",
    ],
    "learned": [
        *(
            f"b.npy --layout NCHW -m transposed-conv --kernel k.safetensors::{rest}"
            for rest in (
                *(
                    "up --stride 2 --padding 1",
                    "up",
                    "up --stride 2 --padding same",
                    "up --stride 3x2 --padding valid",
                ),
                "up --stride 2 --padding 1 --bias k.safetensors::bias6 --kernel-layout IOHW",
                "up --stride 3 --output-padding 1x2 --padding 2",
                "up --dilation 2 --padding 3",
                *(
                    "up-keras --stride 2 --padding same",
                    "up-keras --kernel-layout HWOI --padding valid --stride 2",
                ),
                *(
                    "up-square --kernel-layout IOHW --padding 1",
                    "up-groups --groups 2 --stride 2 --padding 1",
                ),
                "up-groups --groups 4 --padding same --dilation 2",
            )
        ),
        "half.npy a.npy --layout NCHW -m transposed-conv --kernel k.h5::up2 --stride 2 --kernel-layout IOHW",
        "ncw-b.npy --layout NCW -m transposed-conv --kernel k.npz::up-1d --stride 2 --kernel-layout IOW",
        "ncdhw-b.npy --layout NCDHW -m transposed-conv --kernel k.h5::up-3d --stride 2",
        *(
            f"{AB} --project 1=k.safetensors::{key} -m bilinear --combine concat"
            for key in ("oihw", "oi", "hwio")
        ),
        f"{WIDE} --project 2=k.safetensors::c16to8",
        f"{WIDE} --project 2=k.safetensors::c16to8,k.safetensors::bias8 --combine max",
        f"{AB} --project 1=k.h5::oihw,k.h5::bias6 --project 2=k.npz::oi -m nearest",
        "c4.npy b.npy --layout NCHW --project 1=k.h5::c4to8 -m area",
    ],
    "combines": [
        *(f"{AB} -m bilinear --combine {name}" for name in COMBINES),
        *(f"a.npy same.npy --layout NCHW --combine {name}" for name in COMBINES),
        *(f"{AB} -m nearest --combine {name} --weights 0.7,-1.2" for name in WEIGHED),
        *(
            f"{AB} -m bilinear --combine {name} --weights x-maps.npy"
            for name in ("add", "mean", "softmax", "fast-normalized")
        ),
        *(f"{AB} -m nearest --combine {name} --weights x-list.npy" for name in WEIGHED[1:]),
        f"{AB} -m pad --combine softmax --weights x-maps-b.npy --to smallest".replace("pad", "crop"),
        "a.npy b.npy d.npy --layout NCHW -m bilinear --combine mean --weights 1,2,3",
        "a.npy b.npy d.npy --layout NCHW -m pad --combine softmax --weights x-maps3.npy",
        *(f"a.npy two.npy same.npy --layout NCHW --combine {name}" for name in ("add", "mul", "mean", "max")),
        *(f"{AB} -m bilinear --normalize l2 --combine {name}" for name in ("add", "concat")),
        "a.npy --layout NCHW --normalize l2",
        f"{AB} -m bilinear --normalize none",
        *(
            f"a.npy half.npy b.npy --layout NCHW -m {name} --fold coarse-to-fine"
            for name in ("nearest", "bilinear", "pad")
        ),
        "a.npy half.npy b.npy --layout NCHW -m nearest --fold coarse-to-fine -o levels.h5",
        "a.npy half.npy b.npy --layout NCHW -m pad --fold coarse-to-fine -o levels.safetensors --combine max",
        "b.npy a.npy half.npy --layout NCHW -m bilinear --fold coarse-to-fine -o levels.npz",
    ],
    "channels": [
        *(f"{WIDE} --channels {mode}" for mode in CHANNELS),
        *(f"c3.npy a.npy --layout NCHW --channels {mode}" for mode in ("zero-pad", "truncate")),
        *(f"c4.npy b.npy --layout NCHW -m nearest --channels {mode} --combine max" for mode in CHANNELS),
        f"{AB} -m pad --channels strict",
        f"{WIDE} --combine concat",
    ],
    "masks": [
        *(
            f"{AB} -m nearest --mask {mask}.npy"
            for mask in ("x-soft", "x-mask-hw", "x-mask-b", "x-bool", "x-ints", "c1")
        ),
        f"{AB} -m pad --mask auto --pad-value 1",
        f"{AB} -m pad --mask auto --mask-invert --pad-mode edge",
        f"{AB} -m letterbox --mask auto --combine max",
        f"{AB} -m crop-or-pad --mask auto --to 18x14",
        f"{AB} -m bilinear --mask x-soft.npy --mask-invert",
        f"{AB} -m bilinear --mask x-bool.npy --no-mask-invert --mask-mode multiply",
        *(f"{AB} -m {method} --mask x-soft.npy --mask-mode blend" for method in ("bilinear", "pad")),
        "a.npy same.npy --layout NCHW --mask x-mask-hw.npy --mask-mode blend --mask-invert",
        "a.npy same.npy b.npy --layout NCHW -m nearest --mask x-mask-hw.npy --combine mul",
    ],
    "reductions": [
        *(f"{AB} -m bilinear --combine concat --reduce {name}" for name in ("gap", "mean", "max", "sum")),
        *(
            f"a.npy --layout NCHW --reduce conv1x1 --kernel {kernel}"
            for kernel in ("kernel.npy", "k.h5::oi", "k.npz::hwio")
        ),
        "a.npy --layout NCHW --reduce conv1x1 --kernel k.h5::oihw --bias k.h5::bias6 --kernel-layout OIHW",
        "a.npy --layout NCHW --reduce conv1x1 --kernel k.h5::hwio --kernel-layout HWIO",
        "nhwc.npy --layout NHWC --reduce conv1x1 --kernel k.h5::oi --kernel-layout OI",
        f"{AB} -m nearest --combine concat --reduce conv1x1 --kernel k.h5::oi16",
        *(f"a.npy --layout NCHW --reduce conv1x1 --out-channels 5{rest}" for rest in ("", " --seed 7")),
        "a.npy --layout NCHW --reduce conv1x1 --out-channels 5 --save-kernel kept.npy",
        "a.npy --layout NCHW --reduce conv1x1 --out-channels 3 --seed 1 --save-kernel kept.h5::w",
        f"{AB} -m pad --reduce gap --no-keepdims",
        "a.npy --layout NCHW --reduce gap --keepdims",
        *(f"{AB} -m bilinear --combine concat --reduce pca --out-channels {count}" for count in (1, 4)),
        "nhwc.npy --layout NHWC --reduce pca --out-channels 2 -o pca.npz",
    ],
    "layouts": [
        *(
            f"{name}.npy {name}-b.npy --layout {name.upper()} -m {method}"
            for name in ("nhwc", "chw", "hwc", "ncdhw", "ndhwc", "ncw", "hw", "w")
            for method in ("bilinear", "pad", "avg-pool")
        ),
        "a.npy nhwc-b.npy --layout NCHW,NHWC -m nearest",
        "nhwc.npy b.npy --layout NHWC,NCHW -m bicubic",
        "chw.npy b.npy --layout CHW,NCHW -m bilinear",
        "a.npy hwc-b.npy --layout NCHW,HWC -m crop",
        "a.npy hw-b.npy --layout NCHW,HW -m nearest",
        "ncdhw.npy ndhwc-b.npy --layout NCDHW,NDHWC -m max-pool",
        "ntchw.npy --layout NTCHW -m bilinear --to 3x4x5",
        "square.npy square-b.npy -m bilinear",
        *("a.npy b.npy -m bilinear", "hw.npy hw-b.npy -m bilinear", "w.npy w-b.npy -m bicubic"),
        "seven.npy",
        "tokens.npy b.npy --layout NLC,NCHW --grid 7x9",
        "a.npy tokens-cls.npy --layout NCHW,NLC --grid 7x9 --skip-tokens 1 -m bilinear",
        "tokens-lc.npy chw-b.npy --layout LC,CHW --grid 7x9 --combine concat",
        "tokens.npy --layout NLC --grid 7x9 -m bilinear --to 14x18",
        "empty.npy b.npy --layout NCHW -m nearest",
        "flat.npy --layout NCHW -m pad --to 4x20",
    ],
    "types": [
        *_types("nearest", (*TYPES, *FLOATS, *SMALL_FLOATS)),
        *_types("bilinear", (*TYPES, *FLOATS, *SMALL_FLOATS)),
        *(
            f"{name}-large.npy {name}-small.npy --layout NCHW -m max-pool --combine max"
            for name in (*TYPES, *FLOATS)
        ),
        *(
            f"a.npy --layout NCHW --dtype {name} --on-overflow saturate -o t.safetensors"
            for name in (*TYPES, *FLOATS, *SMALL_FLOATS)
        ),
        *(f"{name}-large.npy float16-small.npy --layout NCHW -m nearest" for name in TYPES),
        "types.safetensors::bfloat16/large float16-small.npy --layout NCHW -m nearest -o t.npy",
        "int8-large.npy uint8-small.npy --layout NCHW -m nearest",
        "hot.npy hot.npy --layout NCHW --on-overflow saturate",
        "hot-u.npy hot-u.npy --layout NCHW --on-overflow saturate",
        "hot-half.npy hot-half.npy --layout NCHW",
        "precise.npy --layout NCHW --dtype float32",
        "many.npy many.npy --layout NCHW --dtype uint64",
        "nan.npy a.npy --layout NCHW -m nearest --channels truncate",
    ],
}
