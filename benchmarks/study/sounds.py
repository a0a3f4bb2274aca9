"""What sound networks and spectra make of sounds of one second at 16 kHz."""

import numpy as np

from .onnx_layers import OnnxLayers
from .packages import path_in
from .small_networks import crepe, torch_layers, voice_encoder

__all__ = ["features", "frames", "mel_bands"]

RATE = 16_000


def features(sounds, half):
    """Compute the sources, as ``images.features`` does; there are none for the development."""
    if half != "confirmation":
        raise ValueError(f"sounds have sources for the confirmation only, got {half!r}")
    found, outputs = {}, {}
    mel = mel_bands(sounds)
    logarithm = np.log(mel + 1e-6)
    found["mel bands: mean"] = logarithm.mean(axis=1)
    found["mel bands: mean and spread"] = np.hstack([logarithm.mean(axis=1), logarithm.std(axis=1)])
    tenths = logarithm.reshape(len(sounds), 10, -1, 40).mean(axis=2)
    found["mel bands: by tenths"] = tenths.reshape(len(sounds), -1)
    cepstra = _cosines(logarithm)
    found["cepstra: mean and spread"] = np.hstack([cepstra.mean(axis=1), cepstra.std(axis=1)])
    spectrum = np.abs(np.fft.rfft(sounds))[:, : RATE // 4]
    found["spectrum: 250"] = np.log1p(spectrum.reshape(len(sounds), 250, -1).mean(axis=2))
    cut = frames(sounds)
    for name, network in (
        ("crepe tiny", crepe("tiny")),
        ("untrained crepe tiny", crepe("tiny", trained=False)),
    ):
        *layers, output = _over_frames(network, cut)
        kept = layers if not name.startswith("untrained") else layers[1::3]
        for number, layer in enumerate(kept, 1):
            found[f"{name}: {number}"] = layer
        if not name.startswith("untrained"):
            outputs[f"{name}: {len(layers)}"] = output
    for trained in (True, False):
        name = "voice encoder" if trained else "untrained voice encoder"
        for number, layer in enumerate(_voice_layers(mel, trained), 1):
            found[f"{name}: {number}"] = layer
    found |= _activity(sounds)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((1600, 256)).astype(np.float32) / 40
    parts = np.maximum(sounds.reshape(len(sounds), 10, 1600) @ weights, 0)
    found["random projection: 256"] = parts.mean(axis=1)
    return {name: x.astype(np.float32) for name, x in found.items()}, outputs


def frames(sounds, n=6):
    """Cut n frames of 1,024 samples, each of mean 0 and variance 1, as CREPE expects them."""
    starts = np.linspace(0, RATE - 1024, n).astype(int)
    cut = np.stack([sounds[:, start : start + 1024] for start in starts], axis=1)
    cut = cut - cut.mean(axis=2, keepdims=True)
    return (cut / (cut.std(axis=2, keepdims=True) + 1e-5)).astype(np.float32)


def _over_frames(network, cut):
    n_sounds, n_frames, length = cut.shape
    layers = torch_layers(network, cut.reshape(-1, 1, length), batch=96)
    return [layer.reshape(n_sounds, n_frames, -1).mean(axis=1) for layer in layers]


def mel_bands(sounds, n_bands=40, step=160, window=400):
    """Return the energy in mel bands, shape (n_sounds, 100, n_bands)."""
    padded = np.pad(sounds, ((0, 0), (window // 2, window // 2)))
    starts = np.arange(RATE // step) * step
    cut = np.stack([padded[:, start : start + window] for start in starts], axis=1)
    power = np.abs(np.fft.rfft(cut * np.hanning(window))) ** 2
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, n_bands + 2) / 2595) - 1)
    pitch = np.fft.rfftfreq(window, 1 / RATE)
    rising = (pitch[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - pitch[:, None]) / (edges[2:] - edges[1:-1])
    return (power @ np.clip(np.minimum(rising, falling), 0, None)).astype(np.float32)


def _cosines(logarithm, n_kept=13):
    from scipy.fft import dct

    return dct(logarithm, axis=2, norm="ortho")[..., :n_kept]


def _voice_layers(mel, trained):
    """Return the last state of each recurrent layer, and the projection where it was trained."""
    import torch

    lstm, linear = voice_encoder(trained)
    with torch.inference_mode():
        _, (hidden, _) = lstm(torch.from_numpy(mel))
        layers = [state.numpy() for state in hidden]
        if trained:
            layers.append(torch.relu(linear(hidden[-1])).numpy())
    return layers if trained else layers[::2]


def _activity(sounds):
    """Return layers of the voice activity detector, averaged over its windows of 32 ms."""
    path = path_in("silero_vad", "data", "silero_vad_16k_sequence.onnx")
    padded = np.pad(sounds, ((0, 0), (64, 512)))
    starts = np.arange(0, RATE, 512)
    cut = np.stack([padded[:, start : start + 576] for start in starts], axis=1)
    nothing = np.zeros((1, 1, 128), np.float32)
    rest = {"h": nothing, "c": nothing}
    network = OnnxLayers(
        path, 5, {"input": cut[0], **rest}, one_by_one=True, channels="first", readers={"Conv"}
    )
    *layers, _ = network({"input": one, **rest} for one in cut)
    return {f"voice activity: {number}": layer for number, layer in enumerate(layers, 1)}
