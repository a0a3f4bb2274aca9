"""Which rows a collector takes: padding, tokens and pixels, ignored labels, groups, repetitions."""

import numpy as np
import pytest

from hscore_fast import RepeatedRowsWarning, cross_validated_h_score, rank_sources

torch = pytest.importorskip("torch")
from torch_layers import (  # noqa: E402
    ROWS,
    Tokens,
    collected,
    labelled,
    padded,
    score_of,
    sentences,
)

from hscore_fast.torch import Collector  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
nn = torch.nn


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # work so small is slower with more
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("pool", "nested"),
    [("mean", False), ("mean", True), *((p, False) for p in ("max", "first", "last", "positions"))],
)
def test_padding_does_not_matter(pool, nested) -> None:
    """Batches of one sentence have no padding."""
    model = Tokens().eval()
    model.encoder.enable_nested_tensor = nested
    texts, labels = sentences()
    texts, labels = texts[:66], labels[:66]
    layers = ["embed", "encoder.layers.*", "output"]
    scores = []
    for size in (1, 8, 64):
        with Collector(model, layers, pool=pool) as collector:
            for start in range(0, len(texts), size):
                part = slice(start, start + size)
                collector.update(padded(texts[part]), labels[part])
        assert set(collector.moments) >= {"embed", "encoder.layers.0", "output"}
        scores.append([entry.score for entry in sorted(collector.rank(), key=lambda e: e.name)])
        if pool == "positions":
            assert collector.moments["embed"].n_samples == sum(map(len, texts))
    assert scores[1] == pytest.approx(scores[0], rel=1e-4)
    assert scores[2] == pytest.approx(scores[0], rel=1e-4)


def test_a_pool_may_take_the_mask() -> None:
    model = Tokens().eval()
    texts, labels = sentences()
    inputs = padded(texts)

    def weighted(x, mask):
        return (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)

    with Collector(model, "output", pool=weighted) as collector:
        collector.update(inputs, labels)
    with Collector(model, "output") as mean:
        mean.update(inputs, labels, mask=inputs["attention_mask"].tolist())
    with Collector(model, "output") as unmasked:
        unmasked.update(inputs, labels, mask=False)
    assert collector.h_scores() == pytest.approx(mean.h_scores(), rel=1e-5)
    assert unmasked.h_scores() != pytest.approx(mean.h_scores(), rel=1e-3)
    with (
        Collector(model, "output") as other,
        pytest.raises(ValueError, match="the mask is of shape"),
    ):
        other.update(inputs, labels, mask=inputs["attention_mask"][:, 1:])
    nothing = inputs["attention_mask"] * 0
    with Collector(model, "embed") as other, pytest.raises(ValueError, match="leaves no token"):
        other.update(inputs, labels, mask=nothing)


def test_tokens_as_rows_with_their_sample_as_the_group() -> None:
    model = Tokens().eval()
    texts, labels = sentences()
    inputs = padded(texts)
    tags = torch.full_like(inputs["input_ids"], -100)
    for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
        tags[row, 1 : len(text)] = torch.as_tensor((text[1:] + label) % 3)  # the first is ignored
    with Collector(model, "output", pool="positions") as collector:
        for part in (slice(0, 70), slice(70, ROWS)):
            collector.update({k: v and v if v is None else v[part] for k, v in inputs.items()},
                             tags[part])  # fmt: skip
    kept = tags != -100
    with torch.no_grad():
        features = model(inputs["input_ids"], inputs["attention_mask"])["last_hidden_state"][kept]
    groups = torch.arange(ROWS)[:, None].expand_as(tags)[kept].numpy()
    found = collector.rank()
    expected = cross_validated_h_score(features.numpy(), tags[kept].numpy(), groups=groups)
    assert found.best.score == pytest.approx(expected, rel=1e-5)
    assert found.errors_from == "groups"
    assert collector.moments["output"].n_samples == int(kept.sum())
    with Collector(model, "output") as pooled, pytest.raises(ValueError, match="pool='positions'"):
        pooled.update(inputs, tags)
    with (
        Collector(model, "output", pool="positions") as other,
        pytest.raises(ValueError, match="labels has 3 entries a sample"),
    ):
        other.update(inputs, tags[:, :3])


def test_pixels_as_rows() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1)).eval()
    x, y = labelled(3, 2, 2)
    found = collected(model, ["0"], x, y, pool="positions")
    features = model(x).permute(0, 2, 3, 1).reshape(-1, 4)
    labels = y.repeat_interleave(4)
    assert found.h_scores()["0"] == pytest.approx(score_of(features, labels), rel=1e-5)
    expected = cross_validated_h_score(
        features.detach().numpy(), labels.numpy(), groups=np.arange(ROWS).repeat(4)
    )
    assert found.rank().best.score == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("ignored", [-100, [7, -100]])
def test_labels_of_minus_100_are_ignored(ignored) -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    x, y = labelled(4)
    y[::5] = -100
    found = collected(model, ["0"], x, y, ignore_label=ignored)
    assert found.moments["0"].classes == [0, 1, 2]
    expected = score_of(model(x)[y >= 0], y[y >= 0])
    assert found.h_scores()["0"] == pytest.approx(expected, rel=1e-6)
    counted = collected(model, ["0"], x, y, ignore_label=None)
    assert set(counted.moments["0"].classes) == {0, 1, 2, -100}


def test_labels_of_text_are_not_ignored() -> None:
    x, y = labelled(4)
    names = np.array(["a", "b", "c"])[y.numpy()]
    with Collector(nn.Linear(4, 3), "output") as collector:
        collector.update(x, names)
    assert collector.moments["output"].classes == ["a", "b", "c"]


def test_groups_are_held_out_together() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    x, y = labelled(4)
    groups = np.arange(ROWS) // 6
    with Collector(model, ["0"]) as collector:
        collector.update(x[:50], y[:50], groups=groups[:50])
        collector.update(x[50:], y[50:], groups=groups[50:])
        with pytest.raises(ValueError, match="with every batch, or with none"):
            collector.update(x[50:] + 1, y[50:])
    expected = rank_sources(
        {"0": model(x).detach().numpy()}, y.numpy(), by="cross_validated_h_score", groups=groups
    )
    found = collector.rank()
    assert found.best.score == pytest.approx(expected.best.score, rel=1e-6)
    assert found.best.standard_error == pytest.approx(expected.best.standard_error, rel=1e-6)


def test_a_second_pass_is_noticed() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    x, y = labelled(4)
    with Collector(model, ["0"]) as collector:
        for rows, labels in zip(x.split(40), y.split(40), strict=True):
            collector.update(rows, labels)
        order = torch.randperm(ROWS)
        with pytest.warns(RepeatedRowsWarning, match="second pass over the loader"):
            collector.update(x[order][:40], y[order][:40])
        collector.update(x[order][40:], y[order][40:])  # told once
    texts, labels = sentences()
    with Collector(Tokens().eval(), "output") as collector:
        for part in (slice(0, 60), slice(60, ROWS)):
            collector.update(padded(texts[part]), labels[part])
        with pytest.warns(RepeatedRowsWarning):  # padded to another length
            collector.update(padded(texts[30:50]), labels[30:50])


def test_few_different_whole_numbers_are_no_second_pass() -> None:
    x = torch.arange(ROWS)[:, None] % 4
    with Collector(nn.Embedding(4, 3), "output") as collector:
        collector.update(x[:60], np.arange(60) % 3)
        collector.update(x[60:], np.arange(60) % 3)
    assert collector.moments["output"].n_samples == ROWS
