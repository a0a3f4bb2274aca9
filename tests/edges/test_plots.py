"""Figures: what is drawn is what was given, as vectors, and nothing of matplotlib's is touched."""

import doctest
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
hierarchy = pytest.importorskip("scipy.cluster.hierarchy")

from hscore_fast import plots  # noqa: E402

NAMES = ["deep", "shallow", "untrained"]


def one_of_each():
    return {
        "ranking": plots.ranking(NAMES, [3.0, 1.0, 2.0], [0.1, 0.2, 0.3]),
        "classes": plots.classes(NAMES, [0.3, 0.1, 0.2]),
        "agreement": plots.agreement(
            {"H-score": [1, 2, 3], "adjusted": [0, 1, 2]}, [0.5, 0.6, 0.9], groups=NAMES
        ),
        "heat_map": plots.heat_map(np.eye(3), NAMES, NAMES),
        "dendrogram": plots.dendrogram(hierarchy.linkage(np.eye(3)), NAMES),
        "tree": plots.tree({"deep": None, "shallow": "deep"}, {"shallow": 0.25}),
    }


def texts(figure):
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


@pytest.mark.parametrize("kind", one_of_each())
def test_each_is_written_in_every_format(kind, tmp_path):
    for ending in ("svg", "pdf", "png"):
        plots.save(one_of_each()[kind], tmp_path / f"figure.{ending}")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    root = xml.etree.ElementTree.parse(tmp_path / "figure.svg").getroot()
    if kind != "heat_map":  # whose colour bar alone is pixels
        assert not list(root.iter("{http://www.w3.org/2000/svg}image"))
    again = tmp_path / "again.pdf"
    plots.save(one_of_each()[kind], again)
    assert again.read_bytes() == (tmp_path / "figure.pdf").read_bytes()


@pytest.mark.parametrize("kind", ["ranking", "agreement", "heat_map"])
def test_axes_are_labelled(kind):
    for axes in one_of_each()[kind].axes:
        assert axes.get_xlabel() or axes.get_ylabel()


def test_a_ranking_stands_best_first_and_undefined_last():
    figure = plots.ranking(
        [*NAMES, "failed"], [1.0, 3.0, 2.0, np.nan], [0.1, 0.2, 0.3, np.nan], tied=[0, 1, 1, 0]
    )
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["shallow", "untrained", "deep", "failed"]
    assert axes.yaxis.get_inverted()
    marks = [bar.lines[0] for bar in axes.containers]
    assert [(mark.get_xdata()[0], mark.get_ydata()[0]) for mark in marks] == [
        (3, 0),
        (2, 1),
        (1, 2),
    ]
    assert [mark.get_markerfacecolor() == "white" for mark in marks] == [False, False, True]
    ends = [bar.lines[2][0].get_segments()[0][:, 0] for bar in axes.containers]
    np.testing.assert_allclose(ends, [[2.8, 3.2], [1.7, 2.3], [0.9, 1.1]])
    assert "one standard error" in axes.get_xlabel()


def test_agreement_has_a_panel_for_each_score_and_a_mark_for_each_group():
    x = {"H-score": np.arange(6.0), "adjusted": np.arange(6.0) / 2}
    figure = plots.agreement(
        x,
        np.linspace(0, 1, 6),
        groups=["a", "b"] * 3,
        score_errors={"H-score": np.full(6, 0.5)},
        accuracy_errors=np.full(6, 0.01),
        notes={"adjusted": "Spearman 1.00"},
    )
    assert [axes.get_xlabel() for axes in figure.axes] == list(x)
    assert figure.axes[0].get_ylabel() == "measured accuracy"
    for axes, values in zip(figure.axes, x.values(), strict=True):
        first, second = (bar.lines[0] for bar in axes.containers)
        np.testing.assert_array_equal(first.get_xdata(), values[::2])
        np.testing.assert_array_equal(second.get_xdata(), values[1::2])
        assert first.get_marker() != second.get_marker()
        assert first.get_color() != second.get_color()
    assert "Spearman 1.00" in texts(figure)


def test_a_heat_map_shows_its_numbers_and_leaves_nan_white():
    figure = plots.heat_map([[0.25, np.nan], [1.0, 0.5]], ["a", "b"], ["c", "d"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["0.25", "1.00", "0.50"]
    np.testing.assert_array_equal(axes.images[0].get_array().mask, [[False, True], [False, False]])


def test_a_tree_has_an_arrow_for_each_child():
    parents = {"a": None, "b": "a", "c": "a", "d": "c"}
    figure = plots.tree(parents, {"b": 0.5, "c": 0.25, "d": 0.125})
    axes = figure.axes[0]
    places = {text.get_text(): text.xy for text in axes.texts if text.get_text() in parents}
    assert [places[name][0] for name in parents] == [0, 1, 1, 2]
    assert places["b"][1] != places["c"][1] == places["d"][1]
    arrows = {
        (tuple(text.xyann), tuple(text.xy))
        for text in axes.texts
        if getattr(text, "arrow_patch", None)
    }
    assert arrows == {(places[p], places[n]) for n, p in parents.items() if p is not None}
    assert {"0.50", "0.25", "0.12"} <= set(texts(figure))


def test_notebooks_show_a_figure_as_a_picture():
    png, size = plots.ranking(NAMES, [3.0, 1.0, 2.0])._repr_png_()
    assert png.startswith(b"\x89PNG")
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    assert abs(width - 2 * size["width"]) <= 1  # a pixel is not divided
    assert abs(height - 2 * size["height"]) <= 1


@pytest.mark.parametrize("kind", ["ranking", "classes", "heat_map", "dendrogram", "tree"])
def test_each_is_drawn_where_it_is_asked_for(kind):
    arguments = {
        "ranking": (NAMES, [3.0, 1.0, 2.0]),
        "classes": (NAMES, [0.3, 0.1, 0.2]),
        "heat_map": (np.eye(3), NAMES, NAMES),
        "dendrogram": (hierarchy.linkage(np.eye(3)), NAMES),
        "tree": ({"deep": None, "shallow": "deep"}, {"shallow": 0.25}),
    }[kind]
    figure = matplotlib.figure.Figure()
    left, right = figure.subplots(1, 2)
    assert getattr(plots, kind)(*arguments, ax=right, title="here") is figure
    assert right.get_title() == "here"
    assert right.has_data() or right.texts
    assert not left.has_data()


def test_classes_stand_best_first_and_the_middle_is_left_out():
    (axes,) = plots.classes(NAMES, [0.1, 0.3, np.nan]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "shallow",
        "deep",
        "untrained",
    ]
    names = [f"class {number}" for number in range(100)]
    (axes,) = plots.classes(names, np.linspace(1, 0, 100)).axes
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == names[:20] + names[80:]
    assert "60 classes between not shown" in axes.get_xlabel()


def test_matplotlib_is_left_as_it_was():
    code = (
        "import sys, matplotlib\n"
        "def settings():\n"  # asking for the backend would choose one
        "    keys = matplotlib.rcParams.keys() - {'backend'}\n"
        "    return {key: matplotlib.rcParams[key] for key in keys}\n"
        "before = settings()\n"
        "from hscore_fast import plots\n"
        "plots.save(plots.ranking(['a', 'b'], [1, 2]), sys.argv[1])\n"
        "assert settings() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "figure.svg"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"scores must have shape \(3,\).* got \(2,\)"):
        plots.ranking(NAMES, [1, 2])
    with pytest.raises(ValueError, match="tied must have one entry per name, got 1 for 3"):
        plots.ranking(NAMES, [1, 2, 3], tied=[True])
    with pytest.raises(ValueError, match="at least one kind"):
        plots.agreement({}, [1])
    with pytest.raises(ValueError, match="groups must have one entry per point"):
        plots.agreement({"H": [1]}, [1], groups=NAMES)
    with pytest.raises(ValueError, match=r"values must have shape \(3, 2\)"):
        plots.heat_map(np.eye(3), NAMES, ["a", "b"])
    with pytest.raises(ValueError, match="'b' comes before its parent 'a'"):
        plots.tree({"b": "a", "a": None})
    with pytest.raises(ValueError, match=r"end in one of .png, .svg, .pdf, got 'x.gif'"):
        plots.save(plots.ranking(NAMES, [1, 2, 3]), "x.gif")


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "hscore_fast.plots.shown")
    with pytest.raises(ModuleNotFoundError, match="pip install matplotlib"):
        plots.ranking(NAMES, [1, 2, 3])


def test_examples():
    found = doctest.testmod(plots)
    assert found.attempted > 0
    assert found.failed == 0
