"""What the study found, as text."""

import numpy as np

from .agreement import agree, interval_of_mean, paired_bootstrap
from .scores import SCORES

__all__ = ["RIVALS", "agreements", "print_all", "print_tuning", "task_means"]

RIVALS = tuple(score for score in SCORES if score != "cross-validated")
OUTPUTS = ("LEEP", "NCE")


def agreements(cells, truth="probe", keep=lambda cell, source: True, scores=SCORES):
    """Compare each score with the truth in each cell.

    Returns
    -------
    dict
        By task, and in it by score, a list of (draw, Agreement).
    """
    found = {}
    for cell in cells:
        sources = [source for source in cell["sources"] if keep(cell, source)]
        if len(sources) < 3:
            continue
        worth = [source[truth] for source in sources]
        for score in scores:
            values = [_number(source["scores"].get(score)) for source in sources]
            by_score = found.setdefault(cell["task"], {})
            by_score.setdefault(score, []).append((cell["draw"], agree(values, worth)))
    return found


def _number(value):
    return float("nan") if value is None else value


def task_means(found, what):
    """Return by score the mean of every task, in the tasks' order."""
    return {
        score: np.array(
            [
                np.mean([getattr(agreement, what) for _, agreement in by_score[score]])
                for by_score in found.values()
            ]
        )
        for score in next(iter(found.values()))
    }


def _over_draws(found, score, what):
    """Return the mean over tasks for every draw."""
    draws = sorted({draw for by in found.values() for draw, _ in by[score]})
    means = []
    for draw in draws:
        of_draw = ([getattr(a, what) for d, a in by[score] if d == draw] for by in found.values())
        means.append(np.mean([np.mean(values) for values in of_draw if values]))
    return means


def print_all(cells, tell):
    """Print every table of one set of cells."""
    found = agreements(cells)
    counts = [len(cell["sources"]) for cell in cells]
    tell(
        f"{len(found)} tasks, {len(cells)} settings (task, rows, draw), "
        f"{min(counts)} to {max(counts)} sources each"
    )
    tell("\nAgreement with the accuracy of the tuned logistic probe on other rows: mean over the")
    tell("tasks, +- standard error over draws\n")
    _print_means(found, cells, tell)
    tell("\nThe same against the accuracy of five nearest neighbours\n")
    _print_means(agreements(cells, truth="kNN"), None, tell)
    tell("\nSpearman by task\n")
    _print_by_task(found, "spearman", tell)
    tell("\nAccuracy lost by taking the first, by task\n")
    _print_by_task(found, "regret", tell)
    tell("\nSpearman by the width of the sources for a number of rows, F / N at most\n")
    _print_by_width(cells, tell)
    _print_outputs(cells, tell)
    tell("\nDifference in Spearman of the cross-validated score: mean over tasks, 90 % interval by")
    tell("drawing tasks anew, and the tasks where the rival is ahead\n")
    _print_differences(found, "spearman", 1, tell)
    tell("\nDifference in regret (accuracy lost; below 0 the cross-validated score loses less)\n")
    _print_differences(found, "regret", -1, tell)


def print_tuning(cells, tell):
    """Print how scores of the last layer foretell the accuracy after fine-tuning."""
    n = len(cells[0]["sources"])
    tell(f"Accuracy after fine-tuning all weights of {n} small networks, {len(cells)} settings\n")
    for cell in cells:
        reached = ", ".join(
            f"{s['name']} {s['tuned']:.2f} (probe {s['probe']:.2f})" for s in cell["sources"]
        )
        tell(f"{cell['task']}, {cell['size']} rows, draw {cell['draw']}: {reached}")
    tell("\nAgreement of scores of the last hidden layer with it\n")
    found = agreements(cells, truth="tuned")
    _print_means(found, None, tell)
    tell("\nSpearman by task\n")
    _print_by_task(found, "spearman", tell)
    worth = [[[s[what] for s in cell["sources"]] for cell in cells] for what in ("probe", "tuned")]
    same = [agree(probe, tuned).spearman for probe, tuned in zip(*worth, strict=True)]
    tell(f"\nThe probe's own accuracy on the test: Spearman {np.mean(same):.3f} with fine-tuning")


def _print_means(found, cells, tell):
    seconds = "  seconds" if cells else ""
    tell(
        f"{'score':16} {'Spearman':>14} {'Pearson':>14} {'weighted tau':>14} "
        f"{'regret':>15} {'worst':>6}{seconds}"
    )
    for score in next(iter(found.values())):
        parts = []
        for what in ("spearman", "pearson", "weighted_kendall"):
            mean, error = interval_of_mean(_over_draws(found, score, what))
            parts.append(f"{mean:6.3f} +- {error:.3f}")
        mean, error = interval_of_mean(_over_draws(found, score, "regret"))
        worst = max(a.regret for by in found.values() for _, a in by[score])
        line = f"{score:16} " + " ".join(f"{part:>14}" for part in parts)
        line += f" {mean:7.4f} +- {error:.4f} {worst:6.3f}"
        if cells:
            taken = [s["seconds"][score] for cell in cells for s in cell["sources"]]
            line += f"  {np.mean(taken):7.4f}"
        tell(line)


def _print_by_task(found, what, tell):
    scores = list(next(iter(found.values())))
    short = [score[:9] for score in scores]
    tell(f"{'task':16} " + " ".join(f"{name:>9}" for name in short))
    means = task_means(found, what)
    for place, task in enumerate(found):
        tell(f"{task:16} " + " ".join(f"{means[score][place]:9.3f}" for score in scores))
    tell(f"{'mean':16} " + " ".join(f"{means[score].mean():9.3f}" for score in scores))


def _print_by_width(cells, tell):
    tell(f"{'F / N':8} {'settings':>8} " + " ".join(f"{score[:9]:>9}" for score in SCORES))
    for bound in (0.2, 0.5, 1.0, np.inf):
        found = agreements(
            cells, keep=lambda cell, s, bound=bound: s["width"] <= bound * cell["size"]
        )
        if not found:
            continue
        n = sum(len(by["h_score"]) for by in found.values())
        means = task_means(found, "spearman")
        shown = "any" if bound == np.inf else f"{bound:g}"
        tell(f"{shown:8} {n:8} " + " ".join(f"{means[score].mean():9.3f}" for score in SCORES))


def _print_outputs(cells, tell):
    scores = (*OUTPUTS, *SCORES)
    found = agreements(cells, keep=lambda cell, s: "LEEP" in s["scores"], scores=scores)
    if not found:
        return
    n = sum(len(by["LEEP"]) for by in found.values())
    tell(f"\nAmong the last layers of networks that have class outputs ({n} settings)\n")
    tell(f"{'score':16} {'Spearman':>9} {'regret':>9}")
    for score in scores:
        spearman = task_means(found, "spearman")[score].mean()
        tell(f"{score:16} {spearman:9.3f} {task_means(found, 'regret')[score].mean():9.4f}")


def _print_differences(found, what, sign, tell):
    means = task_means(found, what)
    tasks = list(found)
    for rival in RIVALS:
        difference, low, high = paired_bootstrap(means["cross-validated"], means[rival])
        behind = sign * (means[rival] - means["cross-validated"])
        ahead = [f"{tasks[i]} ({behind[i]:.3f})" for i in np.argsort(-behind) if behind[i] > 0]
        tell(
            f"{rival:16} {difference:+.4f} ({low:+.4f} .. {high:+.4f})  "
            f"{len(ahead)} of {len(tasks)}: {', '.join(ahead) or 'none'}"
        )
