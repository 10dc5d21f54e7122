"""Commands that are refused: choices, options that nothing reads, numbers, shapes, channels, layouts."""

__all__ = ["FAILS"]

AB = "a.npy b.npy --layout NCHW"
A = "a.npy --layout NCHW"
B = "b.npy --layout NCHW"
SAME = "a.npy same.npy --layout NCHW"

FAILS: dict[str, list[str]] = {
    "choices": [
        *(
            f"{AB} {rest}"
            for rest in ("-m bilinaer", "-m xyz", "--combine ad", "--channels tiel", "--normalize l3")
        ),
        *(
            f"{AB} -m nearest {rest}"
            for rest in ("--convention torhc", "--coords halfpixel", "--nearest-rounding up")
        ),
        *(
            f"{AB} -m bicubic {rest}"
            for rest in ("--edge clmap", "--cubic-a x", "--cubic-a nan", "--convention ''")
        ),
        *(
            f"{AB} -m pad {rest}"
            for rest in ("--pad-mode reflct", "--anchor middle", "--pad-value x", "--offset H3")
        ),
        *(
            f"{AB} -m crop {rest}"
            for rest in ("--odd even", "--offset 3:H", "--offset H:3,,W:1", "--offset Q:1", "--offset H:-1")
        ),
        *(f"{AB} -m letterbox --interpolation {name}" for name in ("bilinar", "pad", "strict")),
        *(
            f"{AB} -m bilinear {rest}"
            for rest in ("--reduce gpa", "--mask-mode blnd --mask c1.npy", "--fold fine-to-coarse")
        ),
        *(
            f"{AB} -m bilinear {rest}"
            for rest in (
                "--dtype float23",
                "--on-overflow clip",
                "--to largst",
                "--to 0x4",
                "--to 4x",
                "--to -3",
            )
        ),
        f"{AB} -m bilinear --to 1234567890123456x2",
        *(f"{A} -m avg-pool --pool-size {size}" for size in ("0", "x", "2x2x2", "3.5")),
        *(f"{A} -m avg-pool --pool-size 2 --pool-padding {text}" for text in ("-1", "1+", "smae", "1x1x1")),
        *(f"{A} -m lp-pool --pool-size 2 --p {text}" for text in ("0", "x", "inf")),
        *(f"{AB} --combine add --weights {text}" for text in ("1,x", "nan,1", "1,inf")),
        *(
            f"{B} -m transposed-conv --kernel k.h5::up --padding {word}"
            for word in ("smae", "x", "1x1x1", "-1")
        ),
        f"{B} -m transposed-conv --kernel k.h5::up --groups 0",
        *(f"{A} --reduce conv1x1 --out-channels {rest}" for rest in ("0", "2 --seed -1", "x")),
        *("methods bilinaer", "methods concat", "methods gap", "methods tile", "methods tf", "methods a b"),
        *(
            "--mehtod bilinear",
            "a.npy --nosuch",
            "inspct a.npy",
            "batch --nosuch",
            "inspect",
            "run",
            "a.npy --to",
            "--version=3",
        ),
        *(f"{AB} --memory {size}" for size in ("x", "12Q", "99999999999999999999G", "-1", "")),
        *(f"{AB} --threads {count}" for count in ("0", "x")),
    ],
    "unused": [
        *(
            f"{AB} -m nearest {rest}"
            for rest in ("--antialias", "--cubic-a -0.5", "--pad-mode edge", "--pool-size 2", "--odd ceil")
        ),
        *(
            f"{AB} -m bilinear {rest}"
            for rest in ("--cubic-a -0.5", "--nearest-rounding ceil", "--kernel k.h5::up", "--stride 2")
        ),
        *(
            f"{AB} -m pad {rest}"
            for rest in (
                "--odd ceil",
                "--convention tf",
                "--pad-mode edge --pad-value 1",
                "--interpolation area",
            )
        ),
        *(f"{AB} -m crop {rest}" for rest in ("--pad-value 1", "--anchor end --odd ceil")),
        *(
            f"{AB} -m letterbox {rest}"
            for rest in (
                "--cubic-a -0.5",
                "--interpolation area --edge clamp",
                "--interpolation nearest --antialias",
            )
        ),
        *(
            f"{A} -m avg-pool {rest}"
            for rest in ("--pool-stride 2", "--pool-padding 1", "--ceil-mode", "--no-count-include-pad")
        ),
        f"{A} -m max-pool --pool-size 2 --count-include-pad",
        f"{A} -m max-pool --pool-size 2 --pool-padding same --ceil-mode",
        f"{A} -m max-pool --pool-size 2 --p 3",
        *(f"{AB} -m {method} --convention pillow" for method in ("lp-pool", "pixel-shuffle")),
        *(
            f"{B} -m transposed-conv {rest}"
            for rest in (
                "--stride 2",
                "--padding 1",
                "--bias k.h5::bias6",
                "--kernel-layout IOHW",
                "--groups 2",
            )
        ),
        f"{B} -m transposed-conv --kernel k.h5::up --padding same --output-padding 1",
        f"{AB} -m transposed-conv --kernel k.h5::up --reduce conv1x1",
        *(
            f"{SAME} {rest}"
            for rest in (
                "--to 4x4",
                "--like b.npy",
                "--out-channels 3",
                "--seed 1",
                "--keepdims",
                "--no-antialias",
            )
        ),
        f"{AB} -m bilinear --to 4x4 --like b.npy",
        *(f"{AB} -m nearest --combine {name} --weights 1,2" for name in ("mul", "concat", "max", "sub")),
        *(f"{AB} -m nearest {rest}" for rest in ("--mask-invert", "--mask-mode blend", "--skip-tokens 1")),
        f"{A} --reduce conv1x1",
        f"{A} --reduce conv1x1 --kernel k.h5::oi --out-channels 3",
        f"{A} --reduce conv1x1 --kernel k.h5::oi --seed 3",
        *(
            f"{A} --reduce conv1x1 --out-channels 3 --{rest}"
            for rest in ("bias k.h5::bias6", "kernel-layout OI")
        ),
        f"{A} --reduce conv1x1 --kernel k.h5::oi --stride 2",
        *(
            f"{A} --reduce {rest}"
            for rest in ("pca", "gap --out-channels 3", "mean --keepdims", "gap --seed 1")
        ),
        *(f"{AB} -m pad {rest}" for rest in ("--json --quiet", "--save-kernel k2.npy", "-o - --sidecar")),
        "inspect a.npy --json --quiet",
        "inspect a.npy -o x.npy",
        "batch left/ -o f/ --json --quiet",
        f"{AB} -m nearest --fold coarse-to-fine --combine mean",
        f"{AB} -m nearest --fold coarse-to-fine --mask x-soft.npy",
        f"{A} --fold coarse-to-fine",
        f"{A} -m pad --to 18x22 --pad-mode edge --pad-value 2",
        "types.safetensors::uint8/large --layout NCHW -m pad --to 12x12 --pad-value -1 -o o.npy",
        "bool-large.npy --layout NCHW -m pad --to 12x12 --pad-value 0.5",
    ],
    "shapes": [
        AB,
        f"inspect {AB}",
        f"inspect {AB} --json",
        f"inspect {AB} --quiet",
        *(
            f"inspect a.npy {name}.npy --layout NCHW{rest}"
            for name in ("c16", "c3")
            for rest in ("", " --json")
        ),
        *(f"inspect a.npy c16.npy --layout NCHW -m {name}" for name in ("bilinear", "crop", "stride")),
        *(f"a.npy {name}.npy --layout NCHW -m bilinear" for name in ("c16", "c3")),
        *(f"a.npy c3.npy --layout NCHW --channels {mode}" for mode in ("tile", "repeat", "mean", "strict")),
        "c3.npy c16.npy two.npy --layout NCHW -m bilinear --channels tile",
        f"{AB} -m crop --to 10x10",
        f"{AB} -m pad --to 10x10",
        f"{AB} -m pad --to 10x10 --json",
        *(f"{AB} -m {method} --offset H:30" for method in ("pad", "crop", "crop-or-pad")),
        *(f"{AB} -m {method}" for method in ("stride", "transposed-conv")),
        f"{A} -m stride --to 32x40",
        f"{A} -m area --to 0",
        *(f"{A} -m avg-pool --pool-size {rest}" for rest in ("40", "3 --pool-padding 3", "2 --to 3x3")),
        f"{A} -m max-pool --pool-size 2 --pool-padding 0+4 --pool-dilation 2",
        *(f"{A} -m pixel-shuffle --to {grid}" for grid in ("32x20", "33x41", "48x60", "8x10")),
        *(f"{A} -m pixel-unshuffle --to {grid}" for grid in ("5x10", "32x40")),
        "hw.npy --layout HW -m pixel-shuffle --to 32x40",
        f"{AB} -m pixel-shuffle",
        f"{AB} -m max-pool --pool-size 2 --pool-stride 5",
        *(f"{AB} -m bilinear --to {size}" for size in ("4", "4x4x4")),
        "hw.npy --layout HW -m bilinear --to 999999999999x99999999999",
        *(
            f"{AB} -m nearest --like {name}"
            for name in ("w.npy", "pair.safetensors", "'pair.npz::*'", "none.npy")
        ),
        *(
            "flat.npy b.npy --layout NCHW -m bilinear",
            "flat.npy --layout NCHW -m pad --pad-mode edge --to 4x20",
        ),
        *("flat.npy --layout NCHW --reduce gap", "flat.npy --layout NCHW --reduce pca --out-channels 1"),
        *(f"{A} --combine sub", "a.npy same.npy d.npy --layout NCHW -m pad --combine sub"),
        "hw.npy hw-b.npy -m nearest --combine concat",
        f"{AB} --combine concat",
        f"{AB} --combine stack",
    ],
    "weights": [
        *(
            f"{AB} -m nearest --weights {text}"
            for text in ("1", "1,2,3", "kernel.npy", "x-maps3.npy", "none.npy", "pair.npz")
        ),
        f"{AB} -m nearest --combine softmax --weights x-soft.npy",
        f"{AB} -m nearest --combine mean --weights 1,-1",
        "hw.npy hw.npy --weights x-maps.npy",
        *(
            f"{AB} -m nearest --mask {name}.npy"
            for name in ("x-mask-bad", "kernel", "w", "seven", "none", "ncdhw")
        ),
        *(f"{AB} -m {method} --mask auto" for method in ("nearest", "crop")),
        f"{SAME} --mask auto",
        f"{A} --mask x-soft.npy",
        f"{AB} -m nearest --mask x-soft.npy --mask-mode blend --combine mean",
        "a.npy same.npy half.npy --layout NCHW -m nearest --mask x-soft.npy --mask-mode blend",
        *(
            f"{A} --reduce conv1x1 --kernel k.h5::{key}"
            for key in ("oi16", "bias6", "up", "square-oi --kernel-layout HWOI", "none")
        ),
        *(
            f"{A} --reduce conv1x1 --kernel k.h5::{key}"
            for key in ("oihw --bias k.h5::bias4", "hwio --kernel-layout OIHW")
        ),
        *(
            f"{A} --reduce conv1x1 --kernel {name}"
            for name in ("k.h5", "'k.h5::*'", "none.npy", "x-heavy.npy", "a.npy")
        ),
        f"{A} --reduce conv1x1 --out-channels 999999999999",
        *(f"{A} --reduce pca --out-channels {count}" for count in (9, 100)),
        "nan.npy --layout NCHW --reduce pca --out-channels 2",
        *(
            f"hw.npy --layout HW --reduce {rest}"
            for rest in ("pca --out-channels 1", "conv1x1 --out-channels 2")
        ),
        "x-huge.npy --layout NC --reduce gap",
        *(f"{AB} -m nearest --reduce {name}" for name in ("mean", "max", "sum")),
        "a.npy c16.npy --layout NCHW -m nearest --combine concat --reduce mean",
        *(
            f"{AB} -m nearest --project {text}"
            for text in ("x", "1=", "=k.npy", "3=k.h5::oi", "0=k.h5::oi", "1=none.npy", "1=k.h5::oi16")
        ),
        f"{AB} -m nearest --project 1=k.h5::oi --project 1=k.h5::oi",
        f"{AB} -m nearest --project 1=k.h5::oi,k.h5::bias4",
        "hw.npy hw-b.npy -m nearest --project 1=k.h5::oi",
        *(
            f"{B} -m transposed-conv --kernel k.h5::{rest}"
            for rest in (
                *(
                    "oi",
                    "bias6",
                    "up-1d",
                    "up --groups 3",
                    "up --kernel-layout HWOI",
                    "up --kernel-layout XY",
                ),
                *(
                    "up --bias k.h5::bias4",
                    "up --stride 2x2x2",
                    "up --padding 40",
                    "up --output-padding 1",
                    "up-both",
                ),
                "up --stride 2 --to 3x3",
            )
        ),
        "b.npy a.npy --layout NCHW -m transposed-conv --kernel k.h5::up2 --kernel-layout IOHW --stride 2",
        f"{SAME} -m transposed-conv --kernel k.h5::up2 --kernel-layout IOHW",
        "hw.npy --layout HW -m transposed-conv --kernel k.h5::up",
        "hw.npy hw-b.npy -m nearest --normalize l2",
    ],
    "layouts": [
        *(
            "cube.npy cube-b.npy -m bilinear",
            "cube.npy -m bilinear --to 4x4",
            "chw.npy hwc.npy -m nearest",
            "inspect cube.npy cube-b.npy",
        ),
        *(
            f"a.npy b.npy -m nearest --layout {text}"
            for text in ("NCHX", "NCHH", "NCHW,NCHW,NCHW", "CHW", "''", "NCHW,", "NLCH")
        ),
        "seven.npy a.npy --layout NCHW",
        *(f"tokens.npy b.npy --layout NLC,NCHW --grid {size}" for size in ("7x8", "9", "7x9x1", "0x9", "a")),
        *(
            f"tokens-cls.npy b.npy --layout NLC,NCHW --grid 7x9{rest}"
            for rest in ("", " --skip-tokens 2", " --skip-tokens -1", " --skip-tokens x")
        ),
        f"{AB} -m nearest --grid 7x9",
        "ncw.npy --layout NLW --grid 5x6",
        "a.npy ncdhw.npy --layout NCHW,NCDHW -m nearest",
        "hw.npy a.npy --layout HW,NCHW --combine concat -m nearest --normalize l2",
    ],
    "overflow": [
        *(f"{name}.npy {name}.npy --layout NCHW" for name in ("hot", "hot-u", "many")),
        "hot.npy hot.npy --layout NCHW --json",
        "hot.npy hot.npy --layout NCHW -o o.h5 --on-overflow error",
        *(f"{A} --dtype {name}" for name in ("uint8", "bfloat16", "float8_e4m3fn")),
        "precise.npy --layout NCHW --dtype int32",
        "nan.npy --layout NCHW --dtype int8",
        *(f"types.safetensors::bfloat16/large --layout NCHW -o o.{kind}" for kind in ("npy", "h5", "npz")),
    ],
}
