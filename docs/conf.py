"""The documentation's settings. Build it with ``python -m sphinx -W -n docs site``."""

import ast
import importlib
import importlib.util
import inspect
import re

import hscore_fast

project = "hscore_fast"
author = "the hscore_fast authors"
copyright = author
version = release = hscore_fast.__version__

extensions = [
    *("myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc", "sphinx_copybutton")
]

copybutton_exclude = ".linenos, .gp, .go"  # prompts and output are not copied
copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = f"hscore_fast {version}"
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["deflist", "dollarmath"]
suppress_warnings = ["myst.header"]  # the changelog is a part of a page
myst_heading_anchors = 3  # headings can be linked to, as on the pages of a code host

# Docstrings state types in words; annotations would say them again.
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
autodoc_default_options = {
    "members": True,
    # From their bases, but not from these.
    "inherited-members": "dict, tuple, Sequence, BaseException, SelectorMixin, BaseEstimator, "
    "TransformerMixin, _SetOutputMixin, _MetadataRequester",
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

# The pages of the reference and the names on each; what is on none of them is on the page "more".
API = {
    "scores": (
        *("h_score", "adjusted_h_score", "chance_level", "cross_validated_h_score"),
        *("regularized_h_score", "evaluate", "HScoreReport", "cross_validate", "CrossValidation"),
        *("h_scores", "transferability", "Transferability"),
        *("maximal_correlation", "MaximalCorrelation"),
    ),
    "sources": (
        *("rank_sources", "SourceRanking", "SourceScore", "select_sources", "SourceSelection"),
        *("SelectionStep", "pair_scores", "PairScores"),
    ),
    "transfer": ("transfer_matrix", "TransferMatrix", "Hierarchy", "Curriculum", "consensus"),
    "moments": ("Moments", "TargetMoments"),
}
NAMES = re.compile(r"^\.\. names of (\w+)$", re.M)


def _write_pages(app: object, page: str, source: list[str]) -> None:
    """Fill the pages of the reference; hide checks from readers and name linked pages."""
    text = source[0]
    text = NAMES.sub(lambda found: "\n".join(_names(found[1])), text)
    if PLACE in text:
        text = text.replace(PLACE, "\n".join(_modules()))
    text = PYTHON.sub(lambda found: found[1] + _without_checks(found[2]) + "```", text)
    # A page that is linked by its file's name is called by its title on the site.
    source[0] = re.sub(r"\[[\w-]+\.md\]\(([\w-]+\.md(?:#[\w-]+)?)\)", r"[](\1)", text)


PYTHON = re.compile(r"^(```python\n)(.*?)```", re.M | re.S)


def _without_checks(code: str) -> str:
    """Leave out the lines of an example that only check it; the tests run them."""
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Assert):
            for number in range(statement.lineno - 1, statement.end_lineno or statement.lineno):
                lines[number] = "\0"
    kept = "\n".join(line for line in lines if line != "\0").strip("\n")
    return f"{kept}\n" if kept else "# checked by the tests\n"


def _names(page: str) -> list[str]:
    """Write the directives of one page's names."""
    public = [n for n in hscore_fast.__all__ if not inspect.ismodule(getattr(hscore_fast, n))]
    listed = {name for names in API.values() for name in names}
    names = API.get(page) or [n for n in public if n not in listed and n != "__version__"]
    lines = [".. currentmodule:: hscore_fast", ""]
    for name in names:
        kind = "class" if inspect.isclass(getattr(hscore_fast, name)) else "function"
        lines += [f".. auto{kind}:: {name}", ""]
    return lines


def _modules() -> list[str]:
    """Write a section for each of the other modules."""
    sections = []
    for module in MODULES:
        name = f"hscore_fast.{module}"
        if importlib.util.find_spec(name) is not None:
            sections += [name, "-" * len(name), "", *_directives(module, name), ""]
    return sections


def _directives(module: str, name: str) -> list[str]:
    if not inspect.isfunction(getattr(hscore_fast, module, None)):
        return [f".. automodule:: {name}"]
    # A function of the package hides the module of the same name, and has been listed already.
    others = set(importlib.import_module(name).__all__) - set(hscore_fast.__all__)
    return [f".. autofunction:: {name}::{other}" for other in sorted(others)]


def setup(app: object) -> None:
    """Connect what this file adds."""
    app.connect("source-read", _write_pages)  # type: ignore[attr-defined]
