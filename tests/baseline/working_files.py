"""Commands that end well: formats, outputs, reports, `inspect`, `methods`, help, `batch`, streams."""

from working import METHODS

__all__ = ["WORKS_ON_FILES"]

COMMANDS = ("run", "inspect", "methods", "batch")
OUTPUTS = (
    "o.npy",
    "o.npz",
    "o.npz::deep",
    "o.h5",
    "o.h5::feat/x",
    "o.hdf5",
    "o.hdf",
    "o.safetensors",
    "o.safetensors::x",
)
LAYOUT = "--layout NCHW"
LR = "left/ right/ -m bilinear --layout NCHW -j 1 --exclude 'deep/*'"
FIELDS = "'left/{id}.npy' 'right/{id}.npy' -m nearest --layout NCHW -j 1"

WORKS_ON_FILES: dict[str, list[str]] = {
    "inputs": [
        *(f"{name}.npy b.npy {LAYOUT} -m nearest" for name in ("v1", "v2", "v3", "fortran", "big-endian")),
        *(
            f"{name}.npy {LAYOUT} -m bilinear --to 5x9"
            for name in ("fortran", "big-endian", "big-endian-half")
        ),
        *(f"{name}::a {name}::b {LAYOUT} -m bilinear" for name in ("pair.npz", "packed.npz")),
        *(f"single.{kind} b.npy {LAYOUT} -m nearest" for kind in ("npz", "h5", "safetensors")),
        f"mixed.npz b.npy {LAYOUT} -m nearest",
        f"groups.h5::feat/a groups.h5::feat/b {LAYOUT} -m bilinear",
        f"groups.h5::packed/a groups.h5::packed/b {LAYOUT} -m bilinear",
        f"groups.h5::chunked/a groups.h5::/feat/b {LAYOUT} -m area",
        *(f"groups.h5::{key} {LAYOUT} -m pad --to 20x24" for key in ("big/a", "growing/a", "chunked/a")),
        "groups.h5::named/a groups.h5::feat/b --layout NHWC,NCHW -m nearest",
        "groups.h5::named/a -m nearest --to 8x8",
        f"'groups.h5::feat/*' {LAYOUT} -m pad --combine stack",
        f"'pair.safetensors::layer*' {LAYOUT} -m nearest --combine concat",
        f"'pair.npz::?' {LAYOUT} -m bilinear",
        "named.safetensors::x named.safetensors::y -m bilinear",
        "single.safetensors -m nearest --to 4x4",
        f"odd.h5::good b.npy {LAYOUT} -m nearest",
        f"odd.h5::unwritten {LAYOUT} -m pad --to 12x12 --pad-value 3",
    ],
    "outputs": [
        *(f"a.npy b.npy {LAYOUT} -m bilinear -o {out}" for out in OUTPUTS),
        *(f"a.npy b.npy {LAYOUT} -m pad -o {out} --sidecar" for out in OUTPUTS[:8:2]),
        *(
            f"{name}-large.npy {LAYOUT} -o o.{kind}"
            for name in ("float16", "int64", "bool")
            for kind in ("npz", "h5")
        ),
        f"a.npy b.npy {LAYOUT} -m crop --no-sync",
        f"a.npy {LAYOUT} --force -o same.npy",
        f"a.npy {LAYOUT} -o groups.h5::added && b.npy {LAYOUT} -o groups.h5::more/b",
        f"a.npy {LAYOUT} -o pair.safetensors::added",
        f"a.npy {LAYOUT} -o pair.npz::added",
        *(
            f"b.npy {LAYOUT} -o {name} --force"
            for name in ("pair.npz::a", "groups.h5::feat/a", "pair.safetensors::layer2")
        ),
        f"b.npy {LAYOUT} -f -o pair.npz",
        *(
            f"a.npy b.npy {LAYOUT} -m bilinear --dry-run {rest}"
            for rest in ("", "--json", "-o x.h5", "--quiet", "--sidecar")
        ),
        f"a.npy b.npy {LAYOUT} -m pad --json",
        f"a.npy b.npy {LAYOUT} -m bilinear --json -o o.safetensors --combine concat --reduce gap",
        f"a.npy b.npy {LAYOUT} -m pad --quiet",
        f"a.npy b.npy {LAYOUT} -m pad -q -o o.h5 --sidecar",
        f"run a.npy b.npy {LAYOUT} -m pad",
        *(
            f"long.npy long-b.npy {LAYOUT} -m {method} {rest}"
            for method in ("bicubic", "max-pool")
            for rest in (
                "--memory 16M",
                "--memory 8M --threads 1",
                "--threads 2",
                "--threads 1",
                "--memory 1G",
            )
        ),
        f"long.npy long-b.npy {LAYOUT} -m bilinear --memory 10M --reduce pca --out-channels 1",
        f"long.npy long-b.npy {LAYOUT} -m lanczos5 --threads 2 -o o.h5 --memory 12M",
    ],
    "streams": [
        f"a.npy b.npy {LAYOUT} -m bilinear -o -",
        f"- b.npy {LAYOUT} -m bilinear < a.npy",
        f"b.npy - {LAYOUT} -m pad -o - < a.npy",
        f"a.npy b.npy {LAYOUT} -m nearest -o - > p.npy && - half.npy {LAYOUT} -m pad -o out.h5 < p.npy",
        f"a.npy b.npy {LAYOUT} -m bilinear -o - --json > o.npy",
        f"a.npy b.npy {LAYOUT} -m bilinear -o - --quiet > o.npy",
        f"inspect - b.npy {LAYOUT} -m crop < a.npy",
    ],
    "inspect": [
        *(
            f"inspect a.npy b.npy {LAYOUT} -m {method}"
            for method in METHODS
            if method not in ("strict", "stride", "transposed-conv")
        ),
        *(f"inspect a.npy same.npy {LAYOUT} {rest}" for rest in ("", "--json", "--quiet")),
        f"inspect a.npy c1.npy {LAYOUT}",
        *(
            f"inspect a.npy b.npy {LAYOUT} -m bicubic {rest}"
            for rest in ("--json", "--quiet", "--combine concat", "--to 4x4")
        ),
        "inspect a.npy",
        "inspect hw.npy",
        "inspect 'pair.safetensors::*' --layout NCHW -m bilinear --json",
        "inspect groups.h5::named/a b.npy -m nearest",
        "inspect square.npy square-b.npy -m bilinear",
        f"inspect a.npy c16.npy {LAYOUT} -m bilinear --channels tile --json",
        f"inspect a.npy half.npy b.npy {LAYOUT} -m nearest --fold coarse-to-fine",
        f"inspect a.npy b.npy {LAYOUT} -m pad --mask auto --combine mean --weights 1,2",
        "inspect a.npy tokens.npy --layout NCHW,NLC --grid 7x9 -m bilinear --normalize l2 --combine concat",
    ],
    "allowed": [  # what one might expect to be refused
        *(f"inspect a.npy two.npy {LAYOUT}{rest}" for rest in ("", " --json")),
        f"a.npy two.npy {LAYOUT} --combine concat",
        f"a.npy b.npy {LAYOUT} -m nearest --weights x-maps-b.npy",
        f"b.npy {LAYOUT} -m transposed-conv --kernel k.h5::up-square",
        "a.npy b.npy -m nearest --layout nchw",
        "seven.npy seven.npy -m bilinear",
        "a.npy tokens.npy --layout NCHW,NLC -m nearest",
        "a.npy w.npy --layout NCHW,W -m nearest",
        f"a.npy {LAYOUT} --dtype bool",
        f"types.safetensors::bfloat16/large {LAYOUT}",
        f"a.npy half.npy {LAYOUT} -m nearest --fold coarse-to-fine -o levels.h5::x",
        f"pair.npz::a pair.safetensors::layer2 {LAYOUT} --dry-run -o b.npy",
    ],
    "help": [
        *("--help", "-h", "--version", "methods"),
        *(f"{command} --help" for command in COMMANDS),
        *(f"methods {method}" for method in (*METHODS, "linear", "cubic")),
        "run -h",
    ],
    "batch": [
        f"batch {LR} -o fused/",
        f"batch {FIELDS} -o 'named/{{id}}.safetensors'",
        f"batch {FIELDS} -o 'all.h5::{{id}}'",
        f"batch {FIELDS} -o 'all.safetensors::x{{id}}' --no-sync",
        f"batch {FIELDS} -o 'all.npz::{{id}}' --json",
        f"batch {FIELDS} -o out/ --mask 'masks/{{id}}.npy' --mask-mode blend",
        f"batch {FIELDS} -o out/ --mask masks/ --mask-mode blend",
        "batch 'left/*.npy' -o halved/ -m avg-pool --pool-size 2 --layout NCHW -j 1",
        "batch right/ left/ -m pad --layout NCHW -o fused/ -j 2",
        "batch 'many.h5::{id}/l3' 'many.h5::{id}/l4' -o 'fused.h5::{id}' -m nearest --layout CHW -j 1",
        "batch 'many.h5::{id}/l3' -o 'one-{id}.npy' -m max-pool --pool-size 2 --layout CHW -j 1",
        "batch left/ -o halved/ -m avg-pool --pool-size 2 --layout NCHW -j 1 --quiet",
        *(
            f"batch --pairs pairs.{kind} -o paired/ -m bilinear --layout NCHW -j 1"
            for kind in ("csv", "jsonl")
        ),
        *(
            f"batch --pairs - -o paired/ -m nearest --layout NCHW -j 1 < pairs.{kind}"
            for kind in ("csv", "jsonl")
        ),
        *(f"batch {LR} -o fused/ --dry-run {rest}" for rest in ("", "--json", "--quiet")),
        f"batch {LR} -o fused/ --include '[12]' --exclude 1",
        f"batch {LR} -o fused/ --manifest told.jsonl --json",
        f"batch {LR} -o fused/ --threads 1 --memory 64M",
        f"batch {LR} -o fused/ --allow-missing",
        "batch left/ partly/ -m area --layout NCHW -j 1 -o f/ --allow-missing --exclude '[34]'",
        f"batch {FIELDS} -o fused/ && batch {FIELDS} -o fused/ --resume",
        f"batch {FIELDS} -o fused/ && rm fused/2.npy && batch {FIELDS} -o fused/ --resume --json",
        f"batch {FIELDS} -o fused/ && batch {FIELDS} -o fused/ --resume --combine mean",
        f"batch {FIELDS} -o fused/ && batch {FIELDS} -o fused/ --resume --dry-run",
        f"batch {FIELDS} -o fused/ && batch {FIELDS} -o fused/ --force",
        f"batch {FIELDS} -o 'all.h5::{{id}}' && batch {FIELDS} -o 'all.h5::{{id}}' --resume",
    ],
}
