"""Models ranked in one pass of a loader: as stored features scored by rank_sources."""

import io
import sys

import numpy as np
import pytest

from hscore_fast import RepeatedRowsWarning, rank_sources

torch = pytest.importorskip("torch")
from torch_layers import ROWS, Tokens, labelled, padded, sentences  # noqa: E402

from hscore_fast.torch import Collector, rank_models  # noqa: E402
from hscore_fast.torch import rows as rows_module  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:`?torch.jit:DeprecationWarning")
nn = torch.nn
BY = "cross_validated_h_score"


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data():
    return labelled(3, 6, 6)


def loader(x, y, size=32, shuffle=False):
    rows = list(zip(x, y, strict=True))
    return torch.utils.data.DataLoader(rows, batch_size=size, shuffle=shuffle)


def convolutional():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10),
    ).train()  # fmt: skip


def patches():
    return nn.Sequential(nn.Flatten(2), nn.Linear(36, 8), nn.LayerNorm(8))


def pixels(x):
    return x.flatten(1)[:, ::9]


def features_of(models, x):
    """Give what the default layers are, the models in evaluation mode."""
    network, tokens, plain = (m.eval() if isinstance(m, nn.Module) else m for m in models.values())
    with torch.no_grad():
        return {
            "convolutional:6.input": network[:6](x).numpy(),
            "patches:output": tokens(x).mean(1).numpy(),
            "pixels:output": plain(x).numpy(),
        }


@pytest.mark.parametrize("kept", [True, False])
def test_the_ranking_of_stored_features(data, kept, monkeypatch) -> None:
    if not kept:
        monkeypatch.setattr(rows_module, "most_bytes", lambda *_: 0)
    models = {"convolutional": convolutional(), "patches": patches(), "pixels": pixels}
    found = rank_models(models, loader(*data))
    assert models["convolutional"].training  # as it was
    assert models["convolutional"][3].training
    expected = rank_sources(features_of(models, data[0]), data[1].numpy(), by=BY)
    assert found.names == expected.names
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-5)
        if kept:
            assert one.standard_error == pytest.approx(other.standard_error, rel=1e-4)
            assert one.accuracy == pytest.approx(other.accuracy)
    assert found.errors_from == ("rows" if kept else "folds")
    assert not any(module._forward_hooks for module in models["patches"].modules())


def test_a_loader_may_shuffle(data) -> None:
    models = {"convolutional": convolutional(), "again": convolutional(), "pixels": pixels}
    models["again"].load_state_dict(models["convolutional"].state_dict())
    found = rank_models(models, loader(*data, shuffle=True))
    scores = {entry.name: entry for entry in found}
    one, same = scores["convolutional:6.input"], scores["again:6.input"]
    assert one.score == same.score
    difference, error = found.difference(one.name, same.name)
    assert (difference, error) == (0, 0)
    assert one.n_samples == ROWS
    assert one.accuracy > 0.5  # labels went with their batches


def test_a_model_that_fails_does_not_lose_the_others(data) -> None:
    class Fails(nn.Module):
        seen = 0

        def forward(self, x):
            self.seen += 1
            if self.seen == 3:
                raise OSError("no more")
            return x.flatten(1)[:, :5]

    models = {
        "fails": Fails(),
        "pixels": pixels,
        "nothing": lambda x: None,
        "not finite": lambda x: pixels(x) / 0,
        "wider": lambda x: x.flatten(1)[:, : len(x)],
        "scripted": torch.jit.script(nn.Identity()),
    }
    layers = {"scripted": ["0"], "fails": "output"}
    found = rank_models(models, loader(*data), layers=layers)
    assert found.best.name == "pixels:output"
    errors = {entry.name: entry.error for entry in found.failed}
    assert set(errors) == {"fails", "nothing", "not finite", "wider", "scripted"}
    assert errors["fails"] == "OSError: no more"
    assert "gave NoneType, which holds no tensor" in errors["nothing"]
    assert "'not finite:output' gave values that are not finite" in errors["not finite"]
    assert "gave 24 columns, and 32 before" in errors["wider"]
    assert "cannot" in errors["scripted"] or "only layers='output'" in errors["scripted"]
    assert found.covariance.shape == (6, 6)
    assert np.isnan(found.covariance[1:]).all()
    assert "fails was not scored: OSError: no more" in str(found)
    with pytest.raises(OSError, match=r"models\['fails'\]: no more"):
        rank_models({"fails": Fails()}, loader(*data))


def test_layers_of_several_models(data) -> None:
    models = {"one": convolutional(), "two": patches()}
    found = rank_models(
        models, loader(*data), layers={"one": ["0", "1"]}, pool={"one:0": "max", nn.Conv2d: "first"}
    )
    assert set(found.names) == {"one:0", "one:1", "two:output"}
    with Collector(models["one"].eval(), ["0"], pool="max") as collector:
        collector.update(*data)
    scores = {entry.name: entry.h_score for entry in found}
    assert scores["one:0"] == pytest.approx(collector.h_scores()["0"], rel=1e-5)
    everything = rank_models(models, loader(*data), layers="all")
    # Dropout and Flatten give what comes before them, and what the second model's first gives could
    # be tokens or channels.
    names = {f"one:{layer}" for layer in (0, 1, 2, 4, 6)} | {"two:1", "two:2"}
    assert set(everything.names) == names
    with pytest.raises(ValueError, match="layers names 'three', and the models are 'one', 'two'"):
        rank_models(models, loader(*data), layers={"three": "all"})


def test_models_that_share_modules(data) -> None:
    model = convolutional()
    found = rank_models({"whole": model, "part": model[:3]}, loader(*data), layers={"part": "2"})
    scores = {entry.name: entry.score for entry in found}
    assert scores["part:2"] == pytest.approx(scores["whole:6.input"], rel=1e-6)


def test_batches_of_tensors_by_name() -> None:
    texts, labels = sentences()
    groups = np.arange(ROWS) // 4
    batches = []
    for start in range(0, ROWS, 40):
        part = slice(start, start + 40)
        own = {"label": torch.as_tensor(labels[part]), "document": groups[part].tolist()}
        batches.append({**padded(texts[part]), **own})

    def lengths(batch):
        return batch["attention_mask"].sum(1, keepdim=True)

    models = {"tokens": Tokens(), "untrained": Tokens(), "lengths": lengths}
    found = rank_models(models, batches, groups="document")
    assert found.errors_from == "groups"
    assert found.names[-1] == "lengths:output"
    inputs = padded(texts)
    with torch.no_grad():
        output = models["tokens"].eval()(inputs["input_ids"], inputs["attention_mask"])
    mask = inputs["attention_mask"][:, :, None]
    features = (output["last_hidden_state"] * mask).sum(1) / mask.sum(1)
    expected = rank_sources({"": features.numpy()}, labels, by=BY, groups=groups).best
    score = {entry.name: entry for entry in found}["tokens:output"]
    assert score.score == pytest.approx(expected.score, rel=1e-5)
    assert score.standard_error == pytest.approx(expected.standard_error, rel=1e-4)


def test_where_the_parts_of_a_batch_are(data) -> None:
    x, y = data
    numbers = torch.arange(ROWS)
    expected = rank_models({"pixels": pixels}, [(x, y)]).best.score
    ways = [
        ([(x, numbers, y)], {"inputs": 0}),
        ([(y, x)], {"labels": 0}),
        ([{"image": x, "y": y}], {"inputs": "image"}),
        ([{"image": x, "kind": y}], {"inputs": lambda batch: batch["image"], "labels": "kind"}),
        ([[x, y]], {}),
        ([x], {"inputs": lambda batch: batch, "labels": lambda batch: y}),
    ]
    for batches, options in ways:
        assert rank_models({"pixels": pixels}, batches, **options).best.score == expected
    two = rank_models({"two": lambda x, y: pixels(x) + 0 * y[:, None]}, [(x, numbers, y)])
    assert two.best.score == pytest.approx(expected, rel=1e-9)
    with pytest.raises(ValueError, match="the batch has no labels: its keys are 'image'"):
        rank_models({"pixels": pixels}, [{"image": x}])
    with pytest.raises(ValueError, match="labels='kind' is not in the batch, which has the keys"):
        rank_models({"pixels": pixels}, [{"image": x}], labels="kind")
    with pytest.raises(ValueError, match=r"the loader gave Tensor, not \(inputs, labels\)"):
        rank_models({"pixels": pixels}, [x])
    with pytest.raises(ValueError, match="no rows were seen"):
        rank_models({"pixels": pixels}, [])


def test_ignored_labels_and_text(data) -> None:
    x, y = data
    some = y.clone()
    some[::3] = -100
    kept = some != -100
    found = rank_models({"pixels": pixels}, loader(x, some)).best
    expected = rank_sources({"": pixels(x)[kept].numpy()}, y[kept].numpy(), by=BY).best
    assert found.n_samples == int(kept.sum())
    assert found.score == pytest.approx(expected.score, rel=1e-6)
    names = [f"class {label}" for label in y.tolist()]
    texts = rank_models({"pixels": lambda x: pixels(x).numpy()}, [(x, names)]).best
    assert texts.score == pytest.approx(rank_models({"pixels": pixels}, [(x, y)]).best.score)


def test_a_second_pass_is_noticed(data) -> None:
    with pytest.warns(RepeatedRowsWarning):
        rank_models({"pixels": pixels}, [*loader(*data), *loader(*data)])


@pytest.mark.parametrize("by", ["adjusted_h_score", "h_score", "regularized_h_score"])
@pytest.mark.parametrize("kept", [True, False])
def test_other_scores(data, by, kept, monkeypatch) -> None:
    if not kept:
        monkeypatch.setattr(rows_module, "most_bytes", lambda *_: 0)
    found = rank_models({"pixels": pixels}, loader(*data), by=by).best
    expected = rank_sources({"": pixels(data[0]).numpy()}, data[1].numpy(), by=by).best
    assert found.score == pytest.approx(expected.score, rel=1e-6)
    with pytest.raises(ValueError, match="groups need by='cross_validated_h_score'"):
        rank_models({"p": pixels}, [(*data, data[1])], by=by, groups=1, inputs=0)


def test_progress(data, monkeypatch) -> None:
    calls = []
    batches = loader(*data, size=40)
    rank_models({"pixels": pixels}, batches, progress=lambda *call: calls.append(call))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    rank_models({"p": pixels}, (b for b in batches), progress=lambda *call: calls.append(call))
    assert calls[3:] == [(1, None), (2, None), (3, None)]
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    rank_models({"pixels": pixels}, batches)
    assert not screen.getvalue()
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    rank_models({"pixels": pixels}, batches)
    assert screen.getvalue().endswith("\r3 of 3 batches\n")
    with pytest.raises(TypeError, match="progress must be True, False or a function, got 3"):
        rank_models({"pixels": pixels}, batches, progress=3)


def test_models_are_moved_and_brought_back(data) -> None:
    class Looks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", torch.zeros(1))
            self.moved = []

        def to(self, device):
            self.moved.append(str(device))
            return self

        def forward(self, x):
            return pixels(x)

    model = Looks()
    rank_models({"looks": model}, loader(*data), device="other")
    assert model.moved == ["other", "cpu"]


def test_bad_arguments(data) -> None:
    for models in ({}, [pixels]):
        with pytest.raises((TypeError, ValueError), match="models"):
            rank_models(models, loader(*data))
    with pytest.raises(ValueError, match="by must be"):
        rank_models({"pixels": pixels}, loader(*data), by="accuracy")
    with pytest.raises(ValueError, match="pool must be"):
        rank_models({"pixels": pixels}, loader(*data), pool="median")
