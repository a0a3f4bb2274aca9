"""Facts about the machine, the build and the libraries, to stand above every table."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

import hscore_fast

__all__ = [
    "facts",
    "hints",
    "memory_available",
    "processor_name",
    "processors_allowed",
    "thread_counts",
]

# Settings that change what is measured.
_VARIABLES = ("OMP_", "GOMP_", "KMP_", "OPENBLAS_", "MKL_", "BLIS_", "VECLIB_", "HSCORE_")


def processor_name() -> str:
    """Name the processor; where the system does not say, name its architecture."""
    for line in _lines("/proc/cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def processors_allowed() -> list[int]:
    """List the processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def thread_counts() -> list[int]:
    """List the numbers of threads to measure: one, and as many as there are processors allowed."""
    return sorted({1, len(processors_allowed())})


def memory_available() -> int | None:
    """Bytes that a program can still take without swapping, None if the system does not say."""
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def facts() -> dict[str, Any]:
    """Collect what a reader of the timings must know; every value is text, a number or None."""
    import scipy

    build = hscore_fast.build_info()
    allowed = processors_allowed()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "hscore_fast": build["version"],
        "isa": build["isa"],
        "compiler": build["compiler"],
        "flags": build["flags"],
        "openmp": build["openmp"],
        "tile_unit": build["tile_unit"],
        "cpu": processor_name(),
        "processors": os.cpu_count(),
        "affinity": ",".join(map(str, allowed)),
        "caches": _caches(),
        "memory_gb": _memory_gb(),
        "load_average": None if load is None else round(load, 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        **_libraries(),
        "environment": " ".join(
            f"{key}={value}"
            for key, value in sorted(os.environ.items())
            if key.startswith(_VARIABLES)
        )
        or None,
    }


def hints(found: dict[str, Any]) -> list[str]:
    """Say what makes a comparison on this machine other than it seems."""
    said = []
    chosen = os.environ.get("OPENBLAS_CORETYPE")
    isa = found["isa"]
    wide = isa not in ("baseline", "v3") and any(
        "avx512f" in line for line in _lines("/proc/cpuinfo") if line.startswith("flags")
    )
    blas = str(found.get("blas_of_scipy"))
    if wide and "openblas" in blas and ("Haswell" in blas or "Zen" in blas):
        said.append(
            "OpenBLAS runs kernels without AVX-512, which this processor has"
            + (
                f", because OPENBLAS_CORETYPE={chosen} is set. Unset it"
                if chosen
                else ". Set OPENBLAS_CORETYPE=SkylakeX"
            )
            + " to compare the best of both, or HSCORE_FAST_ISA=v3 to compare without AVX-512."
        )
    if isinstance(found["load_average"], float) and found["load_average"] > 0.5:
        said.append(
            f"The load was {found['load_average']} when this began: other programs were running, "
            "and the times are worth less."
        )
    if not found["openmp"]:
        said.append("hscore_fast was built without OpenMP and uses one thread in every row.")
    return said


def _libraries() -> dict[str, str]:
    """Describe the BLAS of NumPy and of SciPy: version, kernels, kind of threads."""
    import scipy.linalg  # noqa: F401  # so that its BLAS is loaded and seen
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    found: dict[str, str] = {}
    for pool in threadpool_info():
        if pool["user_api"] != "blas":
            continue
        details = [pool["internal_api"], pool["version"], pool.get("architecture")]
        if pool.get("threading_layer"):
            details.append(f"({pool['threading_layer']})")
        text = " ".join(str(each) for each in details if each)
        folder = Path(pool["filepath"]).parent.name
        owner = folder.removesuffix(".libs") if folder.endswith(".libs") else "shared"
        if owner in {"numpy", "scipy"}:
            found[f"blas_of_{owner}"] = text
        else:
            found.setdefault("blas_of_numpy", text)
            found.setdefault("blas_of_scipy", text)
    return {key: found.get(key, "unknown") for key in ("blas_of_numpy", "blas_of_scipy")}


def _caches() -> str | None:
    """Describe the caches of the first processor, such as ``L1 48K, L2 1024K, L3 32768K``."""
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_first(index / part) for part in ("level", "type", "size"))
        if kind != "Instruction" and size:
            found.append(f"L{level} {size}")
    return ", ".join(found) or None


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _lines(path: str | Path) -> list[str]:
    """Read a file that only some systems have."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _first(path: Path) -> str:
    return next(iter(_lines(path)), "")
