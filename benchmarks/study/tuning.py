"""Whole networks trained on: the accuracy that users get who do not stop at a probe."""

import zlib

import numpy as np

from . import tasks
from .images import as_inputs
from .scores import SCORES, score_all
from .small_networks import efficientnet, mtcnn, torch_layers
from .truth import tuned_probe

__all__ = ["TUNED", "tune"]

TUNED = ("faces", "orientation", "textures", "odd digits")
ROWS = {"faces": 100}
DEFAULT_ROWS = 150
EPOCHS = 10
BATCH = 16
RATE = 1e-3
TEST = 400


def networks():
    """Yield the name, the network and the side of the input of each network to fine-tune."""
    yield from mtcnn()
    yield from mtcnn(trained=False)
    yield "efficientnet", efficientnet(), 32


def tune(name, draw):
    """Fine-tune every network on one draw of a task's rows.

    Returns
    -------
    dict
        As ``cells.measure`` gives it, with ``tuned``, the accuracy after fine-tuning, beside that
        of the probe; the scores are those of the last hidden layer before.
    """
    task = tasks.load(name)
    seed = zlib.crc32(f"tuning {name} {draw}".encode())
    order = np.random.default_rng(seed).permutation(len(task.labels))
    size = ROWS.get(name, DEFAULT_ROWS)
    train, test = order[:size], order[size : size + TEST]
    classes = np.unique(task.labels[train], return_inverse=True)[1]
    sources = []
    for network_name, network, side in networks():
        inputs = as_inputs(task.inputs[np.concatenate([train, test])], side)
        hidden = network[:-1]
        features = torch_layers(hidden, inputs)[-1]
        rows, rest = features[:size], features[size:]
        values, seconds = score_all(rows, classes, seed)
        probe, values["tuned probe"], _ = tuned_probe(
            rows, task.labels[train], rest, task.labels[test], seed
        )
        tuned = _accuracy(hidden, inputs, task.labels[train], task.labels[test], seed % 2**31)
        sources.append(
            {
                "name": network_name,
                "width": rows.shape[1],
                "probe": probe,
                "tuned": tuned,
                "scores": {score: values[score] for score in SCORES},
                "seconds": seconds,
            }
        )
    return {"task": name, "size": size, "draw": draw, "sources": sources}


def _accuracy(hidden, inputs, labels, test_labels, seed):
    """Train all weights and a new linear head; return the accuracy on the test's rows."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    values = torch.from_numpy(inputs)
    with torch.inference_mode():
        width = _pooled(hidden.eval()(values[:2])).shape[1]
    head = nn.Linear(width, int(max(labels.max(), test_labels.max())) + 1)
    optimizer = torch.optim.Adam([*hidden.parameters(), *head.parameters()], lr=RATE)
    targets = torch.from_numpy(labels.astype(np.int64))
    n = len(labels)
    for _ in range(EPOCHS):
        hidden.train()
        for rows in torch.randperm(n).split(BATCH):
            if len(rows) == 1:  # batch norm has no variance to take
                continue
            loss = nn.functional.cross_entropy(head(_pooled(hidden(values[rows]))), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    hidden.eval()
    with torch.inference_mode():
        found = torch.cat([head(_pooled(hidden(part))) for part in values[n:].split(64)])
    return float(np.mean(found.argmax(dim=1).numpy() == test_labels))


def _pooled(values):
    return values.flatten(2).mean(dim=2) if values.ndim > 2 else values
