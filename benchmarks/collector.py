"""The cost of collecting layers beside the forward passes, in time of the processors; needs torch.

    python benchmarks/collector.py [--rows 256] [--batch 32] [--size 112] [--rounds 4]

Each round runs every network over all batches without a Collector and with one, in turn; the least
time of each counts, which other work on the machine disturbs least. The networks have random
weights and the shapes of ResNet-18, ResNet-50 and a transformer of six layers, 384 wide. "ranking"
is what `collector.rank()` takes afterwards, with errors and ties.
"""

import argparse
import time
from contextlib import nullcontext

import torch
from torch import nn

from hscore_fast.torch import Collector


class Residual(nn.Module):
    """A block of a residual network, basic or with a bottleneck."""

    def __init__(self, n_in, n_inner, n_out, stride):
        super().__init__()
        if n_out == n_inner:
            sizes = [(n_in, n_inner, 3, stride), (n_inner, n_out, 3, 1)]
        else:
            sizes = [(n_in, n_inner, 1, 1), (n_inner, n_inner, 3, stride), (n_inner, n_out, 1, 1)]
        self.steps = nn.ModuleList(normalized(*size) for size in sizes)
        change = n_in != n_out or stride != 1
        self.shortcut = normalized(n_in, n_out, 1, stride) if change else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = x
        for number, step in enumerate(self.steps, 1):
            y = step(y) if number == len(self.steps) else self.relu(step(y))
        return self.relu(y + self.shortcut(x))


def normalized(n_in, n_out, size, stride):
    """Return a convolution with batch normalization."""
    convolution = nn.Conv2d(n_in, n_out, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(n_out))


def residual_network(counts, widening):
    """Return a network of four stages, so many blocks in each."""
    stem = [normalized(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    network = nn.Sequential(*stem)
    n_in = 64
    for stage, count in enumerate(counts):
        blocks = []
        for number in range(count):
            stride = 2 if stage and not number else 1
            n_inner = 64 * 2**stage
            blocks.append(Residual(n_in, n_inner, widening * n_inner, stride))
            n_in = widening * n_inner
        network.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
    network.add_module("pool", nn.AdaptiveAvgPool2d(1))
    network.add_module("flatten", nn.Flatten())
    network.add_module("fc", nn.Linear(n_in, 1000))
    return network.eval()


def transformer():
    """Return a small encoder of tokens."""
    layer = nn.TransformerEncoderLayer(384, 12, 1536, activation="gelu", batch_first=True)
    encoder = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
    return nn.Sequential(nn.Embedding(1000, 384), encoder, nn.LayerNorm(384)).eval()


def passed(model, batches, labels, collector):
    """Return the seconds of the processors that one pass takes."""
    start = time.process_time()
    with torch.no_grad(), collector or nullcontext():
        for batch, own in zip(batches, labels, strict=True):
            if collector is None:
                model(batch)
            else:
                collector.update(batch, own)
    return time.process_time() - start


def measure(name, model, batches, labels, layers, rounds, **options):
    """Measure one network, and print a row."""
    passed(model, batches[:1], labels[:1], None)
    plain, collected = [], []
    for number in range(rounds):
        collector = Collector(model, layers, **options)
        order = ("plain", "collected") if number % 2 else ("collected", "plain")
        for what in order:
            if what == "plain":
                plain.append(passed(model, batches, labels, None))
            else:
                collected.append(passed(model, batches, labels, collector))
    start = time.process_time()
    ranking = collector.rank()
    ranked = time.process_time() - start
    rows = ranking.best.n_samples
    assert all(entry.n_samples == rows for entry in ranking), "some layer missed a batch"
    assert rows >= sum(map(len, labels))
    rise = min(collected) / min(plain) - 1
    print(
        f"| {name} | {len(ranking)} | {max(e.n_features for e in ranking)} | {rows} | "
        f"{min(plain):.2f} | {100 * rise:+.1f} % | {ranked:.2f} |",
        flush=True,
    )


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=112, help="of the images")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    labels = (torch.arange(options.rows) % 4).split(options.batch)
    images = torch.randn(options.rows, 3, options.size, options.size).split(options.batch)
    texts = torch.randint(0, 1000, (options.rows, 64)).split(options.batch)
    print("| network | layers | widest | rows | forward s | more with layers | ranking s |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    common = {"n_threads": options.threads}
    small, large = residual_network([2] * 4, 1), residual_network([3, 4, 6, 3], 4)
    measure("ResNet-18, blocks", small, images, labels, "layer?.?", options.rounds, **common)
    measure("ResNet-18, all", small, images, labels, "all", options.rounds, **common)
    measure("ResNet-50, last stage", large, images, labels, "layer4.?", options.rounds, **common)
    encoder = transformer()
    rounds = 2 * options.rounds
    measure("transformer, blocks", encoder, texts, labels, "1.layers.?", rounds, **common)
    common["pool"] = "positions"
    name = "transformer, tokens as rows"
    measure(name, encoder, texts, labels, ["1.layers.2", "2"], rounds, **common)


if __name__ == "__main__":
    main()
