"""Commands that fail on files: missing and malformed ones, keys, outputs that exist, batches."""

from broken import HEADERS, NPY_HEADERS

__all__ = ["FAILS_ON_FILES"]

NPY = (
    *(
        "cut",
        "long",
        "version",
        "empty",
        "text",
        "lfs",
        "html",
        "png",
        "comp",
        "date",
        "U3",
        "records",
        "objects",
    ),
    *NPY_HEADERS,
)
NPZ = ("bzip2", "lzma", "none", "cut", "sum", "locked", "torch", "member", "bomb", "text")
HDF5 = ("none", "chunk", "fletcher", "cut", "text")
SAFETENSORS = ("tiny", "claims", "cut", *HEADERS)
CSV = (
    "no-out.csv",
    "ragged.csv",
    "quotes.csv",
    "empty.csv",
    "utf8.csv",
    "no-out.jsonl",
    "no-list.jsonl",
    "cut.jsonl",
)
REST = "-m nearest --layout NCHW -j 1"
A = "a.npy --layout NCHW"

FAILS_ON_FILES: dict[str, list[str]] = {
    "malformed": [
        *(f"bad-{name}.npy b.npy" for name in NPY),
        *(f"bad-{name}.npz b.npy --layout NCHW -m nearest" for name in NPZ),
        *(f"bad-{name}.h5 b.npy --layout NCHW -m nearest" for name in HDF5),
        *(f"bad-{name}.safetensors" for name in SAFETENSORS),
        *(f"inspect bad-{name}" for name in ("cut.npy", "cut.npz", "cut.h5", "cut.safetensors", "text.npy")),
        "notes.txt b.npy",
        *(
            f"- b.npy < {name}"
            for name in ("bad-cut.npy", "bad-empty.npy", "bad-text.npy", "pair.npz", "single.h5", "notes.txt")
        ),
        "- -  < a.npy",
        "- b.npy",
    ],
    "missing": [
        *(
            "none.npy",
            "non.npy b.npy",
            "a.npz b.npy",
            "a b.npy",
            "none.h5::x",
            "''",
            "nowhere.npy",
            "annexed.npy",
            "a.npy/x.npy",
        ),
        *(
            "folder.npy b.npy",
            "pipe.npy b.npy",
            "left/ right/",
            "none/deep.npy",
            "inspect none.npy",
            "a.npy b.npy none.npy -m pad",
        ),
        *("single.h5::other", "a.npy::x", "a.npy::", "::x", "-::x < a.npy"),
        *(
            name
            for name in (
                "pair.npz",
                "pair.safetensors",
                "groups.h5",
                "pair.npz::c",
                "pair.safetensors::layer3",
            )
        ),
        *(f"groups.h5::{key}" for key in ("feat", "feat/c", "'x*'", "fat/a", "feat/a/b")),
        *(
            f"odd.h5::{key}"
            for key in ("text", "complex", "compound", "away", "lost", "outside", "empty", "nothing")
        ),
        *(
            "twice.npz::a",
            "mixed.npz::readme.txt",
            "types.safetensors::float31/large",
            "bad-none.h5::text",
            "bad-none.npz::a",
        ),
    ],
    "outputs": [
        *(
            f"{A} -o {name}"
            for name in (
                "b.npy",
                "pair.npz",
                "groups.h5",
                "groups.h5::feat/a",
                "pair.safetensors::layer2",
                "pair.npz::a",
            )
        ),
        *(
            f"{A} -o {name}"
            for name in (
                "groups.h5::feat",
                "groups.h5::feat/a/b",
                "groups.h5::/",
                "x.h5::",
                "x.h5::a//b",
                "x.h5::../a",
            )
        ),
        *(
            f"{A} -o {name}"
            for name in (
                "x.xyz",
                "x",
                "''",
                "x.npy::key",
                "-::key",
                "left",
                "folder.npy",
                "none/x.npy",
                "a.npy/x.npy",
            )
        ),
        *(
            f"{A} -o {name} --force"
            for name in ("pipe.npy", "folder.npy", "bad-text.h5::x", "left/", "/dev/null")
        ),
        f"{A} -o bad-cut.h5::x",
        f"{A} && {A}",
        "notes.txt -o x.npy",
        f"{A} -m pad --to 18x22 --sidecar -o left/x.npy && {A} --sidecar -o left/x.npy",
        f"{A} --reduce conv1x1 --out-channels 2 --save-kernel fused.npy",
        *(
            f"{A} --reduce conv1x1 --out-channels 2 --save-kernel {name}"
            for name in ("b.npy", "none/k.npy", "k.xyz", "k.npy::w", "k.h5")
        ),
        f"{A} --reduce conv1x1 --kernel k.h5::oi --save-kernel kept.npy",
    ],
    "batches": [
        *(
            "batch",
            "batch left/",
            "batch -o f/",
            "batch left -o ''",
            "batch none/ -o f/",
            "batch a.npy -o f/",
            "batch 'left/*.h5' -o f/",
        ),
        *(
            f"batch '{text}' -o f/"
            for text in (
                "none/{id}.npy",
                "left/{id.npy",
                "left/{1}.npy",
                "left/{}.npy",
                "left/{id}{id}.npy",
                "left/::x",
            )
        ),
        "batch 'left/{id}.npy' 'right/{other}.npy' -o f/",
        "batch left/ 'right/{id}.npy' -o f/",
        *(
            f"batch 'left/{{id}}.npy' 'right/{{id}}.npy' {REST} -o '{out}'"
            for out in ("o.npy", "{x}.npy", "{id}.xyz", "{id}.npy::k", "o.h5::k")
        ),
        f"batch left/ right/ {REST} -o f/",
        f"batch left/ right/ {REST} -o f/ --json",
        f"batch left/ right/ {REST} -o f/ --fail-fast",
        *(
            f"batch left/ partly/ {REST} -o f/{rest}"
            for rest in ("", " --quiet", " --dry-run", " --dry-run --json", " --allow-missing")
        ),
        f"batch left/ partly/ {REST} -o f/ && batch left/ partly/ {REST} -o f/ --resume",
        f"batch left/ partly/ {REST} -o 'f.h5::{{name}}'",
        f"batch 'left/{{id}}.npy' {REST} -o taken/",
        f"batch 'left/{{id}}.npy' {REST} --to 4x4 -o left/ --force",
        f"batch 'left/{{id}}.npy' {REST} --to 4x4 -o a.npy/",
        f"batch 'left/{{id}}.npy' {REST} --to 4x4 -o f/ --manifest left/1.npy",
        f"batch 'left/{{id}}.npy' {REST} --to 4x4 -o f/ --manifest folder.npy",
        *(
            f"batch left/ right/ {REST} -o f/ {rest}"
            for rest in ("--include x", "--exclude '*'", "--resume --force", "-j 0", "-j x", "--threads 0")
        ),
        *(
            f"batch left/ right/ {REST} -o f/ {rest}"
            for rest in ("--memory x", "--combine ad", "--like masks/", "--mask 'masks/{x}.npy'")
        ),
        *(
            f"batch left/ {REST} -o f/ {rest}"
            for rest in ("--to 0", "--like right/", "--weights 1,2", "--mask 'masks/{name}.npy'")
        ),
        f"batch 'left/{{id}}.npy' 'right/{{id}}.npy' {REST} -o f/ --jobs 2 --dask tcp://127.0.0.1:1",
        f"batch --pairs pairs.csv left/ {REST} -o f/",
        *(f"batch --pairs bad-{name} {REST} -o f/" for name in (*CSV, "blank.csv", "suffix.csv")),
        *(f"batch --pairs {name}.csv {REST} -o f/" for name in ("none", "half", "climbs", "same-out")),
        f"batch --pairs half.csv {REST} -o f/ --json",
        f"batch --pairs half.csv {REST} -o f/ --dry-run",
        f"batch --pairs pairs.csv {REST} -o f/ --include x",
        *(
            f"batch --pairs left {REST} -o f/",
            f"batch --pairs pairs.csv {REST} -o f/ && batch --pairs pairs.csv {REST} -o f/",
        ),
        "batch 'many.h5::{id}/l5' -m nearest --to 4x4 --layout CHW -o f/ -j 1",
        f"batch 'many.h5::{{id}}/l3' 'groups.h5::{{id}}/l3' {REST} -o f/",
        f"batch 'bad-cut.h5::{{id}}' {REST} -o f/",
        f"batch 'bad-{{id}}.npy' {REST} --to 4x4 -o f/",
        "batch 'many.h5::{id}/l3' --layout CHW -j 1 -m nearest --to 4x4 -o 'many.h5::{id}/l3'",
    ],
}
