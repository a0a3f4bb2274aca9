"""The collector on modules that overwrite, repeat, compile, replicate or quantize their layers."""

import pytest

from hscore_fast import TrainingModeWarning

torch = pytest.importorskip("torch")
from torch_layers import ROWS, collected, labelled, score_of  # noqa: E402

from hscore_fast.torch import Collector  # noqa: E402

# Of torch itself, on quantized and scripted modules.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`?torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning"),
    pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning"),
]
nn = torch.nn


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # work so small is slower with more
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("pool", ["auto", "flatten", lambda x: x, lambda x: x[:, :]])
def test_what_a_layer_gave_before_it_was_overwritten(pool) -> None:
    model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(inplace=True), nn.Linear(16, 8)).eval()
    x, y = labelled(20)
    found = collected(model, ["0", "1"], x, y, pool=pool).h_scores()
    assert found["0"] == pytest.approx(score_of(model[0](x), y), rel=1e-6)
    assert found["1"] == pytest.approx(score_of(model[0](x).relu(), y), rel=1e-6)
    assert found["0"] > 1.05 * found["1"]


@pytest.mark.parametrize("pool", ["flatten", lambda o: o[:, :, 0, 0], "first"])
def test_a_convolution_before_it_was_overwritten(pool) -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True)).eval()
    x, y = labelled(3, 4, 4)
    found = collected(model, ["1"], x, y, pool=pool).h_scores()["1"]
    output = model[1](model[0](x))
    expected = output.flatten(1) if pool == "flatten" else output[:, :, 0, 0]
    assert found == pytest.approx(score_of(expected, y), rel=1e-5)


class Twice(nn.Module):
    """Uses one ReLU twice, as torchvision's blocks do, and knows it by two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 4)
        self.relu = nn.ReLU()
        self.again = self.relu

    def forward(self, x):
        return self.again(self.second(self.relu(self.first(x))))


def test_a_module_that_runs_twice_has_a_name_for_each_call() -> None:
    model = Twice().eval()
    x, y = labelled(6)
    once = model.first(x).relu()
    expected = {"relu#1": score_of(once, y), "relu#2": score_of(model.second(once).relu(), y)}
    found = collected(model, ["relu"], x, y)
    assert found.h_scores() == pytest.approx(expected, rel=1e-5)
    assert found.moments["relu#2"].n_samples == ROWS
    assert collected(model, "relu#2", x, y).h_scores() == pytest.approx(
        {"relu#2": expected["relu#2"]}, rel=1e-5
    )
    assert list(collected(model, ["again"], x, y).h_scores()) == ["again#1", "again#2"]
    with pytest.raises(RuntimeError, match="layer 'relu#3' is asked for, and it ran 2 times"):
        collected(model, ["relu#3"], x, y)


def test_a_module_that_runs_more_often_than_before_is_an_error() -> None:
    class Loops(nn.Module):
        times = 1

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            for _ in range(self.times):
                x = self.layer(x)
            return x

    model = Loops()
    x, y = labelled(4)
    with Collector(model, ["layer"]) as collector:
        collector.update(x[:50], y[:50])
        model.times = 2
        with pytest.raises(RuntimeError, match="'layer' ran 2 times in this batch, and 1 before"):
            collector.update(x[50:], y[50:])
    assert collector.moments["layer"].n_samples == 50


def test_all_layers_of_a_residual_network() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))) + x)

    model = nn.Sequential()
    model.add_module("stem", nn.Conv2d(1, 4, 3))
    model.add_module("layer1", nn.Sequential(Block(), Block()))
    model.add_module("pool", nn.AdaptiveAvgPool2d(1))
    model.add_module("flatten", nn.Flatten())
    model.add_module("fc", nn.Linear(4, 3))
    model.eval()
    x, y = labelled(1, 8, 8)
    found = collected(model, "all", x, y)
    block = [f"layer1.0.{name}" for name in ("conv1", "bn1", "relu#1", "conv2", "bn2")]
    other = [name.replace("1.0", "1.1") for name in block]
    names = {"stem", "layer1", "layer1.0", *block, *other, "pool", "fc"}
    assert set(found.h_scores()) == names
    assert found.left_out["layer1.1"] == "it gives what 'layer1' gives"
    assert found.left_out["flatten"] == "it gives what 'pool' gives"
    expected = score_of(model.layer1[0](model.stem(x)).mean((2, 3)), y)
    assert found.h_scores()["layer1.0"] == pytest.approx(expected, rel=1e-4)
    assert set(found.rank().names) == names
    chosen = collected(model, ["layer1.?", "fc"], x, y)
    assert list(chosen.h_scores()) == ["layer1.0", "layer1.1", "fc"]
    ways = {nn.Conv2d: "max", "layer1.*": "flatten", "fc": "mean"}
    pooled = collected(model, ["stem", "layer1.?", "fc"], x, y, pool=ways).moments
    assert [found.n_features for found in pooled.values()] == [4, 144, 144, 3]


def test_all_layers_leave_out_those_that_cut_samples_to_pieces() -> None:
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside = nn.Linear(4, 5)

        def forward(self, x):
            return self.inside(x.reshape(-1, 3, 4)).reshape(len(x), 6, 5)

    model = nn.Sequential(Windows(), nn.LayerNorm(5))
    x, y = labelled(6, 4)
    found = collected(model, "all", x, y)
    assert list(found.h_scores()) == ["0", "1"]
    assert found.left_out == {"0.inside": "it gave 100 rows for 50 samples"}
    with pytest.raises(ValueError, match=r"labels has 50 entries, but layer '0\.inside' gave 100"):
        collected(model, ["0.inside"], x, y)


@pytest.mark.parametrize("how", ["not run", "run", "run with a batch", "in place"])
def test_compiled_modules(how) -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(inplace=True), nn.Linear(5, 3)).eval()
    x, y = labelled(6)
    expected = score_of(model[0](x), y)
    if how == "in place":
        model.compile(backend="eager")
        compiled = model
    else:
        compiled = torch.compile(model, backend="eager")
    if how != "not run":
        with torch.no_grad():
            compiled(x)
    if how == "run with a batch":
        with Collector(compiled, ["_orig_mod.0"]) as found, torch.no_grad(), found.batch(y):
            compiled(x)
    else:
        found = collected(compiled, ["0"], x, y)
    assert found.h_scores() == pytest.approx({"0": expected}, rel=1e-6)


def test_replicated_modules() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU()).eval()
    x, y = labelled(6)
    found = collected(nn.DataParallel(model), ["module.0"], x, y)
    assert found.h_scores() == pytest.approx({"0": score_of(model[0](x), y)}, rel=1e-6)
    with Collector(model, ["0"]) as collector:
        replicas = collector.batch(y)
        with pytest.raises(RuntimeError, match=r"the model ran 2 times .* DataParallel"), replicas:
            torch.cat([model(part) for part in x.split(60)])


def test_quantized_modules() -> None:
    class Quantized(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.quantize = torch.ao.nn.quantized.Quantize(0.05, 64, torch.quint8)
            self.linear = torch.ao.nn.quantized.Linear(6, 5)
            self.linear.scale, self.linear.zero_point = 0.05, 64
            weight = torch.quantize_per_tensor(torch.randn(5, 6), 0.05, 0, torch.qint8)
            self.linear.set_weight_bias(weight, torch.zeros(5))
            self.dequantize = torch.ao.nn.quantized.DeQuantize()

        def forward(self, x):
            return self.dequantize(self.linear(self.quantize(x)))

    model = Quantized().eval()
    x, y = labelled(6)
    found = collected(model, ["quantize", "linear"], x, y)
    expected = score_of(model.linear(model.quantize(x)).dequantize(), y)
    assert found.h_scores()["linear"] == pytest.approx(expected, rel=1e-6)
    assert list(collected(model, "auto", x, y).h_scores()) == ["linear.input"]


def test_scripted_modules() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU()).eval()
    scripted = torch.jit.script(model)
    x, y = labelled(6)
    for layers in ("auto", "output"):
        found = collected(scripted, layers, x, y)
        assert found.h_scores() == pytest.approx({"output": score_of(model(x), y)}, rel=1e-6)
    with pytest.raises(TypeError, match=r"RecursiveScriptModule has no layers that can be hooked"):
        Collector(scripted, ["0"])
    around = nn.Sequential(scripted, nn.Linear(5, 2))
    with pytest.raises(TypeError, match="layer '0' is a ScriptModule, which cannot be hooked"):
        Collector(around, ["0"])
    assert list(collected(around, "all", x, y).h_scores()) == ["1"]


def test_a_callable_has_its_output() -> None:
    x, y = labelled(6)
    found = collected(lambda rows: {"other": None, "logits": 2 * rows}, "auto", x, y)
    assert found.h_scores() == pytest.approx({"output": score_of(x, y)}, rel=1e-6)
    with pytest.raises(TypeError, match="a function has no layers that can be hooked"):
        Collector(lambda rows: rows, ["0"])


def test_auto_is_what_the_last_linear_layer_is_given() -> None:
    x, y = labelled(6)
    classifier = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), nn.Softmax(1))
    found = collected(classifier, "auto", x, y)
    assert found.h_scores() == pytest.approx({"2.input": score_of(classifier[:2](x), y)}, rel=1e-6)
    encoder = nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5))
    found = collected(encoder, "auto", x, y)
    assert found.h_scores() == pytest.approx({"output": score_of(encoder(x), y)}, rel=1e-6)
    assert list(collected(encoder, ["1.input", "output"], x, y).h_scores()) == ["1.input", "output"]


def test_a_last_layer_that_runs_twice() -> None:
    class Refines(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(6, 5), nn.Linear(5, 5)

        def forward(self, x):
            return self.head(self.head(self.body(x)).relu())

    model = Refines()
    x, y = labelled(6)
    found = collected(model, "auto", x, y)
    expected = score_of(model.head(model.body(x)).relu(), y)
    assert found.h_scores() == pytest.approx({"head.input": expected}, rel=1e-5)
    assert found.moments["head.input"].n_samples == ROWS


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("pool", ["mean", lambda x: x.mean(1)])
def test_averages_of_half_types_are_taken_in_float32(dtype, pool) -> None:
    model = nn.Sequential(nn.Linear(4, 3)).to(dtype)
    x, y = labelled(300, 4)
    found = collected(model, ["0"], (x + 3).to(dtype), y, pool=pool).h_scores()["0"]
    output = torch.cat([model((rows + 3).to(dtype)) for rows in x.split(50)])
    assert found == pytest.approx(score_of(output.double().mean(1), y), rel=1e-6)
    assert found != pytest.approx(score_of(output.mean(1), y), rel=1e-5)


def test_where_the_features_are() -> None:
    """Known from the layer before: the shapes alone would allow both."""
    tokens = nn.Sequential(nn.Linear(4, 5), nn.GELU()).eval()
    channels = nn.Sequential(nn.Conv1d(4, 5, 1), nn.GELU()).eval()
    last = nn.Sequential(nn.LayerNorm([5, 6, 4]), nn.LayerNorm(4), nn.Identity()).eval()
    recurrent = nn.GRU(4, 5)
    x, y = labelled(4, 4)
    maps, _ = labelled(5, 6, 4)
    cases = [
        (tokens, "1", x, tokens(x).mean(1)),
        (channels, "1", x, channels(x).mean(2)),
        (last, "2", maps, last(maps).mean((1, 2))),
    ]
    for model, layer, given, expected in cases:
        found = collected(model, [layer], given, y).h_scores()[layer]
        assert found == pytest.approx(score_of(expected, y), rel=1e-4)
    with Collector(recurrent, "output") as collector:  # time first
        collector.update(x.transpose(0, 1), y)
    expected = score_of(recurrent(x.transpose(0, 1))[0].mean(0), y)
    assert collector.h_scores()["output"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.BatchNorm1d(4)])
def test_training_mode_is_noticed(layer) -> None:
    model = nn.Sequential(nn.Linear(4, 4), layer).train()
    x, y = labelled(4)
    with Collector(model, ["1"]) as collector:
        with pytest.warns(TrainingModeWarning, match=r"call model.eval\(\)"):
            collector.update(x, y)
        model.eval()
        collector.update(x + 1, y)


def test_inputs_are_moved_to_the_model() -> None:
    """The device "meta" holds no values, but shows where tensors are."""

    class Looks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1, device="meta"))

        def forward(self, x, other=None):
            assert x.device.type == "meta"
            assert other is None or other.device.type == "meta"
            return torch.ones(len(x), 2)

    x, y = labelled(4)
    with Collector(Looks(), "output") as collector:
        collector.update(x, y)
        collector.update({"x": x, "other": x + 1}, y)
    assert collector.moments["output"].n_samples == 2 * ROWS
