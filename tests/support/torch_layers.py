"""Small models, labelled tensors and what a collector gathers of them; needs torch."""

import numpy as np
import torch
from torch import nn

from hscore_fast import h_score
from hscore_fast.torch import Collector

ROWS = 120


def labelled(*shape, seed=0, classes=3):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(ROWS) % classes
    x = torch.randn(ROWS, *shape, generator=generator)
    return x + 0.3 * y.reshape(-1, *[1] * len(shape)), y


def score_of(features, labels):
    return h_score(features.detach().double().numpy(), np.asarray(labels))


def collected(model, layers, x, y, **options):
    with Collector(model, layers, **options) as collector:
        for rows, labels in zip(x.split(50), y.split(50), strict=True):
            collector.update(rows, labels)
    return collector


class Tokens(nn.Module):
    """Takes its arguments by name, as models of language do."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 8)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
        )

    def forward(self, input_ids, attention_mask=None):
        x = self.embed(input_ids)
        outside = None if attention_mask is None else attention_mask == 0
        return {"last_hidden_state": self.encoder(x, src_key_padding_mask=outside)}


def sentences(longest=9):
    rng = np.random.default_rng(0)
    labels = np.arange(ROWS) % 3
    texts = [rng.integers(1, 20, rng.integers(3, longest)) + 5 * label for label in labels]
    return texts, labels


def padded(texts):
    longest = max(map(len, texts))
    ids = torch.zeros(len(texts), longest, dtype=torch.int64)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = torch.as_tensor(text)
    return {"input_ids": ids, "attention_mask": (ids > 0).long(), "unknown": None}
