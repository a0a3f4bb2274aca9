"""The regularized score beside the plain one, and beside the public toolkits' way to it.

``pytest benchmarks/bench_regularized.py``; every test asserts its answer.
"""

from functools import lru_cache

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from threadpoolctl import threadpool_limits

from hscore_fast import h_score, regularized_h_score
from hscore_fast.bench import data, machine, measure

SHAPE = (20_000, 2_048, 100)
DTYPES = ["float64", "float32"]
THREADS = machine.thread_counts()[-1]


@lru_cache(maxsize=1)
def problem(dtype):
    return data.features_and_labels(*SHAPE, dtype)


@lru_cache(maxsize=1)
def answer(dtype):
    return regularized_h_score(*problem(dtype), precision="float64")


def toolkits(features, labels):
    """Compute it as the toolkits do: scikit-learn's estimator, a pseudo-inverse, a trace."""
    x = features.astype(np.float64)
    estimate = LedoitWolf().fit(x)
    means = np.empty_like(x)
    for label in np.unique(labels):
        means[labels == label] = x[labels == label].mean(axis=0)
    between = (1 - estimate.shrinkage_) * np.cov(means, rowvar=False)
    return float(np.trace(np.linalg.pinv(estimate.covariance_, rcond=1e-15) @ between))


@pytest.mark.parametrize("precision", ["auto", "float64"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("score", [h_score, regularized_h_score])
def test_ours(benchmark, score, dtype, precision):
    features, labels = problem(dtype)
    benchmark.group = f"regularized {dtype}"
    measure.settle()
    got = benchmark.pedantic(
        score,
        args=(features, labels),
        kwargs={"precision": precision, "n_threads": THREADS},
        rounds=5,
        warmup_rounds=1,
    )
    if score is regularized_h_score:
        assert got == pytest.approx(answer(dtype), rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_toolkits_way(benchmark, dtype):
    features, labels = problem(dtype)
    benchmark.group = f"regularized {dtype}"
    measure.settle()
    with threadpool_limits(limits=THREADS):
        got = benchmark.pedantic(toolkits, args=(features, labels), rounds=1)
    assert got == pytest.approx(answer(dtype), rel=1e-6)
