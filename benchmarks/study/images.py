"""What image networks, and things that are none, make of images."""

import numpy as np

from .onnx_layers import OnnxLayers
from .packages import path_in
from .small_networks import efficientnet, mtcnn, torch_layers

__all__ = ["as_inputs", "features"]

BATCH = 32


def features(images, half):
    """Compute the sources of a half.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, height, width, 3)
        The images.
    half : {"development", "confirmation"}
        Which networks; no network serves both.

    Returns
    -------
    features : dict of str to ndarray of float32
        One source each, named "network: layer".
    outputs : dict of str to ndarray
        Class probabilities where a network has them, by the name of its last layer.
    """
    if half == "development":
        return _development(images)
    return _confirmation(images)


def _development(images):
    found, outputs = {}, {}
    grey = _resized(images, 32).mean(axis=3, dtype=np.float32) / 255
    found["pixels: 32 x 32"] = grey.reshape(len(images), -1)
    found["pixels: 8 x 8"] = _shrunk(grey, 4)
    rng = np.random.default_rng(0)
    for width in (64, 512):
        weights = rng.standard_normal((grey[0].size, width)).astype(np.float32) / 32
        found[f"random projection: {width}"] = np.maximum(found["pixels: 32 x 32"] @ weights, 0)
    found |= _untrained_convolutions(images, (32, 128, 256))
    size64 = _resized(images, 64)
    letters = (size64.mean(axis=3, keepdims=True, dtype=np.float32).transpose(0, 3, 1, 2)) / 255
    network = OnnxLayers(
        path_in("ddddocr", "common_old.onnx"), 5, {"input1": letters[:1]}, one_by_one=True
    )
    _add(found, "ddddocr old", network({"input1": letters[i : i + 1]} for i in range(len(letters))))
    signed = as_inputs(images, 64)
    path = path_in("rapidocr_onnxruntime", "models", "ch_ppocr_mobile_v2.0_cls_infer.onnx")
    wide = as_inputs(images, 48)
    network = OnnxLayers(path, 5, {"x": wide[:1]})
    *layers, output = network(_batches("x", wide))
    _add(found, "rapidocr cls", [*layers, None])
    outputs[f"rapidocr cls: {len(layers)}"] = output
    path = path_in("rapidocr_onnxruntime", "models", "ch_PP-OCRv4_det_infer.onnx")
    _add(found, "rapidocr det", OnnxLayers(path, 5, {"x": signed[:1]})(_batches("x", signed)))
    positive = _channels_first(size64) / 255
    network = OnnxLayers(path_in("nudenet", "320n.onnx"), 6, {"images": positive[:1]})
    _add(found, "nudenet", network(_batches("images", positive)))
    return found, outputs


def _confirmation(images):
    found, outputs = {}, {}
    grey = _resized(images, 24).mean(axis=3, dtype=np.float32) / 255
    found["pixels: 24 x 24"] = grey.reshape(len(images), -1)
    found["pixels: 6 x 6"] = _shrunk(grey, 4)
    found["gradients: histograms"] = _gradients(_resized(images, 48))
    letters = _resized(images, 64).mean(axis=3, keepdims=True, dtype=np.float32)
    letters = letters.transpose(0, 3, 1, 2) / 127.5 - 1
    network = OnnxLayers(
        path_in("ddddocr", "common.onnx"), 4, {"input1": letters[:1]}, one_by_one=True
    )
    _add(found, "ddddocr", network({"input1": letters[i : i + 1]} for i in range(len(letters))))
    signed = as_inputs(images, 48)
    path = path_in("rapidocr_onnxruntime", "models", "ch_PP-OCRv4_rec_infer.onnx")
    *layers, output = OnnxLayers(path, 5, {"x": signed[:1]})(_batches("x", signed))
    _add(found, "rapidocr rec", [*layers, None])
    outputs[f"rapidocr rec: {len(layers)}"] = output
    for name, network, side in mtcnn():
        *layers, output = torch_layers(network, as_inputs(images, side))
        _add(found, name, [*layers, None])
        outputs[f"{name}: {len(layers)}"] = output
    for name, network, side in mtcnn(trained=False):
        *layers, _ = torch_layers(network, as_inputs(images, side))
        found[f"{name}: {len(layers)}"] = layers[-1]
    *layers, output = torch_layers(efficientnet(), as_inputs(images, 64))
    _add(found, "efficientnet", [*layers, None])
    outputs[f"efficientnet: {len(layers)}"] = output
    return found, outputs


def as_inputs(images, side):
    """Return images of a side, channels first, from -1 to 1."""
    return _channels_first(_resized(images, side)) / 127.5 - 1


def _add(found, name, layers):
    """Keep the layers but not the output, which stands last."""
    for number, layer in enumerate(layers[:-1], 1):
        found[f"{name}: {number}"] = layer


def _resized(images, side):
    """Resize by nearest neighbours where images grow, by averages where they shrink by halves."""
    from PIL import Image

    if images.shape[1:3] == (side, side):
        return images
    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
            for image in images
        ]
    )


def _shrunk(grey, by):
    n, height, width = grey.shape
    return grey.reshape(n, height // by, by, width // by, by).mean(axis=(2, 4)).reshape(n, -1)


def _channels_first(images):
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)


def _batches(name, images):
    return ({name: images[i : i + BATCH]} for i in range(0, len(images), BATCH))


def _gradients(images):
    """Return histograms of oriented gradients (Dalal and Triggs 2005)."""
    from skimage.feature import hog

    return np.stack(
        [
            hog(image.mean(axis=2), pixels_per_cell=(12, 12), cells_per_block=(2, 2))
            for image in images
        ]
    ).astype(np.float32)


def _untrained_convolutions(images, widths):
    """Return three layers of convolutions with the weights that training would begin with."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers, before = [], 3
    for width in widths:
        layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.ReLU()]
        before = width
    network = nn.Sequential(*layers)
    values = torch.from_numpy(as_inputs(images, 32))
    found = {}
    with torch.inference_mode():
        for number, layer in enumerate(network):
            values = layer(values)
            if number % 2:
                name = f"untrained convolutions: {number // 2 + 1}"
                found[name] = values.mean(dim=(2, 3)).numpy()
    return found
