"""One cell of the study: a task, a number of training rows and a draw of them."""

import time
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from . import rivals, tasks
from .scores import score_all
from .truth import nearest_neighbours, tuned_probe

__all__ = ["extract", "measure"]


def extract(name, folder):
    """Run all networks on a task's inputs, unless the folder has what they made of them."""
    path = Path(folder) / f"{name.replace(' ', '-')}.npz"
    if path.exists():
        return path, 0.0
    from . import images, sounds, texts

    start = time.perf_counter()
    task = tasks.load(name)
    module = {"image": images, "text": texts, "sound": sounds}[task.kind]
    features, outputs = module.features(task.inputs, task.half)
    stored = {f"features/{source}": x.astype(np.float32) for source, x in features.items()}
    stored |= {f"outputs/{source}": x.astype(np.float32) for source, x in outputs.items()}
    for source, x in features.items():
        assert x.shape[0] == len(task.labels), (name, source, x.shape)
        assert np.isfinite(x).all(), (name, source)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, labels=task.labels, **stored)
    partial.rename(path)
    return path, time.perf_counter() - start


@lru_cache(maxsize=1)
def _stored(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def measure(name, size, draw, path):
    """Measure every source's worth and every score.

    Returns
    -------
    dict
        ``task``, ``size``, ``draw``, and ``sources``: a list of one dict each with ``name``,
        ``width``, ``probe`` and ``kNN`` (accuracies on other rows), ``scores``, ``seconds``.
    """
    stored = _stored(str(path))
    labels = stored["labels"]
    seed = zlib.crc32(f"{name} {size} {draw}".encode())
    order = np.random.default_rng(seed).permutation(len(labels))
    train, test = order[:size], order[size:]
    # Labels as a user's rows have them: classes that are missing from them have no number.
    classes = np.unique(labels[train], return_inverse=True)[1]
    sources = []
    for key, x in stored.items():
        kind, _, source = key.partition("/")
        if kind != "features":
            continue
        rows = np.ascontiguousarray(x[train])
        source_seed = seed + zlib.crc32(source.encode())
        values, seconds = score_all(rows, classes, source_seed)
        start = time.perf_counter()
        probe, values["tuned probe"], _ = tuned_probe(
            rows, labels[train], x[test], labels[test], seed
        )
        seconds["tuned probe"] = time.perf_counter() - start
        outputs = stored.get(f"outputs/{source}")
        if outputs is not None:
            values["LEEP"] = rivals.leep(outputs[train], classes)
            values["NCE"] = rivals.nce(outputs[train], classes)
        neighbours = nearest_neighbours(rows, labels[train], x[test], labels[test])
        sources.append(
            {
                "name": source,
                "width": x.shape[1],
                "probe": probe,
                "kNN": neighbours,
                "scores": values,
                "seconds": seconds,
            }
        )
    return {"task": name, "size": size, "draw": draw, "sources": sources}
