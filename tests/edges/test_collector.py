"""The collector of torch layers: the same statistics as from outputs that were stored."""

import numpy as np
import pytest

from hscore_fast import Moments, h_score, regularized_h_score

torch = pytest.importorskip("torch")
from hscore_fast.torch import Collector  # noqa: E402

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
        collector.update(images, labels)
    assert collector.moments["3"].n_samples == 2 * len(images)


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
        with pytest.raises(RuntimeError, match="layer '0' ran 2 times"), twice:
            model(model(images)[:, :1, None, None].expand(-1, 1, 8, 8))
        with pytest.raises(RuntimeError, match="shape"):  # torch's own, of the model
            collector.update(images[:, :, :5, :5], labels)
        assert collector.moments == before
        collector.update(images, labels)
    assert collector.moments["3"].n_samples == 2 * len(images)


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
    with (
        Collector(recurrent, ["0"], pool=lambda output: None) as collector,
        pytest.raises(TypeError, match="layer '0' gave NoneType, not a tensor"),
    ):
        collector.update(tokens, y)


def test_bad_arguments(model) -> None:
    with pytest.raises(ValueError, match=r"no layer 'layer4'; there are '0', '1', '2'"):
        Collector(model, ["layer4"])
    with pytest.raises(ValueError, match="layers is empty"):
        Collector(model, [])
    with pytest.raises(TypeError, match="must be a list of names, got the string '0'"):
        Collector(model, "0")
    with pytest.raises(ValueError, match="pool must be 'mean', 'flatten' or a function"):
        Collector(model, ["0"], pool="max")
    with (
        Collector(model, ["0"]) as collector,
        pytest.raises(RuntimeError, match="in use already"),
        collector,
    ):
        pass


@pytest.mark.parametrize("interrupted", [1, 2])
@pytest.mark.parametrize("done", [False, True])
def test_an_interrupt_leaves_no_layer_behind_the_others(model, batches, interrupted, done) -> None:
    """At the first layer or at the second, before its update or behind it."""
    with Collector(model, ["0", "3"], pool="flatten") as collector:
        collector.update(*batches[0])
        calls = []
        update = Moments.update

        def broken(moments, *given, **options):
            calls.append(1)
            if len(calls) == interrupted:
                if done:
                    update(moments, *given, **options)
                raise KeyboardInterrupt
            return update(moments, *given, **options)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Moments, "update", broken)
            with pytest.raises(KeyboardInterrupt):
                collector.update(*batches[1])
        taken_in = interrupted == 2 or done
        expected = 100 if taken_in else 50
        assert [found.n_samples for found in collector.moments.values()] == [expected] * 2
        collector.update(*batches[2])
    with Collector(model, ["0", "3"], pool="flatten") as again:
        for batch in (batches[0], *([batches[1]] if taken_in else []), batches[2]):
            again.update(*batch)
    assert collector.moments == again.moments


def test_a_layer_whose_width_changes_adds_the_batch_to_none(model, batches) -> None:
    with Collector(model, ["3", "0"], pool=lambda x: x.reshape(len(x), -1)) as collector:
        collector.update(*batches[0])
        collector._pool = lambda x: x.reshape(len(x), -1)[:, :10]
        with pytest.raises(ValueError, match="layer '0' gave 10 columns, and 36 before"):
            collector.update(*batches[1])
    assert [found.n_samples for found in collector.moments.values()] == [50, 50]
