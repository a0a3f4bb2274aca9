"""The report of one score: the score and the evidence for it, in one object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from hscore_fast._results.display import left_out_text, number
from hscore_fast._results.tables import Displayed, Page, Table, measured, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["HScoreReport", "single_values"]

_MOST_CLASSES = 12  # in print; all of them in to_dict
_SMALL_P = 1e-4  # below it a p-value is shown as a power of ten


@dataclass(frozen=True, repr=False)
class HScoreReport(Displayed):
    """Result of :func:`hscore_fast.evaluate`: a score with the evidence for it.

    ``print`` and notebooks show it as a table, :meth:`plot` draws the classes.

    Attributes
    ----------
    h_score : float
        As :func:`hscore_fast.h_score`.
    adjusted_h_score : float
        As :func:`hscore_fast.adjusted_h_score`: what is left when chance is taken out. Compare
        this between feature sets of different width.
    regularized_h_score : float
        As :func:`hscore_fast.regularized_h_score`.
    cross_validated_h_score, cross_validated_standard_error : float
        As :func:`hscore_fast.cross_validate`: how much the features explain of held-out rows; nan
        where there are no parts to hold out.
    accuracy, accuracy_standard_error : float
        What a linear probe reaches on held-out rows; nan where rows are gone.
    balanced_accuracy, balanced_accuracy_standard_error : float
        The mean of the classes' accuracies.
    chance_level : float
        The mean H-score of these features under random labels.
    standard_error : float
        Of the adjusted score; nan where it is not known, and `standard_error_method` says why.
    h_score_standard_error : float
        Of the plain score.
    standard_error_method : str
        "influence", from what each row does to the score; "groups", from what each group does;
        "jackknife", from blocks of rows that are left out one by one; or "none", and the reason.
    confidence : float
        Of the interval.
    confidence_interval : tuple of float
        Of the adjusted score.
    p_value : float
        Probability of such a score, or a higher one, if the labels had nothing to do with the
        features; 0 where it underflows. 1 where the labels could not matter.
    neg_log10_p_value : float
        ``-log10`` of it, which does not underflow.
    p_value_method : str
        "pillai" or "permutation"; "none" where there is no p-value.
    n_permutations : int
        Permutations that were scored for the p-value; 0 where it comes from Pillai's test or from
        the permutations' mean and variance.
    n_groups : int
        Groups of rows by which errors, p-value and chance level go; 0 where each row stands for
        itself.
    f_statistic : float
        Of Pillai's test; nan for the permutation form.
    degrees_of_freedom : tuple of float
        Of the F distribution.
    rank : int
        Of the features.
    condition : float
        The largest variance inflation factor: one over the smallest share of a feature's variance
        that the other features do not predict.
    n_samples, n_features, n_classes : int
        Of the data. Rows of weight 0 are not counted.
    total_weight : float
        The number of rows where there were no weights.
    class_counts : mapping of label to float
        Rows of each class, or their weight.
    class_shares : mapping of label to float
        Contributions to the H-score; they sum to it.
    class_r_squared : mapping of label to float
        How well the features tell each class from the rest: the share of the variance of its
        indicator that a linear fit explains, which is the contribution over its most, 1 minus the
        class's frequency. Not adjusted for chance.
    precision_used : str
        "float64", "float32 corrected", "float32" or "high".
    error_bound : float
        Of rounding, in `h_score`.
    warnings : tuple of str
        What speaks against using these numbers.
    left_out : mapping of str to str
        Columns of a table that are not among the features, each with the reason: "labels", "index",
        "no numbers", "drop" or "not in columns".
    """

    h_score: float
    adjusted_h_score: float
    regularized_h_score: float
    chance_level: float
    standard_error: float
    h_score_standard_error: float
    standard_error_method: str
    confidence: float
    confidence_interval: tuple[float, float]
    p_value: float
    neg_log10_p_value: float
    p_value_method: str
    f_statistic: float
    degrees_of_freedom: tuple[float, float]
    rank: int
    condition: float
    n_samples: int
    n_features: int
    n_classes: int
    total_weight: float
    class_counts: Mapping[Any, float]
    class_shares: Mapping[Any, float]
    class_r_squared: Mapping[Any, float]
    precision_used: str
    error_bound: float
    warnings: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    cross_validated_h_score: float = math.nan
    cross_validated_standard_error: float = math.nan
    accuracy: float = math.nan
    accuracy_standard_error: float = math.nan
    balanced_accuracy: float = math.nan
    balanced_accuracy_standard_error: float = math.nan
    n_permutations: int = 0
    n_groups: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return all fields by name; the mappings are by label, as they are here."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}

    def to_series(self) -> Any:
        """Return the single values as a pandas Series: a row of a frame of many reports.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas

        values = single_values(self)
        return pandas.Series(values, dtype=object)

    def plot(self, title: str | None = None, *, ax: Axes | None = None) -> Figure:
        """Draw how well each class is told from the rest; needs the extra ``plot``.

        Parameters
        ----------
        title : str, optional
            Over the figure; by default the score and its error.
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a figure of its own.

        Returns
        -------
        matplotlib.figure.Figure
            See :func:`hscore_fast.plots.classes`.
        """
        from hscore_fast import plots

        score = quantity(self.adjusted_h_score, self.standard_error)
        return plots.classes(
            [str(label) for label in self.class_r_squared],
            list(self.class_r_squared.values()),
            title=f"adjusted H-score {score}" if title is None else title,
            ax=ax,
        )

    def __repr__(self) -> str:
        score = quantity(self.adjusted_h_score, self.standard_error)
        return f"<HScoreReport: H-score {number(self.h_score)}, adjusted {score}>"

    def _page(self) -> Page:
        shown = self._class_rows()
        notes = []
        if len(self.class_counts) > len(shown):
            notes.append(f"({len(self.class_counts) - len(shown)} classes between not shown)")
        if not math.isnan(self.standard_error):
            notes.append(self._assumption())
        notes += [f"Warning: {text}" for text in self.warnings]
        return Page(
            (Table(self._facts(), caption="H-score report"), Table(shown, _CLASS_HEADER)), notes
        )

    def _facts(self) -> list[list[str]]:
        scores = (self.h_score, self.adjusted_h_score)
        (plain, plain_error), (adjusted, error) = measured(
            scores, (self.h_score_standard_error, self.standard_error)
        )
        most = min(self.rank, self.n_classes - 1)
        known = error != "-"
        (chance, _), (regularized, _) = measured(
            (self.chance_level, self.regularized_h_score), (self.standard_error,) * 2
        )
        interval = []
        if known:
            low, high = (
                text for text, _ in measured(self.confidence_interval, (self.standard_error,) * 2)
            )
            interval = [[f"  {100 * self.confidence:g} % interval", f"{low} to {high}"]]
        return [
            ["H-score", f"{plain}{f' ± {plain_error}' * known} of at most {most}"],
            ["  by chance", chance],
            ["adjusted H-score", f"{adjusted} ± {error}" if known else adjusted],
            *interval,
            ["  standard error", self.standard_error_method],
            ["regularized H-score", regularized],
            *self._held_out_facts(),
            ["p-value", self._p_value()],
            *([["  from", self._test()]] if self._test() else []),
            ["samples", f"{self.n_samples:,}"],
            *([["groups", f"{self.n_groups:,}"]] if self.n_groups else []),
            ["features", f"{self.n_features:,}, rank {self.rank:,}"],
            *([["  left out", left_out_text(self.left_out)]] if self.left_out else []),
            ["classes", f"{self.n_classes:,}"],
            ["variance inflation", f"at most {number(self.condition, 3)}"],
            ["computed in", self._precision()],
        ]

    def _p_value(self) -> str:
        if math.isnan(self.p_value) or self.p_value >= _SMALL_P:
            return number(self.p_value, 2)
        return f"10^-{self.neg_log10_p_value:.0f}"

    def _test(self) -> str:
        """Name the test; empty where no labels could have made a difference."""
        if self.n_permutations:
            return f"{self.n_permutations:,} permutations of the labels"
        if self.p_value_method == "permutation":
            return "mean and variance over permutations of the labels"
        if math.isnan(self.f_statistic):
            return ""
        first, second = self.degrees_of_freedom
        return f"Pillai's F({number(first, 10)}, {number(second, 10)}) = {number(self.f_statistic)}"

    def _precision(self) -> str:
        bound = f", error below {number(self.error_bound, 1)}" if self.error_bound > 0 else ""
        return self.precision_used + bound

    def _assumption(self) -> str:
        units = "groups that are" if self.n_groups else "rows that are"
        hint = "" if self.n_groups else " (pass groups= where they are not)"
        return f"errors suppose {units} separate observations{hint}: docs/assumptions.md"

    def _held_out_facts(self) -> list[list[str]]:
        facts = (
            (
                "cross-validated H-score",
                self.cross_validated_h_score,
                self.cross_validated_standard_error,
            ),
            ("  accuracy", self.accuracy, self.accuracy_standard_error),
            ("  balanced", self.balanced_accuracy, self.balanced_accuracy_standard_error),
        )
        return [
            [name, quantity(value, error)] for name, value, error in facts if not math.isnan(value)
        ]

    def _class_rows(self) -> list[list[str]]:
        labels = sorted(self.class_counts, key=lambda label: -self.class_r_squared[label])
        if len(labels) > _MOST_CLASSES:
            half = _MOST_CLASSES // 2
            labels = labels[:half] + labels[-half:]
        return [
            [
                str(label),
                f"{self.class_counts[label]:,.10g}",
                f"{self.class_shares[label]:.3f}",
                f"{self.class_r_squared[label]:.3f}",
            ]
            for label in labels
        ]


_CLASS_HEADER = ("class", "samples", "share of H", "R squared")


def single_values(report: HScoreReport) -> dict[str, Any]:
    """Give what a report says in single values, by name: a row of a table."""
    values = {k: v for k, v in report.to_dict().items() if not isinstance(v, dict)}
    values["confidence_low"], values["confidence_high"] = values.pop("confidence_interval")
    values["df1"], values["df2"] = values.pop("degrees_of_freedom")
    values["warnings"] = "; ".join(values["warnings"])
    values["left_out"] = ", ".join(report.left_out)
    return values
