"""Open and score damaged files of every format: a score, or one ValueError that names the file.

    python tests/fuzz/fuzz_files.py --seconds 1800 --seed 0

Files of all eleven endings, as features and as labels, are cut, and bytes of them are changed,
repeated, swapped or left out. Allowed are any finite score, a ValueError of one line with the path,
and what the system says of a file (OSError with a number). Each case has a process of its own,
which may use 4 GB and a minute: a crash, a hang or another error is printed with its case, and
the command then ends with code 1. Formats whose library is missing are left out. Linux only.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import pytest
from written_files import FORMATS, written

import hscore_fast
from hscore_fast.readers import open_array

MEMORY, SECONDS = 4 << 30, 60.0


def seeds(folder: Path) -> dict[str, str]:
    """Write a sound file of each format; return the addresses by the format's name."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 6)).astype(np.float32)
    found = {}
    for kind in FORMATS:
        place = folder / kind.replace(" ", "-")
        place.mkdir()
        try:
            found[kind] = written(place, kind, x)
        except pytest.skip.Exception:
            print(f"without {kind}: its library is missing")
    labels = np.array(["cat", "dog", "emu"])[np.arange(120) % 3]
    (folder / "csv").mkdir()
    (folder / "csv" / "y.csv").write_text("label,n\n" + "".join(f"{v},1\n" for v in labels))
    found["csv"] = f"{folder}/csv/y.csv:label"
    (folder / "text").mkdir()
    np.save(folder / "text" / "y.npy", labels)
    found["text npy"] = f"{folder}/text/y.npy"
    return found


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage the bytes of a file, mostly near its ends, where headers and footers are."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not found:
            break
        near = int(rng.integers(min(len(found), 400)))
        place = [near, len(found) - 1 - near, int(rng.integers(len(found)))][int(rng.integers(3))]
        length = int(rng.integers(1, 9))
        kind = int(rng.integers(7))
        if kind == 0:
            del found[place:]
        elif kind == 1:
            del found[place : place + length]
        elif kind == 2:
            found[place:place] = rng.bytes(length)
        elif kind == 3:
            found[place] ^= 1 << int(rng.integers(8))
        elif kind == 4:
            found[place : place + length] = rng.bytes(length)
        elif kind == 5:
            found[place : place + length] = bytes([int(rng.choice([0, 255, 127]))]) * length
        else:
            other = int(rng.integers(len(found)))
            found[place : place + length] = found[other : other + length]
    return bytes(found)


def run_case(address: str, path: Path, as_labels: bool) -> str:
    """Open and score a file, and say how it ended; raise what is not allowed."""
    rows = 120
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if as_labels:
                x = np.arange(2.0 * rows).reshape(rows, 2)
                score = hscore_fast.h_score(x, address, n_threads=1)
            else:
                score = hscore_fast.h_score(address, np.arange(rows) % 3, n_threads=1)
                open_array(address)
    except (ValueError, TypeError) as refusal:
        text = str(refusal)
        about_values = text.startswith(("labels ", "features "))  # sound files of other contents
        if "\n" in text or not (about_values or str(path) in text):
            raise
        return type(refusal).__name__
    except OSError as error:
        if error.errno is None:
            raise
        return "OSError"
    except MemoryError:
        return "MemoryError"  # a header that says more rows than the limit has room for
    if not np.isfinite(score):
        raise AssertionError(f"the score is {score}")
    return "scored"


def serve(connection: Any) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries print
    while True:
        address, path, as_labels = connection.recv()
        try:
            connection.send((True, run_case(address, path, as_labels)))
        except BaseException as error:
            connection.send((False, f"{type(error).__name__}: {error}"))


class Server:
    """A process that runs cases until one ends it."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def run(self, *case: Any) -> tuple[bool, str]:
        self.pipe.send(case)
        if not self.pipe.poll(SECONDS):
            self.process.kill()
            return False, "hangs"
        try:
            found: tuple[bool, str] = self.pipe.recv()
        except EOFError:
            self.process.join()
            return False, f"ended by {self.process.exitcode}"
        return found


def fuzz(
    seconds: float, seed: int, kinds: list[str] | None = None, most: int | None = None
) -> tuple[Counter[str], list[str]]:
    """Run cases for so long, or so many; return how they ended, and what must not be."""
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = {k: a for k, a in seeds(folder).items() if kinds is None or k in kinds}
        server = Server()
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end and number != most:
            rng = np.random.default_rng((seed, number))
            kind = list(sound)[number % len(sound)]
            own, _, member = sound[kind].partition(":")
            source = Path(own)
            path = folder / f"damaged{source.suffix}"
            if source.is_dir():
                shutil.rmtree(path, ignore_errors=True)
                shutil.copytree(source, path)
                files = sorted(p for p in path.rglob("*") if p.is_file())
                target = files[int(rng.integers(len(files)))]
            else:
                shutil.copy(source, path)
                target = path
            target.write_bytes(mutate(target.read_bytes(), rng))
            address = f"{path}:{member}" if member else str(path)
            as_labels = kind in ("csv", "text npy") or rng.random() < 0.2
            allowed, outcome = server.run(address, path, as_labels)
            if allowed:
                outcomes[outcome] += 1
            else:
                wrong.append(f"case {number} of seed {seed}, {kind}: {outcome[:300]}")
                print(wrong[-1], flush=True)
                if not server.process.is_alive():
                    server = Server()
            number += 1
        server.process.kill()
    return outcomes, wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", help="only these formats")
    arguments = parser.parse_args()
    outcomes, wrong = fuzz(arguments.seconds, arguments.seed, arguments.kinds)
    print(f"{sum(outcomes.values())} cases: {dict(outcomes.most_common())}, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
