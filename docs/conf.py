"""The documentation's settings. Build it with ``python -m sphinx -W -n docs site``."""

import importlib
import importlib.util
import inspect

import hscore_fast

project = "hscore_fast"
author = "the hscore_fast authors"
copyright = author
version = release = hscore_fast.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]

html_theme = "furo"
html_title = f"hscore_fast {version}"
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 3  # headings can be linked to, as on the pages of a code host

# Docstrings state types in words; annotations would say them again.
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
autodoc_default_options = {
    "members": True,
    # From their bases, but not from these.
    "inherited-members": "dict, tuple, Sequence, BaseException",
}
numpydoc_show_class_members = False  # autodoc lists them
# The reference is the same whether or not these are installed.
autodoc_mock_imports = [
    name for name in ("dask", "sklearn", "torch") if importlib.util.find_spec(name) is None
]

# Other projects' names; their pages are not looked up, so that the build needs no network.
OTHERS = "json|numpy|pandas|polars|matplotlib|networkx|scipy|sklearn|torch|dask"
nitpick_ignore_regex = [("py:.*", rf"({OTHERS})\..*")]

# The modules that users import from beside the package itself. What is public in each is what its
# __all__ says, so that new names appear by themselves.
MODULES = (
    *("readers", "sklearn", "dask", "torch", "consensus", "plots", "rivals", "datasets"),
    "reference",
)
PLACE = ".. the other modules"


def _write_modules(app: object, page: str, source: list[str]) -> None:
    """Put a section for each of the modules in its place on the page."""
    if PLACE not in source[0]:
        return
    sections = []
    for module in MODULES:
        name = f"hscore_fast.{module}"
        if importlib.util.find_spec(name) is not None:
            sections += [name, "-" * len(name), "", *_directives(module, name), ""]
    source[0] = source[0].replace(PLACE, "\n".join(sections))


def _directives(module: str, name: str) -> list[str]:
    if not inspect.isfunction(getattr(hscore_fast, module, None)):
        return [f".. automodule:: {name}"]
    # A function of the package hides the module of the same name, and has been listed already.
    others = set(importlib.import_module(name).__all__) - set(hscore_fast.__all__)
    return [f".. autofunction:: {name}::{other}" for other in sorted(others)]


def setup(app: object) -> None:
    """Connect what this file adds."""
    app.connect("source-read", _write_modules)  # type: ignore[attr-defined]
