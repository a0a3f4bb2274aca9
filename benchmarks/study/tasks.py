"""Labelled data that packages carry, as tasks: inputs, labels, and which half they belong to.

The development half was looked at while the score took its form. The confirmation half was run
after the form had been committed, and with sources that no development task uses.
"""

import random
import string
from dataclasses import dataclass
from unittest import mock

import numpy as np

from .packages import path_in
from .texts_of_packages import film_mood, languages, moods, reviews, topics, writing

__all__ = ["CONFIRMATION", "DEVELOPMENT", "TASKS", "Task", "load", "pictures"]

POOL = 1100  # rows of a task: for training and for the test
SEED = 20261130


@dataclass(frozen=True)
class Task:
    """Labelled inputs of one kind."""

    name: str
    kind: str  # "image", "text" or "sound"
    half: str  # "development" or "confirmation"
    inputs: (
        object  # images as uint8 (n, height, width, 3), texts, or sounds as float32 (n, samples)
    )
    labels: np.ndarray  # integers from 0
    sizes: tuple  # numbers of rows to train on


def _digits(which=None):
    from sklearn.datasets import load_digits

    data = load_digits()
    images = (data.images * (255 / 16)).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    labels = data.target if which is None else np.isin(data.target, which).astype(int)
    return np.repeat(images[..., None], 3, axis=3), labels


def pictures():
    """Return colour photographs of scikit-image and scikit-learn."""
    from skimage import color, io
    from sklearn.datasets import load_sample_images

    names = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel")
    pictures = {}
    for name in (*names, "ihc", "motorcycle_left", "rocket.jpg"):
        picture = io.imread(path_in("skimage", "data", name if "." in name else f"{name}.png"))
        picture = color.gray2rgb(picture) if picture.ndim == 2 else picture[..., :3]
        pictures[name.partition(".")[0]] = picture
    pictures["china"], pictures["flower"] = load_sample_images().images
    return pictures


def _patches(pictures, size, n, rng):
    """Cut n squares out of pictures, each picture as often as the others."""
    names = list(pictures)
    labels = np.arange(n) % len(names)
    patches = np.empty((n, size, size, 3), np.uint8)
    for row, label in enumerate(labels):
        picture = pictures[names[label]]
        top = rng.integers(picture.shape[0] - size + 1)
        left = rng.integers(picture.shape[1] - size + 1)
        patches[row] = picture[top : top + size, left : left + size]
    return patches, labels


def _photographs():
    """Which of the pictures a patch was cut from, in grey so that colour does not tell."""
    rng = np.random.default_rng(SEED)
    patches, labels = _patches(pictures(), 32, POOL, rng)
    grey = patches.mean(axis=3).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3), labels


def _orientation():
    """By how many quarters of a turn a patch of a photograph was turned."""
    rng = np.random.default_rng(SEED + 1)
    upright = ("astronaut", "camera", "chelsea", "coffee", "motorcycle_left", "rocket", "china")
    taken = pictures()
    patches, _ = _patches({name: taken[name] for name in upright}, 96, POOL, rng)
    labels = rng.integers(0, 4, POOL)
    turned = np.stack([np.rot90(p, k) for p, k in zip(patches, labels, strict=True)])
    return turned[:, ::2, ::2], labels


def _textures():
    """Tell brick, grass, gravel and cells from small, noisy patches."""
    rng = np.random.default_rng(SEED + 2)
    taken = {name: pictures()[name] for name in ("brick", "grass", "gravel", "ihc")}
    patches, labels = _patches(taken, 20, POOL, rng)
    grey = patches.mean(axis=3) + rng.normal(0, 40, patches.shape[:3])
    grey = np.clip(grey, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3), labels


def _faces():
    faces = np.load(path_in("skimage", "data", "lfw_subset.npy"))
    images = (np.clip(faces, 0, 1) * 255).astype(np.uint8)
    return np.repeat(images[..., None], 3, axis=3), (np.arange(len(faces)) < 100).astype(int)


class _Seeded:
    """Take the place of the module ``secrets``, so that each run draws the same images."""

    def __init__(self, seed):
        drawer = random.Random(seed)
        self.randbelow, self.randbits = drawer.randrange, drawer.getrandbits
        self.choice = drawer.choice


def _captcha():
    """Draw single characters, distorted as the captcha package distorts them."""
    from captcha import image as drawing

    characters = string.digits[2:] + string.ascii_uppercase.replace("O", "").replace("I", "")
    labels = np.arange(POOL) % len(characters)
    with mock.patch.object(drawing, "secrets", _Seeded(SEED)):
        drawer = drawing.ImageCaptcha(width=48, height=48, font_sizes=(34, 38))
        drawn = [drawer.generate_image(characters[label]).convert("RGB") for label in labels]
    return np.stack([np.asarray(image.resize((48, 48))) for image in drawn]), labels


def _spoken(characters):
    """Spoken characters at other speeds and pitches, over other voices and noise."""
    import wave

    def read(character):
        with wave.open(str(path_in("captcha", "data", character, "default.wav"))) as file:
            raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
        return (raw.astype(np.float32) - 128) / 128

    rng = np.random.default_rng(SEED + 3)
    recordings = [read(character) for character in characters]
    others = [read(character)[::-1] for character in string.ascii_uppercase]
    labels = np.arange(POOL) % len(characters)
    sounds = np.zeros((POOL, 16_000), np.float32)  # one second, 16 kHz
    for row, label in enumerate(labels):
        rate = 2 * rng.uniform(0.8, 1.25)
        voice = _stretched(recordings[label], rate)[:16_000]
        start = rng.integers(16_000 - len(voice) + 1)
        sounds[row, start : start + len(voice)] += voice
        for _ in range(3):
            other = _stretched(others[rng.integers(len(others))], rate)[:8_000]
            start = rng.integers(16_000 - len(other))
            sounds[row, start : start + len(other)] += 0.35 * other
        sounds[row] += rng.normal(0, 0.04, 16_000)
    return sounds, labels


def _stretched(sound, rate):
    places = np.arange(int(len(sound) * rate)) / rate
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


_SIZES = (60, 150, 400)
# name: (kind, half, how to load it, numbers of training rows)
TASKS = {
    "digits": ("image", "development", _digits, _SIZES),
    "loops": ("image", "development", lambda: _digits([0, 6, 8, 9]), _SIZES),
    "photographs": ("image", "development", _photographs, _SIZES),
    "captcha": ("image", "development", _captcha, (150, 400)),
    "domain": ("text", "development", writing, _SIZES),
    "tweet mood": ("text", "development", lambda: moods("tweets"), _SIZES),
    "topic": ("text", "development", topics, (100, 250, 500)),
    "news mood": ("text", "development", lambda: moods("nytEditorialSnippets"), _SIZES),
    "faces": ("image", "confirmation", _faces, (40, 100)),
    "orientation": ("image", "confirmation", _orientation, _SIZES),
    "textures": ("image", "confirmation", _textures, _SIZES),
    "odd digits": ("image", "confirmation", lambda: _digits([1, 3, 5, 7, 9]), _SIZES),
    "film mood": ("text", "confirmation", film_mood, _SIZES),
    "product mood": ("text", "confirmation", lambda: moods("amazonReviewSnippets"), _SIZES),
    "language": ("text", "confirmation", languages, _SIZES),
    "Chinese reviews": ("text", "confirmation", reviews, _SIZES),
    "spoken digits": ("sound", "confirmation", lambda: _spoken(string.digits), _SIZES),
    "spoken letters": ("sound", "confirmation", lambda: _spoken("BCDEGPTVZ"), _SIZES),
}
DEVELOPMENT = tuple(name for name, task in TASKS.items() if task[1] == "development")
CONFIRMATION = tuple(name for name, task in TASKS.items() if task[1] == "confirmation")


def load(name):
    """Load a task by its name, its rows in an order without meaning."""
    kind, half, read, sizes = TASKS[name]
    inputs, labels = read()
    order = np.random.default_rng(SEED).permutation(len(labels))[:POOL]
    inputs = [inputs[row] for row in order] if kind == "text" else inputs[order]
    return Task(name, kind, half, inputs, np.asarray(labels)[order], sizes)
