"""Dask arrays: chunks of any kind, and a real cluster one of whose workers is killed."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from oracles import make_problem

import hscore_fast

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")
from hscore_fast import dask as hd  # noqa: E402

ROWS, COLUMNS = 613, 9
X, Y = make_problem(ROWS, COLUMNS, 4)
EXPECTED = hscore_fast.h_score(X, Y, precision="float64")


@pytest.mark.parametrize("rows", [613, 612, 100, 7])
@pytest.mark.parametrize("columns", [9, 4], ids=["whole rows", "cut rows"])
def test_any_chunks(rows, columns) -> None:
    x = da.from_array(X, chunks=(rows, columns))
    for labels in (Y, Y.tolist(), da.from_array(Y, chunks=50), np.array(list("abcd"))[Y]):
        assert hd.h_score(x, labels) == pytest.approx(EXPECTED, rel=1e-12)


def test_every_score_and_the_classes() -> None:
    x = da.from_array(X, chunks=(100, 9))
    names = np.array(["ant", "bee", "cow", "dog"])[Y]
    assert hd.regularized_h_score(x, names, shrinkage="oas") == pytest.approx(
        hscore_fast.regularized_h_score(X, Y, shrinkage="oas"), rel=1e-12
    )
    assert hd.adjusted_h_score(x, names) == pytest.approx(
        hscore_fast.adjusted_h_score(X, Y), rel=1e-12
    )
    moments = hd.moments(x, names)
    assert moments.n_samples == ROWS
    assert sorted(moments.classes) == ["ant", "bee", "cow", "dog"]


@pytest.mark.parametrize("rows", [613, 100, 7])
def test_the_report(rows) -> None:
    x = da.from_array(X, chunks=(rows, 9))
    names = np.array(["dog", "bee", "cow", "ant"])[Y]
    want = hscore_fast.evaluate(X, names)
    for labels in (names, da.from_array(names, chunks=rows)):
        found = hd.evaluate(x, labels)
        assert found.standard_error == pytest.approx(want.standard_error, rel=1e-5)
        assert found.standard_error_method == "influence"
        for name in ("h_score", "adjusted_h_score", "regularized_h_score", "neg_log10_p_value"):
            assert getattr(found, name) == pytest.approx(getattr(want, name), rel=1e-10)
        assert found.class_counts == want.class_counts
        assert dict(found.class_shares) == pytest.approx(dict(want.class_shares), rel=1e-10)
    with pytest.raises(ValueError, match="confidence"):
        hd.evaluate(x, names, confidence=2)


def test_one_hot_and_column_labels_and_a_single_column() -> None:
    x = da.from_array(X, chunks=(100, 9))
    one_hot = np.eye(4, dtype=int)[Y]
    for labels in (one_hot, da.from_array(one_hot, chunks=(70, 2)), da.from_array(Y[:, None])):
        assert hd.h_score(x, labels) == pytest.approx(EXPECTED, rel=1e-12)
    assert hd.h_score(x[:, 0], Y) == pytest.approx(hscore_fast.h_score(X[:, 0], Y), rel=1e-12)


def test_the_same_bits_from_any_scheduler() -> None:
    x = da.from_array(X, chunks=(20, 9))
    import dask

    found = set()
    for scheduler in ("synchronous", "threads", "threads"):
        with dask.config.set(scheduler=scheduler, num_workers=5):
            found.add(hd.h_score(x, Y))
    assert len(found) == 1


def test_chunks_of_unknown_length() -> None:
    x, y = da.from_array(X, chunks=(100, 9)), da.from_array(Y, chunks=100)
    keep = x[:, 0] > 0
    kept = X[X[:, 0] > 0], Y[X[:, 0] > 0]
    expected = hscore_fast.h_score(*kept)
    assert hd.h_score(x[keep], y[keep]) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"unknown lengths.*features\.compute_chunk_sizes\(\)"):
        hd.h_score(x[keep], kept[1])
    with pytest.raises(ValueError, match="different numbers of them"):
        hd.h_score(x[keep], y.rechunk(300)[keep.rechunk(300)])
    known = x[keep].compute_chunk_sizes()
    assert hd.h_score(known, kept[1]) == pytest.approx(expected, rel=1e-12)


def test_what_is_refused() -> None:
    x = da.from_array(X, chunks=(100, 9))
    with pytest.raises(TypeError, match="must be a dask array, got ndarray"):
        hd.h_score(X, Y)
    with pytest.raises(TypeError, match="real numbers, got dtype complex128"):
        hd.h_score(x.astype(complex), Y)
    with pytest.raises(ValueError, match="3 dimensions"):
        hd.h_score(x[:, :, None], Y)
    for labels in (Y[1:], da.from_array(Y[1:])):
        with pytest.raises(ValueError, match=f"got {ROWS - 1} labels for {ROWS} rows"):
            hd.h_score(x, labels)
    bad = X.copy()
    bad[-1, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        hd.h_score(da.from_array(bad, chunks=(100, 9)), Y)


def test_only_statistics_move() -> None:
    """Every task gives Moments; none of them gives rows of features but the chunks themselves."""
    x = da.random.random((10_000, 5), chunks=(100, 5))
    found = []

    class Watch(pytest.importorskip("dask.callbacks").Callback):
        def _posttask(self, key, result, dsk, state, worker_id):
            found.append(type(result).__name__)

    with Watch():
        hd.moments(x, np.arange(10_000) % 3)
    assert found.count("Moments") >= 100 + 13 + 2 + 1


def make_blocks(flag: str | None, wrap=lambda f: f) -> list:
    """Give 12 blocks; the worker that is the first to come here with the third one is killed."""

    def block(seed: int) -> np.ndarray:  # local: workers get it by value, they need no test module
        if flag is not None and seed == 3:
            try:
                os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return np.random.default_rng(seed).normal(size=(500, 20)) + 1e4

    return [wrap(block)(k) for k in range(12)]


def lazy_matrix(flag: str | None):
    import dask

    blocks = make_blocks(flag, lambda block: dask.delayed(block, pure=False))
    return da.concatenate([da.from_delayed(block, (500, 20), float) for block in blocks])


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
@pytest.mark.filterwarnings("ignore")  # of distributed, about a worker that was killed
def test_a_cluster_one_of_whose_workers_is_killed(tmp_path: Path) -> None:
    labels = np.arange(6000) % 5
    x = np.concatenate(make_blocks(None)) + labels[:, None] * 0.1
    expected = hscore_fast.h_score(x, labels, precision="float64")
    shift = da.from_array(labels[:, None] * 0.1, chunks=(500, 1))
    found = []
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        for n_workers, flag in ((1, None), (2, None), (4, None), (4, str(tmp_path / "killed"))):
            cluster.scale(n_workers)
            client.wait_for_workers(n_workers, timeout=60)
            pids = set(client.run(os.getpid).values())
            assert len(pids) == n_workers
            found.append(hd.h_score(lazy_matrix(flag) + shift, labels))
        assert Path(flag).exists()
        assert not pids <= set(client.run(os.getpid).values())
    assert found[0] == pytest.approx(expected, rel=1e-12)
    assert found[1:] == pytest.approx([found[0]] * 3, rel=1e-12)
