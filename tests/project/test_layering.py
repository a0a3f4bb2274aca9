"""The layers of the design hold: who includes and imports whom, and who computes."""

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hscore_fast"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Parts that may ask for more than NumPy as soon as they are imported; the library never imports
# them by itself.
EDGES = (
    *("__main__", "bench", "cli", "dask", "demo", "plots", "sklearn", "torch"),
    *("_files.inflate", "_files.formats.arrow", "_files.formats.arrow_tables"),
    *("_files.formats.hdf5", "_files.formats.hdf5_sources", "_files.formats.npz"),
    *("_files.formats.parquet", "_files.formats.pt"),
    *("_files.formats.safetensors", "_files.formats.zarr"),
)

# Who may import whom: a module imports what has a lower rank, or is in its own room. The first part
# of a module's name below `hscore_fast` is its room; a room is a folder, or a file at the root.
RANKS = {
    **dict.fromkeys(("_build_info", "_public"), 0),
    **dict.fromkeys(("_core", "plots"), 1),
    **dict.fromkeys(("_variants", "_results", "reference", "datasets"), 2),
    "_inputs": 3,
    "_files": 4,
    "_problem": 5,
    "_moments": 6,
    "_scores": 7,
    **dict.fromkeys(("_sources", "_transfer"), 8),
    **dict.fromkeys(("readers", "consensus", "dask", "sklearn", "torch", "rivals"), 9),
    "__init__": 10,
    **dict.fromkeys(("bench", "demo"), 11),
    "cli": 12,
    "__main__": 13,
}

# Products and decompositions in the package: none but the definition's, the rivals' and the demo's
# is of features.
PRODUCTS = {
    "_results.cross_validation": "the sum of squares of one number a row",
    "_results.evidence": "the sum of squares of one number a row",
    "_scores.maximal_correlation": "a table of the values of a discrete input by the classes",
    "_scores.held_out": "weighted means of hits",
    "bench": "the definition and its rivals, to compare with",
    "_transfer.agreement": "sources by sources, one comparison each",
    "dask": "the sum of squares of one number a row",
    "demo": "the networks that make the demonstration's features",
    "_sources.order": "sources by sources, from one number a row",
    "reference": "the published definition, to compare with",
    "rivals": "other scores, to compare with",
}
PRODUCING = {"cov", "corrcoef", "dot", "einsum", "inner", "matmul", "outer", "tensordot", "vdot"}


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def is_of(module: str, places: Iterable[str]) -> bool:
    return any(f"{module}.".startswith(f"hscore_fast.{place}.") for place in places)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text("utf-8"), re.MULTILINE)


def c_files(*folders: str) -> list[Path]:
    found = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in {".cpp", ".hpp"}]
    assert found
    return found


def test_no_python_in_the_core() -> None:
    for path in c_files("cpp"):
        assert not re.search(r"Python\.h|pybind11|PyObject|numpy", path.read_text("utf-8")), path


def test_public_headers_need_the_standard_library_only() -> None:
    for path in c_files("cpp/include"):
        for header in includes(path):
            alone = "/" not in header or header.startswith(("hscore/", "sys/"))
            assert alone, f"{path} includes {header}"


SYSTEM_HEADERS = {"cxxabi.h", "pthread.h", "signal.h", "sys/mman.h", "sys/stat.h", "unistd.h"}


def test_the_binding_sees_public_headers_only() -> None:
    own = {path.name for path in c_files("src")}
    for path in c_files("src"):
        for header in includes(path):
            public = (ROOT / "cpp/include" / header).is_file()
            system = header in SYSTEM_HEADERS
            other = header.startswith("pybind11/") or re.fullmatch(r"\w+", header) or system
            assert header in own or public or other, f"{path} includes {header}"


def test_the_lock_is_given_away_by_computing_only() -> None:
    """Guards of pybind11 end the process where the interpreter ends first: interpreter.hpp."""
    for path in c_files("src"):
        assert "gil_scoped_" not in path.read_text(encoding="utf-8"), path


def imports_when_imported(path: Path) -> Iterator[str]:
    """Yield what a module imports by being imported; functions and types do so later, or never."""

    def walk(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = child.module or ""
                yield from (f"{module}.{alias.name}" for alias in child.names)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                for other in child.orelse:
                    yield from walk(other)
            elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                yield from walk(child)

    yield from walk(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_what_a_module_imports(path: Path) -> None:
    imported = set(imports_when_imported(path))
    for module in imported:
        assert not module.startswith("hscore_fast._core"), "_variants picks the core"
        if not is_of(module_of(path), EDGES):
            top = module.partition(".")[0]
            known = top in sys.stdlib_module_names or top in {"hscore_fast", "numpy"}
            assert known, f"{module} is optional: import it where it is used"
            assert not is_of(module, EDGES), f"{module} is at the edge"


TREES = {
    module_of(path): ast.parse(path.read_text("utf-8"))
    for path in [*SOURCES, PACKAGE / "_core.pyi"]
}


def all_imports(tree: ast.AST) -> Iterator[str]:
    """Yield the package's modules that a module imports: at once, in functions, for types."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hscore_fast"):
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in TREES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("hscore_fast"))


IMPORTS = {module: set(all_imports(tree)) for module, tree in TREES.items()}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def test_every_room_has_a_rank() -> None:
    assert {room_of(module) for module in TREES} == set(RANKS)


@pytest.mark.parametrize("module", IMPORTS)
def test_imports_go_down(module: str) -> None:
    for other in IMPORTS[module]:
        down = RANKS[room_of(other)] < RANKS[room_of(module)]
        assert down or room_of(other) == room_of(module), f"{module} imports {other}"


def test_no_imports_in_a_circle() -> None:
    """Take away what imports nothing that is left, until nothing is left."""
    left = {module: others & set(TREES) for module, others in IMPORTS.items()}
    while free := [module for module, others in left.items() if not others & set(left)]:
        for module in free:
            del left[module]
    assert not left, f"in a circle, or above one: {sorted(left)}"


def own_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module defines, its objects' attributes included."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls"):
            yield node.attr


@pytest.mark.parametrize("module", TREES)
def test_private_members_are_used_where_they_are_defined(module: str) -> None:
    tree = TREES[module]
    own = {*own_names(tree), "_replace", "_getframe", "_is_owned"}  # the standard library's
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
            assert node.attr in own, f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.ImportFrom) and "." in (node.module or ""):
            for alias in node.names:
                assert not alias.name.startswith("_"), f"line {node.lineno}: {alias.name}"


@pytest.mark.parametrize("module", TREES)
def test_this_package_knows_its_types_by_what_they_are(module: str) -> None:
    """A comparison with the name of a class would not survive its renaming."""
    names = {node.name for tree in TREES.values() for node in ast.walk(tree)
             if isinstance(node, ast.ClassDef)}  # fmt: skip
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Compare) and "__name__" in ast.unparse(node):
            text = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant)}
            assert not text & names, f"line {node.lineno}: {ast.unparse(node)}"


def test_files_in_rooms_have_no_underscore() -> None:
    for path in SOURCES:
        inner = path.relative_to(PACKAGE).parts[1:]
        assert not [part for part in inner if re.match(r"_(?!_init__)", part)], name(path)


@pytest.mark.parametrize("room", sorted(p.parent for p in PACKAGE.glob("_*/__init__.py")))
def test_a_room_says_what_it_is_for(room: Path) -> None:
    tree = ast.parse((room / "__init__.py").read_text("utf-8"))
    assert len(tree.body) == 1, f"{room.name}/__init__.py holds more than a docstring"
    assert "import" in (ast.get_docstring(tree) or ""), "it does not say who may import it"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_products_of_matrices_in_the_package(path: Path) -> None:
    if is_of(module_of(path), PRODUCTS):
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        where = f"line {getattr(node, 'lineno', 0)}: computing is the core's work"
        assert not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)), where
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = f"{node.value.id}.{node.attr}"
            assert used not in {f"np.{f}" for f in PRODUCING | {"linalg"}}, f"{used} in {where}"


PUBLIC_MODULES = [
    module_of(path) for path in SOURCES if not re.search(r"(^|/)_(?!_init__)", name(path))
]


@pytest.mark.parametrize("module_name", PUBLIC_MODULES)
def test_public_names_have_docstrings(module_name: str) -> None:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("hscore_fast"):
            raise
        pytest.skip(f"no {error.name} here")
    assert module.__doc__, module.__name__
    for public in getattr(module, "__all__", []):
        thing = getattr(module, public)
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        assert inspect.getdoc(thing), f"{module.__name__}.{public}"
        if inspect.isclass(thing) and thing.__module__.startswith("hscore_fast"):
            for member, value in vars(thing).items():
                documented = inspect.isroutine(value) or isinstance(value, property)
                if documented and not member.startswith("_"):
                    assert inspect.getdoc(getattr(thing, member)), f"{public}.{member}"


def test_no_file_is_long_without_a_reason() -> None:
    """Above about 400 lines a file says why at its head, in words with "long because"."""
    folders = ("benchmarks", "cpp", "hscore_fast", "src", "tests", "tools")
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".pyi", ".cpp", ".hpp", ".sh"}:
                lines = path.read_text("utf-8").splitlines()
                reason = "long because" in " ".join(lines[:30]).lower()
                assert len(lines) <= 420 or reason, f"{path}: {len(lines)} lines"
