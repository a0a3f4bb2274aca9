"""The reference: docstrings have examples, which run, and the site has every public name."""

import doctest
import importlib
import importlib.util
import inspect
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SETTINGS = runpy.run_path(str(DOCS / "conf.py"))
MODULES = ["hscore_fast", *(f"hscore_fast.{name}" for name in SETTINGS["MODULES"])]


def load(module: str) -> Any:
    """Import a module; skip where the library that it needs, and is named after, is not there."""
    library = module.rpartition(".")[2]
    if library in ("dask", "sklearn", "torch"):
        pytest.importorskip(library)
    return importlib.import_module(module)


def public(module: Any) -> Iterator[tuple[str, Any]]:
    """Give the functions and classes of a module that users import."""
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield f"{module.__name__}.{name}", thing


def with_members(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """Give an object and, if it is a class, the methods and properties that this package wrote."""
    yield name, thing
    for member in dir(thing) if inspect.isclass(thing) else ():
        found = inspect.getattr_static(thing, member)
        function = getattr(found, "__func__", getattr(found, "fget", found))
        if inspect.isfunction(function) and function.__module__.startswith("hscore_fast"):
            yield f"{name}.{member}", function


@pytest.mark.parametrize("module", MODULES)
def test_examples(module) -> None:
    """Every function has an example, and every class that is not the result of a function."""
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    for name, thing in public(load(module)):
        examples = 0
        for member, documented in with_members(name, thing):
            for test in finder.find(documented, member):
                examples += len(test.examples)
                assert runner.run(test).failed == 0, member
        says = thing.__doc__ or ""
        assert says, f"{name} has no docstring"
        is_result = says.startswith("Result of :func:")
        is_warning = inspect.isclass(thing) and issubclass(thing, Warning)
        assert examples or is_result or is_warning, f"{name} has no example"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_site_has_every_public_name(tmp_path) -> None:
    """Built by the documented command, warnings as errors."""
    pytest.importorskip("sphinx")
    from sphinx.util.inventory import InventoryFile

    site = tmp_path / "site"
    words = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", str(DOCS), str(site)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (site / "objects.inv").open("rb") as file:
        found = InventoryFile.load(file, "", lambda base, uri: uri)
    names = {name for kind, objects in found.items() if kind.startswith("py:") for name in objects}
    top = {id(thing) for _, thing in public(load("hscore_fast"))}
    for module in MODULES:
        if module.rpartition(".")[2] in SETTINGS["autodoc_mock_imports"]:
            continue
        for name, thing in public(load(module)):
            if module == "hscore_fast" or id(thing) not in top:
                assert name in names, name
