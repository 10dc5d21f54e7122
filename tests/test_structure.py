"""The house: which module stands where, what it may import, and where its tests are. Read from the files.

What is known to be otherwise is listed, and each list may only shrink: an entry that holds no more fails.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE, CLI = ROOT / "core" / "featfuse", ROOT / "cli" / "featfuse_cli"

ORDER = (
    *("process", "model", "methods", "request", "engine", "steps", "planning", "report"),
    *("storage", "formats", "io", "fusion", "batches", "verbs"),
)
"""A wing imports only wings that stand before it."""

FOR_ALL = {"errors", "text", "version", "wording"}
"""What every wing may import, and what imports no wing."""

OUTSIDE = {"__init__", "__main__", "batch_server"}
"""The package itself hands out what is public, `python -m featfuse` is the command line; the batches' server
loads what its workers need."""

MOST_MODULES, MOST_LINES, MOST_PARAMETERS = 10, 50, 8

UNTESTED: set[str] = set()
"""Modules with logic that have no namesake among the tests."""

BACKWARDS: set[tuple[str, str]] = set()
"""Modules of the core, and those of a later wing that they import."""

NAMESAKES: set[str] = set()
"""Names that modules of several wings bear."""

LONG: set[str] = set()
"""Functions of more than 50 lines."""

MANY_PARAMETERS: set[str] = set()
"""Functions of more than 8 parameters; the verbs and the commands have as many as they need."""

Known = set[str] | set[tuple[str, str]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> list[Path]:
    return sorted(path for root in (CORE, CLI) for path in root.rglob("*.py"))


def dotted(path: Path) -> str:
    """`core/featfuse/methods/pooling.py` as `featfuse.methods.pooling`."""
    parts = path.relative_to(path.parents[len(path.relative_to(ROOT).parts) - 2]).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def has_logic(path: Path) -> bool:
    """A public function, or a public class with a method that is not a mere declaration."""
    return any(
        not node.name.startswith("_")
        and (isinstance(node, Function) or any(isinstance(part, Function) for part in node.body))
        for node in tree_of(path).body
        if isinstance(node, Function | ast.ClassDef)
    )


def namesake(path: Path) -> Path:
    """Where a module is tested; the `__init__` of a package is tested under the package's name."""
    folder = ROOT / "tests" / path.relative_to(ROOT).parts[0] / path.relative_to(path.parents[0]).parent
    inner = path.relative_to(CORE if CORE in path.parents else CLI).parent
    name = path.parent.name if path.stem == "__init__" else path.stem.strip("_")
    return folder / inner / f"test_{name}.py"


def wing(module: str) -> str:
    """`featfuse.methods.pooling` is in `methods`; `featfuse` alone is `__init__`."""
    return [*module.split("."), "__init__"][1]


def imported(path: Path) -> Iterator[str]:
    """Every module of the core that is imported in the file, in functions and for types too."""
    known = {dotted(each) for each in modules()}
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "featfuse")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "featfuse":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            words = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            yield from (word for word in words if str(word).startswith("featfuse."))


def functions(path: Path) -> Iterator[tuple[str, Function]]:
    """Every function in the file with its full name, methods and inner ones too."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
        for part in ast.iter_child_nodes(node):
            if isinstance(part, Function):
                yield f"{prefix}.{part.name}", part
            name = f"{prefix}.{part.name}" if isinstance(part, Function | ast.ClassDef) else prefix
            yield from walk(part, name)

    yield from walk(tree_of(path), dotted(path))


def parameters(function: Function) -> int:
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def is_command(function: Function) -> bool:
    """A command of the CLI: Typer reads its options from the parameters."""
    return any(
        "fusion_options" in ast.unparse(each) or "callback" in ast.unparse(each)
        for each in function.decorator_list
    )


def check_known(
    found: set[str] | set[tuple[str, str]], known: set[str] | set[tuple[str, str]], what: str
) -> None:
    assert not found - known, f"{what}: {sorted(found - known)}"
    assert not known - found, f"no longer so, and to be taken off the list: {sorted(known - found)}"


def test_every_module_with_logic_has_its_tests() -> None:
    found = {
        dotted(path)
        for path in modules()
        if has_logic(path) and path.stem != "__main__" and not namesake(path).exists()
    }
    check_known(found, UNTESTED, "modules without a namesake in tests/")


def test_every_room_of_tests_mirrors_a_folder_of_the_code() -> None:
    rooms = {path.parent for part in ("core", "cli") for path in (ROOT / "tests" / part).rglob("test_*.py")}
    homes = {namesake(path).parent for path in modules()}
    assert rooms <= homes


def test_wings_import_only_wings_before_them() -> None:
    found = set()
    for path in modules():
        here = dotted(path)
        if CORE not in path.parents or wing(here) in OUTSIDE:
            continue
        for there in imported(path):
            if wing(there) in FOR_ALL or wing(there) == wing(here):
                continue
            before = ORDER[: ORDER.index(wing(here))] if wing(here) in ORDER else ()
            if wing(there) not in before:
                found.add((here, there))
    check_known(found, BACKWARDS, "imports of a later wing")


def test_every_wing_is_in_the_order() -> None:
    top = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert top == {*ORDER, *FOR_ALL, *OUTSIDE}


def test_few_modules_stand_at_the_top() -> None:
    assert len(list(CORE.glob("*.py"))) <= MOST_MODULES


def test_no_two_wings_have_modules_of_one_name() -> None:
    wings = defaultdict(set)
    for path in CORE.rglob("*.py"):
        if path.stem != "__init__":
            wings[path.stem].add(wing(dotted(path)))
    check_known({name for name, homes in wings.items() if len(homes) > 1}, NAMESAKES, "modules of one name")


def test_functions_are_short() -> None:
    found = {
        name
        for path in modules()
        for name, function in functions(path)
        if (function.end_lineno or 0) - function.lineno + 1 > MOST_LINES
    }
    check_known(found, LONG, f"functions of more than {MOST_LINES} lines")


def test_functions_take_few_parameters() -> None:
    found = {
        name
        for path in modules()
        if path != CORE / "verbs.py"
        for name, function in functions(path)
        if parameters(function) > MOST_PARAMETERS and not is_command(function)
    }
    check_known(found, MANY_PARAMETERS, f"functions of more than {MOST_PARAMETERS} parameters")


@pytest.mark.parametrize("path", [CORE / "methods" / "pool.py", CLI / "__init__.py"])
def test_where_namesakes_are_looked_for(path: Path) -> None:
    where = {"pool": "tests/core/methods/test_pool.py", "__init__": "tests/cli/test_featfuse_cli.py"}
    assert namesake(path) == ROOT / where[path.stem]
