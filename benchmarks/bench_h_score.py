"""The cases of ``hscore-fast bench`` for pytest-benchmark: ``pytest benchmarks/``.

Every test asserts its answer; no time is asserted. Contenders of one problem are in one group, and
the cases, the data, the answers and the contenders are those of `hscore_fast.bench`. For ratios of
interleaved rounds run ``hscore-fast bench``; here one contender runs after the other.
"""

from functools import lru_cache

import pytest
from threadpoolctl import threadpool_limits

from hscore_fast.bench import contenders, machine, measure
from hscore_fast.bench.cases import DEFAULT, Case

SHAPES = [(1_000, 64, 10), (20_000, 256, 10), (10_000, 1_024, 100)]
THREADS = sorted({1, 2, *machine.thread_counts()})
CASES = [
    Case("score", *shape, dtype, threads)
    for shape in SHAPES
    for dtype in ("float64", "float32")
    for threads in THREADS
]
NAMES = ["auto", "float32", "float64", "numpy", "reference", "syrk"]
ROUNDS = 3


@lru_cache(maxsize=1)
def ready(case):
    found = contenders.ready(case, DEFAULT)
    return {each.name: each for each in found.contenders}, found.skipped


def runs(case, name):
    return name not in {"float64", "float32"} or name == case.dtype


@pytest.mark.parametrize(
    ("case", "name"),
    [
        pytest.param(case, name, id=f"{case.name.replace(' ', '-')}-{name}")
        for case in CASES
        for name in NAMES
        if runs(case, name)
    ],
)
def test_h_score(benchmark, case, name):
    field, skipped = ready(case)
    if name in skipped:
        pytest.skip(skipped[name])
    contender = field.get(name) or field[contenders.ours(name)]
    benchmark.group = case.name
    benchmark.extra_info["gflop"] = case.product_flops / 1e9
    measure.settle()
    with threadpool_limits(limits=case.threads):
        result = benchmark.pedantic(contender.call, rounds=ROUNDS, warmup_rounds=1)
    assert contender.error(result) <= contender.tolerance
