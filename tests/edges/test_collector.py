"""The collector of torch layers: the same statistics as from outputs that were stored."""

import numpy as np
import pytest

from hscore_fast import Moments, h_score, rank_sources, regularized_h_score

torch = pytest.importorskip("torch")
from hscore_fast.torch import Collector  # noqa: E402
from hscore_fast.torch import rows as rows_module  # noqa: E402

ROWS, CLASSES = 240, 4


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    nn = torch.nn
    # Fewer outputs than the 49 pixels that they see: else they would depend on each other but for
    # rounding.
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 9, 10),
        nn.Linear(10, CLASSES),
    ).eval()


@pytest.fixture(scope="module")
def batches():
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, CLASSES, (ROWS,), generator=generator)
    images = torch.randn(ROWS, 1, 8, 8, generator=generator) + labels[:, None, None, None] * 0.1
    return list(zip(images.split(50), labels.split(50), strict=True))


def stored(model, batches, layers):
    """Give the first layers' outputs and the labels, all of them in memory."""
    with torch.no_grad():
        x = torch.cat([model[: layers + 1](images) for images, _ in batches])
    return x, torch.cat([labels for _, labels in batches]).numpy()


@pytest.mark.parametrize(
    ("pool", "pooled"),
    [
        ("mean", lambda x: x.mean((2, 3))),
        ("flatten", lambda x: x.flatten(1)),
        (lambda x: x.amax((2, 3)), lambda x: x.amax((2, 3))),
    ],
    ids=["mean", "flatten", "callable"],
)
def test_scores_of_a_convolution(model, batches, pool, pooled) -> None:
    x, y = stored(model, batches, 0)
    expected = pooled(x).double().numpy()
    with Collector(model, ["0"], pool=pool) as collector:
        for images, labels in batches:
            collector.update(images, labels)
    assert collector.moments["0"].n_samples == ROWS
    # The mean is taken by torch in float32, in one order here and in another there.
    assert collector.h_scores()["0"] == pytest.approx(h_score(expected, y), rel=1e-4)
    row = collector.scores()["0"]
    assert row["n_features"] == expected.shape[1]
    assert row["regularized_h_score"] == pytest.approx(regularized_h_score(expected, y), rel=1e-4)


def test_several_layers_in_the_order_asked_for(model, batches) -> None:
    with Collector(model, ["4", "3", "1"]) as collector:
        for images, labels in batches:
            with torch.inference_mode(), collector.batch(labels):
                model(images)
    assert list(collector.h_scores()) == ["4", "3", "1"]
    for layer in (3, 4):
        x, y = stored(model, batches, layer)
        expected = h_score(x.double().numpy(), y)
        assert collector.h_scores()[str(layer)] == pytest.approx(expected, rel=1e-5)
    lines = str(collector).splitlines()
    assert [line.split()[0] for line in lines] == ["layer", "4", "3", "1"]
    assert repr(collector) == f"Collector(layers=['4', '3', '1'], n_samples={ROWS})"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_types_that_numpy_may_not_know(dtype) -> None:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    y = torch.arange(40) % 3
    with Collector(torch.nn.Sequential(torch.nn.Identity()), ["0"]) as collector:
        collector.update(x, y)
    expected = h_score(x.double().numpy(), y.numpy())
    assert collector.h_scores()["0"] == pytest.approx(expected, rel=1e-12)


def test_hooks_are_gone_afterwards(model, batches) -> None:
    images, labels = batches[0]
    with Collector(model, ["0", "3"]) as collector:
        collector.update(images, labels)
    model(images)  # without labels, and nobody minds
    assert collector.moments["0"].n_samples == len(images)
    with pytest.raises(RuntimeError, match="the layers are not hooked"):
        collector.update(images, labels)

    def fail() -> None:
        with Collector(model, ["0"]):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert all(not module._forward_hooks for module in model.modules())
    with collector:  # and it goes on where it was
        collector.update(*batches[1])
    assert collector.moments["3"].n_samples == 100


def test_a_batch_that_fails_changes_nothing(model, batches) -> None:
    images, labels = batches[0]
    with Collector(model, ["0", "3"]) as collector:
        collector.update(images, labels)
        before = {layer: found.copy() for layer, found in collector.moments.items()}
        with pytest.raises(ValueError, match="labels has 49 entries, but layer '0' gave 50 rows"):
            collector.update(images, labels[1:])
        bad = images.clone()
        bad[3] = float("nan")
        with pytest.raises(ValueError, match="layer '0' gave values that are not finite"):
            collector.update(bad, labels)
        with pytest.raises(RuntimeError, match="the model ran without labels"):
            model(images)
        with pytest.raises(RuntimeError, match="layer '0' ran 0 times"), collector.batch(labels):
            pass
        twice = collector.batch(labels)
        with pytest.raises(RuntimeError, match="the model ran 2 times"), twice:
            model(model(images)[:, :1, None, None].expand(-1, 1, 8, 8))
        with pytest.raises(RuntimeError, match="shape"):  # torch's own, of the model
            collector.update(images[:, :, :5, :5], labels)
        assert collector.moments == before
        collector.update(*batches[1])
    assert collector.moments["3"].n_samples == 100


def test_gradients_do_not_matter(model, batches) -> None:
    images, labels = batches[0]
    with Collector(model, ["3"]) as collector, collector.batch(labels):
        model(images).sum().backward()
    assert collector.moments["3"].n_samples == len(images)


def test_outputs_of_other_shapes() -> None:
    tokens = torch.randn(12, 5, 4)
    y = np.arange(12) % 2
    identity = torch.nn.Sequential(torch.nn.Identity())
    with (
        Collector(identity, ["0"]) as collector,
        pytest.raises(ValueError, match=r"shape \(12, 5, 4\), which may be \(samples, tokens"),
    ):
        collector.update(tokens, y)
    with Collector(identity, ["0"], pool=lambda x: x.mean(1)) as collector:
        collector.update(tokens, y)
    expected = h_score(tokens.mean(1).double().numpy(), y)
    assert collector.h_scores()["0"] == pytest.approx(expected, rel=1e-5)
    recurrent = torch.nn.Sequential(torch.nn.GRU(4, 3, batch_first=True))
    with Collector(recurrent, ["0"], pool="flatten") as collector:  # gives (outputs, state)
        collector.update(tokens, y)
    assert collector.moments["0"].n_features == 15
    with Collector(recurrent, ["0"], pool=lambda x: x[:, 0]) as collector:  # the first tensor
        collector.update(tokens, y)
    assert collector.moments["0"].n_features == 3
    with (
        Collector(recurrent, ["0"], pool=lambda output: None) as collector,
        pytest.raises(TypeError, match="pool gave NoneType for layer '0'"),
    ):
        collector.update(tokens, y)


def test_bad_arguments(model) -> None:
    with pytest.raises(ValueError, match=r"no layer 'layer4'; there are '0', '1', '2'"):
        Collector(model, ["layer4"])
    with pytest.raises(ValueError, match="layers is empty"):
        Collector(model, [])
    with pytest.raises(TypeError, match=r"layers must be names as in .*, got Conv2d"):
        Collector(model, [model[0]])
    with pytest.raises(ValueError, match="pool must be a function or one of auto, mean"):
        Collector(model, ["0"], pool="median")
    with pytest.raises(TypeError, match="keys of pool must be layers' names, patterns or types"):
        Collector(model, ["0"], pool={0: "mean"})
    with (
        Collector(model, ["0"]) as collector,
        pytest.raises(RuntimeError, match="in use already"),
        collector,
    ):
        pass


class InterruptedOnce(dict):
    """Lists of rows, of which one is not reached before Ctrl-C."""

    reached = 0

    def setdefault(self, name, default):
        self.reached += 1
        if self.reached == self.at:
            raise KeyboardInterrupt
        return super().setdefault(name, default)


@pytest.mark.parametrize("at", [1, 2])
def test_an_interrupt_leaves_no_layer_behind_the_others(model, batches, at) -> None:
    with Collector(model, ["0", "3"], pool="flatten") as collector:
        collector.update(*batches[0])
        collector._store._kept = InterruptedOnce(collector._store._kept)
        collector._store._kept.at = at
        with pytest.raises(KeyboardInterrupt):
            collector.update(*batches[1])
        assert [found.n_samples for found in collector.moments.values()] == [100, 100]
        collector.update(*batches[2])
    with Collector(model, ["0", "3"], pool="flatten") as again:
        for batch in batches[:3]:
            again.update(*batch)
    assert collector.moments == again.moments


@pytest.mark.parametrize("interrupted", [1, 9])
@pytest.mark.parametrize("done", [False, True])
def test_an_interrupt_while_rows_become_statistics(
    model, batches, interrupted, done, monkeypatch
) -> None:
    """At a block of the first layer or of the second, before its update or behind it."""
    monkeypatch.setattr(rows_module, "most_bytes", lambda *_: 0)
    calls = []
    update = Moments.update

    def broken(moments, *given, **options):
        calls.append(1)
        if len(calls) == interrupted:
            if done:
                update(moments, *given, **options)
            raise KeyboardInterrupt
        return update(moments, *given, **options)

    with Collector(model, ["0", "3"], n_blocks=5) as collector, monkeypatch.context() as patched:
        patched.setattr(Moments, "update", broken)
        with pytest.raises(KeyboardInterrupt):
            collector.update(*batches[0])
        collector.update(*batches[1])
    with Collector(model, ["0", "3"], n_blocks=5) as again:
        for batch in batches[:2]:
            again.update(*batch)
    assert collector.moments == again.moments


def test_a_layer_whose_width_changes_adds_the_batch_to_none(model, batches) -> None:
    widths = iter([36, 10])
    ways = {"0": lambda x: x.reshape(len(x), -1)[:, : next(widths)]}
    with Collector(model, ["3", "0"], pool=ways) as collector:
        collector.update(*batches[0])
        with pytest.raises(ValueError, match="layer '0' gave 10 columns, and 36 before"):
            collector.update(*batches[1])
    assert [found.n_samples for found in collector.moments.values()] == [50, 50]


@pytest.mark.parametrize("kept", [True, False])
def test_a_ranking_is_that_of_stored_features(model, batches, kept, monkeypatch) -> None:
    if not kept:
        monkeypatch.setattr(rows_module, "most_bytes", lambda *_: 0)
    sources = {}
    for layer in (3, 4):
        x, y = stored(model, batches, layer)
        sources[str(layer)] = x.numpy()
    expected = rank_sources(sources, y, by="cross_validated_h_score")
    with Collector(model, ["3", "4"]) as collector:
        for batch in batches:
            collector.update(*batch)
    found = collector.rank()
    assert found.names == expected.names
    assert [e.score for e in found] == pytest.approx([e.score for e in expected], rel=1e-6)
    errors = [e.standard_error for e in expected]
    assert found.errors_from == ("rows" if kept else "folds")
    # Those of five folds are themselves known to some 35 %.
    assert [e.standard_error for e in found] == pytest.approx(errors, rel=1e-6 if kept else 0.7)
