"""What the selection of sources refuses, and how it is ended."""

import numpy as np
import pytest

from hscore_fast import Moments, select_sources

X, Y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2


@pytest.mark.parametrize(
    ("sources", "labels", "options", "error", "words"),
    [
        ({}, Y, {}, ValueError, "sources must hold at least one entry"),
        ([X, X], Y, {}, TypeError, "sources must be a mapping of names to features.*got list"),
        ({3: X}, Y, {}, TypeError, "names of sources must be str, got 3"),
        ({"a": X, "b": X[1:]}, Y, {}, ValueError, r"sources\['b'\].*30 labels for 29 rows"),
        ({"a": X, "b": X * np.nan}, Y, {}, ValueError, r"sources\['b'\].*90 values .* not finite"),
        ({"a": X, "b": X * 1e200}, Y, {}, ValueError, "squares overflow"),
        ({"a": X, "b": X.astype(str)}, Y, {}, TypeError, r"sources\['b'\].*real numbers"),
        ({"a": Moments().update(X, Y)}, Y, {}, TypeError, r"sources\['a'\]: Moments of one"),
        ({"a": X[:1]}, Y[:1], {}, ValueError, "at least 2 rows, got 1"),
        ({"a": "nowhere.npy"}, Y, {}, FileNotFoundError, "nowhere.npy"),
        ({"a": X}, Y, {"k": 0}, ValueError, "k must be a positive integer"),
        ({"a": X}, Y, {"k": 1.5}, TypeError, "k must be a positive integer or None, got 1.5"),
        ({"a": X}, Y, {"n_errors": -1}, ValueError, "n_errors must be at least 0, got -1"),
        ({"a": X}, Y, {"alpha": 0}, ValueError, "alpha must be a probability above 0, got 0"),
        ({"a": X}, Y, {"tol": 2}, ValueError, "tol"),
        ({"a": X}, Y, {"n_threads": 0}, ValueError, "n_threads"),
        ({"a": X}, Y, {"progress": 3}, TypeError, "progress"),
    ],
)
@pytest.mark.parametrize("by", ["cross_validated_h_score", "adjusted_h_score"])
def test_what_is_refused(sources, labels, options, error, words, by) -> None:
    with pytest.raises(error, match=words):
        select_sources(sources, labels, by=by, **options)


def test_unknown_scores_and_groups_without_held_out_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="by must be one of 'cross_validated_h_score'"):
        select_sources({"a": X}, Y, by="h_score")
    with pytest.raises(ValueError, match="groups need by='cross_validated_h_score'"):
        select_sources({"a": X}, Y, by="adjusted_h_score", groups=Y)


def test_what_progress_raises_ends_the_call() -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError(f"at {done} of {total}")

    # A view of little memory and so much work that progress, told ten times a second, is told.
    values = np.random.default_rng(0).normal(size=61_023)
    x = np.lib.stride_tricks.sliding_window_view(values, 1024)
    for by in ("cross_validated_h_score", "adjusted_h_score"):
        with pytest.raises(InterruptedError, match="of 60000"):
            select_sources({"a": x}, np.arange(60_000) % 3, by=by, progress=stop, n_threads=1)
