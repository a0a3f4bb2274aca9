"""The benchmark: what it says, that it checks its answers, and never how long anything takes."""

import io
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("threadpoolctl")

import hscore_fast
from hscore_fast import reference
from hscore_fast.bench import answers, cases, contenders, data, machine, mapped, measure, run
from hscore_fast.bench.cases import Case

TINY = [
    Case("score", 60, 5, 3, "float64", 1),
    Case("score", 60, 5, 3, "float32", 2),
    Case("factor", 80, 6, 3, "float64", 1),
    Case("encode", 500, 0, 7, "int64", 1),
    Case("mapped", 300, 8, 4, "float32", 1),
    Case("dependent", 60, 5, 3, "float64", 1),
]
PLAN = replace(cases.QUICK, seconds=0.0, least_rounds=2, most_rounds=2)


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """Let every plan consist of small cases, away from the repository's own package folder."""
    monkeypatch.setattr(cases.Plan, "cases", lambda self, threads: TINY)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def report():
    results = run.run_cases(TINY, PLAN)
    return run.as_dict(results, PLAN, True, machine.facts())


@pytest.mark.parametrize("plan", [cases.QUICK, cases.DEFAULT, cases.FULL], ids=lambda p: p.name)
def test_plans_name_each_case_once(plan, monkeypatch):
    monkeypatch.undo()
    names = [case.name for case in plan.cases([2, 1, 2])]
    assert len(set(names)) == len(names) > 5


def test_the_full_plan_has_what_was_promised(monkeypatch):
    monkeypatch.undo()
    found = {case.name for case in cases.FULL.cases([1, 2])}
    for shape in ("20000x512", "20000x1024", "20000x2048", "20000x4096", "100000x768"):
        for n_classes in (10, 100, 1000):
            for dtype in ("float64", "float32"):
                for threads in ("1 thread", "2 threads"):
                    assert f"score {shape}x{n_classes} {dtype} {threads}" in found
    assert "factor 10000x8192x100 float64 2 threads" in found
    assert "mapped 1281167x2048x1000 float32 2 threads" in found


def test_select_takes_parts_and_wild_cards():
    assert cases.select(TINY, "float32 2") == [TINY[1]]
    assert cases.select(TINY, "score*x3*float64") == [TINY[0]]
    assert cases.select(TINY, None) == TINY
    assert cases.select(TINY, "no such case") == []


def test_the_reference_stays_away_where_it_would_take_too_long():
    assert cases.DEFAULT.why_no_reference(Case("score", 20_000, 4_096, 10, "float64", 2))
    assert cases.DEFAULT.why_no_reference(Case("score", 1_000, 64, 10, "float64", 1)) is None
    assert cases.FULL.why_no_reference(Case("score", 20_000, 512, 10, "float64", 2))
    assert cases.FULL.why_no_reference(Case("score", 20_000, 512, 100, "float64", 2)) is None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_answers_agree_with_the_definition(dtype):
    x, labels = data.features_and_labels(300, 12, 5, dtype)
    expected = reference.h_score(x, labels)
    assert answers.by_basis(x, labels) == pytest.approx(expected, rel=1e-12)
    stream = answers.Stream(12, 5)
    for start in range(0, 300, 70):
        stream.add(x[start : start + 70], labels[start : start + 70])
    assert stream.h_score() == pytest.approx(expected, rel=1e-10)


def test_dependent_features_are_what_they_are_said_to_be():
    x, _ = data.features_and_labels(20_000, 256, 4, "float64", True)
    x = x / x.std(axis=0)
    covariance = np.cov(x, rowvar=False)
    unpredicted = 1 / np.diag(np.linalg.inv(covariance))
    assert 0.01 < np.median(unpredicted) < 0.1
    assert 500 < np.linalg.cond(covariance) < 1e4


def test_every_case_has_all_its_fields(report):
    rows = {(row["case"], row["precision"]): row for row in report["rows"]}
    assert len(rows) == 2 + 2 + 1 + 1 + 1 + 2
    for row in rows.values():
        assert row["right"]
        assert math.isfinite(row["seconds"]["ours"])
        assert set(row["ratio"]) <= set(row["seconds"]) == set(row["relative_error"])
        for ratio in row["ratio"].values():
            assert 0 < ratio["low"] <= ratio["median"] <= ratio["high"]
    whole = rows[TINY[0].name, "auto"]
    assert set(whole["ratio"]) == {"reference", "numpy", "syrk", "float64"}
    assert set(whole["gflops"]) == {"ours", "syrk"}
    assert all(len(times) == 2 for times in whole["rounds"].values())
    assert set(rows[TINY[2].name, ""]["ratio"]) == {"lapack"}
    assert "unique" in rows[TINY[3].name, ""]["ratio"]
    assert rows[TINY[4].name, ""]["extra"]["file_gb"] > 0


def test_the_summary_covers_every_comparison(report):
    compared = {(row["precision"], name) for row in report["rows"] for name in row["ratio"]}
    assert {(each["precision"], each["versus"]) for each in report["summary"]} == compared
    assert report["wrong"] == []
    assert report["machine"]["isa"] == hscore_fast.build_info()["isa"]


@pytest.mark.parametrize("width", [70, 100, 250])
def test_terminal_repeats_the_keys_of_a_table_that_is_cut(report, width):
    from rich.console import Console

    from hscore_fast.bench import terminal

    console = Console(width=width, record=True, file=io.StringIO())
    terminal.show(report, console)
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    assert sum("Whole score" in line for line in lines) == 2 or width < 250


def test_not_a_number_is_wrong_and_stays_so():
    found = measure.Measurement(1e-9, {1: 1.0})
    for error in (0.0, math.nan, 0.0):
        found.see(error)
    assert not found.right


@pytest.mark.parametrize("name", ["numpy", "syrk", "reference"])
def test_rivals_are_checked_too(name):
    field = contenders.ready(TINY[0], PLAN)
    (rival,) = (each for each in field.contenders if each.name == name)
    result = rival.call()
    assert rival.error(result) <= rival.tolerance
    assert rival.error(result * np.float64(1.01)) > rival.tolerance


def test_who_is_slow_runs_once():
    fast, slow = (
        measure.Contender(name, lambda: 1.0, float, 1.0, 0.0) for name in ("fast", "slow")
    )
    found = measure.measure([fast, slow], replace(PLAN, slow=-1.0), wait=False)
    assert list(found["slow"].rounds) == [0]
    found = measure.measure([replace(fast, most_rounds=1), slow], PLAN, wait=False)
    assert (list(found["fast"].rounds), list(found["slow"].rounds)) == ([1], [1, 2])


def test_cases_that_do_not_fit_are_skipped_with_the_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "memory_available", lambda: 1000)
    result = run.run_case(TINY[0], PLAN)
    assert "of memory" in result.skipped_because
    huge = replace(TINY[4], n_samples=10**12)
    result = mapped.run(huge, tmp_path, lambda text, share: None)
    assert "GB free" in result.skipped_because
    late = run.run_cases(TINY[:1], replace(PLAN, begin_before=-1.0))
    report = run.as_dict(late, PLAN, True, machine.facts())
    assert list(report["skipped_cases"]) == [TINY[0].name]


def test_figure(report, tmp_path):
    pytest.importorskip("matplotlib")
    from hscore_fast.bench import figure

    path = tmp_path / "bench.png"
    figure.save(report, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_importing_the_library_leaves_the_benchmark_alone():
    script = (
        "import sys, hscore_fast; print([m for m in sys.modules if 'bench' in m or 'scipy' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
