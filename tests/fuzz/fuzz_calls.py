"""The calls that ``fuzz_public.py`` makes: of every public function, with random options."""

from __future__ import annotations

import itertools
import json
import pickle
from typing import Any

import numpy as np
from fuzz_inputs import RandomInputs

import hscore_fast
from hscore_fast import Moments, TargetMoments

# Results by the names that decide between which bounds they must lie.
Results = list[tuple[str, float]]


class BrokenPromiseError(AssertionError):
    """What the library promised did not hold."""


def broken_unless(holds: object, promise: str) -> None:
    if not holds:
        raise BrokenPromiseError(promise)


def is_delicate(source: Any) -> bool:
    """Whether rounding decides how many directions count.

    So it does where a column varies by a few units in its last place, or where what is left of a
    column without the others is near the tolerance, whose root is some 1e-7.
    """
    if hasattr(source, "detach"):  # a tensor, perhaps bfloat16 or one that requires a gradient
        source = source.detach().double()
    columns = np.asarray(source).astype(np.float64)
    columns = columns.reshape(len(columns), -1)
    largest = np.abs(columns).max(axis=0, initial=0)
    columns = columns[:, np.ptp(columns, axis=0) > 0] / largest[np.ptp(columns, axis=0) > 0]
    if (np.ptp(columns, axis=0) < 1e-13).any():
        return True
    columns = columns - columns.mean(axis=0)
    sizes = np.linalg.svd(columns / np.linalg.norm(columns, axis=0), compute_uv=False)
    return bool(((sizes > 1e-15) & (sizes < 3e-6)).any())


class ScoreCalls(RandomInputs):
    """Scores of one source for one target."""

    unchecked = False

    def options(self, *names: str) -> dict[str, Any]:
        choices: dict[str, tuple[list[Any], list[Any]]] = {
            "precision": (["auto", "float64", "float32", "high"], ["double", None, 3, b"auto"]),
            "tol": ([None, 1e-12, 1e-6, 0.5, np.float32(1e-9)], [0, 1, -1, np.nan, "a", 2**70]),
            "n_threads": ([None, 1, 2, np.int8(2)], [0, -1, 1.0, "2", True, 2**70, 5000]),
            "check_finite": ([True, False], []),
            "shrinkage": (
                ["ledoit_wolf", "oas", 0.0, 0.3, 1, np.float64(0.5)],
                ["lw", -0.1, 1.1, np.nan, None, True, 2**70],
            ),
            "convention": (["tllib", "paper"], ["other", None, 1]),
            "confidence": ([0.95, 0.5, np.float32(0.9)], [0, 1, -2, np.nan, "a", None]),
            "method": (["pillai", "permutation"], ["t", None, 1]),
            "n_blocks": ([2, 20, np.int8(3)], [1, 0, True, "3", 2.0]),
            "regularized": ([True, False], []),
            "by": (
                ["h_score", "adjusted_h_score", "regularized_h_score", "cross_validated_h_score"],
                ["luck", None],
            ),
            "n_draws": ([10, 100], [0, -1, "a", 1.5]),
            "seed": ([0, 7], []),
            "k": ([1, 2, None], [0, -1, "a", 1.5, True]),
            "n_errors": ([0.0, 1.0, 2], [-1, np.nan, "a", None]),
            "alpha": ([0.01, 0.5], [0, 2, "a", None]),
            "errors": ([True, False], []),
            "optimal": (["bound", "ace"], ["best", 3]),
            "n_bins": ([2, 4], [0, 1, "a", True]),
        }
        given = {}
        for name in names:
            good, bad = choices[name]
            if self.chance(0.5):
                given[name] = self.pick(bad) if bad and self.chance(0.05) else self.pick(good)
        return given

    def count_classes(self) -> int:
        return len(Moments().update(np.zeros((len(self.labels), 1)), self.labels).classes)

    def score(self) -> Results:
        options = self.options("precision", "tol", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        value = hscore_fast.h_score(self.features, self.labels, **options)
        chance = hscore_fast.chance_level(self.features, self.labels, **options)
        q, m = self.count_classes() - 1, len(self.labels) - 1
        # The noise of float32 products may count as rank, which a warning says.
        if q > 0 and np.isfinite(value) and options.get("precision") != "float32":
            # From the chance level r q / m the rank: every H lies between max(0, r + q - m) and
            # min(r, q).
            rank = chance * m / q
            slack = 1e-6
            if not max(0, rank + q - m) - slack <= value <= min(rank, q) + slack:
                raise BrokenPromiseError(
                    f"h_score is {value} for rank {rank}, q = {q}, N - 1 = {m}"
                )
        return [("h_score", value), ("chance", chance)]

    def adjusted(self) -> Results:
        options = self.options("precision", "tol", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        value = hscore_fast.adjusted_h_score(self.features, self.labels, **options)
        return [("adjusted", value)]

    def shrunk(self) -> Results:
        options = self.options("shrinkage", "convention", "precision", "n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        return [
            (
                "regularized",
                hscore_fast.regularized_h_score(self.features, self.labels, **options),
            )
        ]

    def stream(self) -> Results:
        options = self.options("n_threads", "check_finite")
        self.unchecked = not options.get("check_finite", True)
        moments = self.pick([Moments, lambda: Moments(max(self.n_features, 1))])()
        x, y = self.features, self.labels
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.ndim and y.ndim:
            cut = int(self.rng.integers(0, len(y) + 1))
            moments.update(x[:cut], y[:cut], **options)
            rest = Moments().update(x[cut:], y[cut:], **options)
            moments = moments + rest if self.chance(0.5) else moments.merge(rest)
        else:
            moments.update(x, y, **options)
        moments = self.pick([lambda m: m, Moments.copy, lambda m: pickle.loads(pickle.dumps(m))])(
            moments
        )
        if moments != moments.copy() and not self.unchecked:
            raise BrokenPromiseError("a copy is not equal")
        repr(moments)
        return [
            ("h_score", moments.h_score(**self.options("tol", "n_threads"))),
            ("chance", moments.chance_level(**self.options("tol", "n_threads"))),
            (
                "regularized",
                moments.regularized_h_score(**self.options("shrinkage", "convention")),
            ),
            ("adjusted", moments.adjusted_h_score(**self.options("tol"))),
        ]

    def report(self) -> Results:
        options = self.options(
            *("confidence", "method", "n_blocks", "shrinkage", "convention"),
            *("precision", "tol", "n_threads", "check_finite"),
        )
        self.unchecked = not options.get("check_finite", True)
        report = hscore_fast.evaluate(self.features, self.labels, **options)
        show(report)
        low, high = report.confidence_interval
        broken_unless(not high < low, f"an interval from {low} to {high}")
        for name, most in (("p_value", 1.0), ("standard_error", np.inf), ("condition", np.inf)):
            value = getattr(report, name)
            broken_unless(not (value < 0 or value > most), f"{name} is {value}")
        return [
            ("h_score", report.h_score),
            ("chance", report.chance_level),
            ("adjusted", report.adjusted_h_score),
            ("regularized", report.regularized_h_score),
        ]

    def share(self) -> Results:
        options = self.options("optimal", "n_bins", "n_threads")
        if self.chance(0.2):
            options["optimal"] = self.other_source()
        result = hscore_fast.transferability(self.features, self.labels, **options)
        broken_unless(float(result) >= 0, f"transferability is {result}")
        return [("h_score", result.h_score), ("h_score", result.optimal_h_score)]

    def correlation(self) -> Results:
        best = hscore_fast.maximal_correlation(self.make_labels(), self.labels)
        r = best.correlations
        broken_unless((r >= 0).all() and (r <= 1 + 1e-9).all(), f"correlations are {r}")
        return [("h_score", best.h_score)]

    def other_source(self) -> Any:
        rows = self.n_samples + int(self.chance(0.03))
        return self.lay_out(self.values((rows, int(self.pick([1, 2, 5, 17])))))


class GroupCalls(ScoreCalls):
    """Many targets, many sources."""

    def other_targets(self) -> list[Any]:
        return [self.labels, *(self.make_labels() for _ in range(int(self.rng.integers(0, 3))))]

    def sources(self) -> dict[str, Any]:
        others = {f"s{i}": self.other_source() for i in range(int(self.rng.integers(0, 4)))}
        return {"first": self.features, **others}

    def targets(self) -> Results:
        options = self.options(
            *("regularized", "shrinkage", "convention", "tol", "n_threads", "check_finite"),
            *(() if (stream := self.chance(0.5)) else ("precision",)),
        )
        self.unchecked = not options.get("check_finite", True)
        targets = self.other_targets()
        if stream:
            checked = {k: options.pop(k) for k in ("check_finite",) if k in options}
            moments = TargetMoments()
            moments.update(self.features, targets, **checked)
            repr(moments)
            scores = moments.h_scores(**options)
        else:
            scores = hscore_fast.h_scores(self.features, targets, **options)
        broken_unless(scores.shape == (len(targets),), f"shape {scores.shape}")
        name = "regularized" if options.get("regularized") else "h_score"
        return [(name, float(scores[0]))]

    def ranking(self) -> Results:
        options = self.options(
            *("by", "confidence", "shrinkage", "convention", "n_blocks", "n_draws", "seed"),
            *("precision", "tol", "n_threads", "check_finite"),
        )
        self.unchecked = not options.get("check_finite", True)
        sources = self.sources()
        ranking = hscore_fast.rank_sources(sources, self.labels, **options)
        show(ranking)
        broken_unless(sorted(ranking.names) == sorted(sources), f"ranked are {ranking.names}")
        scores = [entry.score for entry in ranking if entry.score == entry.score]
        falls = all(a >= b - 1e-8 for a, b in itertools.pairwise(scores))
        broken_unless(falls, f"in the order {scores}")
        return [
            ("h_score", entry.h_score) for entry in ranking if not entry.error and entry.score >= 0
        ]

    def selection(self) -> Results:
        options = self.options("k", "n_errors", "alpha", "tol", "n_threads")
        sources = self.sources()
        chosen = hscore_fast.select_sources(sources, self.labels, **options)
        show(chosen)
        broken_unless(set(chosen.selected) <= set(sources), f"chosen are {chosen.selected}")
        return [("h_score", chosen.h_score)]

    def pairs(self) -> Results:
        options = self.options("tol", "n_threads")
        sources = self.sources()
        pairs = hscore_fast.pair_scores(sources, self.labels, **options)
        show(pairs)
        broken_unless(np.array_equal(pairs.h_score, pairs.h_score.T), "not symmetric")
        alone = np.diagonal(pairs.h_score)
        # A large tol lets a first source hide parts of the second, and so does rounding.
        if not options.get("tol") and not any(map(is_delicate, sources.values())):
            fine = (pairs.h_score >= alone - 1e-6).all()
            broken_unless(fine, f"a pair is worse: {pairs.h_score}")
        return [("h_score", float(value)) for value in pairs.h_score.ravel()]

    def matrix(self) -> Results:
        options = self.options(*("by", "errors", "shrinkage", "convention", "tol", "n_threads"))
        sources = self.sources()
        targets = {f"t{i}": labels for i, labels in enumerate(self.other_targets())}
        matrix = hscore_fast.transfer_matrix(sources, targets, **options)
        show(matrix)
        shape = (len(sources), len(targets))
        broken_unless(matrix.scores.shape == shape, f"shape {matrix.scores.shape}")
        scores = np.nan_to_num(matrix.scores)  # an adjusted one may be undefined
        weights = hscore_fast.consensus(scores, method=self.pick(["mean", "spectral"]))
        broken_unless(weights.shape == shape[:1], f"shape {weights.shape}")
        broken_unless(np.isfinite(weights).all(), f"a consensus of {weights}")
        if matrix.h_scores is None:
            return [("regularized", float(value)) for value in matrix.scores[:, 0]]
        return [("h_score", float(value)) for value in matrix.h_scores[:, 0]]


def show(result: Any) -> None:
    """Write a result in every form that it has."""
    broken_unless(str(result) and repr(result) and result._repr_html_(), "nothing to show")
    json.loads(result.to_json(), parse_constant=refuse_constant)


def refuse_constant(text: str) -> None:
    raise BrokenPromiseError(f"{text} is not JSON")
