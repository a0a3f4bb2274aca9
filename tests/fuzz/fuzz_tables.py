"""Tables with an index, a label column, ids and text for ``fuzz_public.py``.

What a table scores is compared with what the columns score that must be left, put together by hand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_calls import BrokenPromiseError, GroupCalls, Results, broken_unless

import hscore_fast
from hscore_fast import Moments, TargetMoments
from hscore_fast.readers import read_moments

CALLS: list[Callable[..., tuple[float, Any]]] = [
    lambda x, y, o: (hscore_fast.h_score(x, y, **o), None),
    lambda x, y, o: of_report(hscore_fast.evaluate(x, y, **o)),
    lambda x, y, o: (float(hscore_fast.h_scores(x, [y], **o)[0]), None),
    lambda x, y, o: of_report(hscore_fast.rank_sources({"x": x}, y, by="h_score", **o)[0]),
    lambda x, y, o: of_group(hscore_fast.pair_scores({"x": x}, y, **o), "h_score"),
    lambda x, y, o: of_group(hscore_fast.transfer_matrix({"x": x}, {"y": y}, **o), "h_scores"),
    lambda x, y, o: (read_moments(x, y, **o).h_score(), None),
]
IN_MEMORY: list[Callable[..., tuple[float, Any]]] = [
    lambda x, y, o: (Moments().update(x, y, **o).h_score(), None),
    lambda x, y, o: (Moments.from_blocks([(x, y)], **o).h_score(), None),
    lambda x, y, o: (float(TargetMoments().update(x, [y], **o).h_scores()[0]), None),
    lambda x, y, o: (hscore_fast.transferability(x, y, **o).h_score, None),
]


def of_report(report: Any) -> tuple[float, Any]:
    return report.h_score, report.left_out


def of_group(result: Any, scores: str) -> tuple[float, Any]:
    return float(getattr(result, scores)[0, 0]), result.left_out["x"]


class TableCalls(GroupCalls):
    """A table in memory or in a file, and random names to take, drop and keep."""

    def table(self) -> Results:
        if not {"pandas", "pyarrow", "polars"} <= set(self.libraries):
            return []
        pandas = self.libraries["pandas"]
        n = self.pick([2, 5, 40, 130])
        columns: dict[str, Any] = {
            f"f{j}": self.rng.standard_normal(n) for j in range(self.pick([1, 2, 5, 9]))
        }
        columns["label"] = self.rng.permutation(np.arange(n) % self.pick([2, 3]))
        self.labels = columns["label"]
        extra = {
            "image_id": self.rng.permutation(n),
            "nr": np.arange(n),
            "flag": self.rng.random(n) < 0.5,
            "path": [f"{j}.png" for j in range(n)],
            "when": pandas.date_range("2020", periods=n),
            "f[0]": self.rng.standard_normal(n),
        }
        columns |= {name: extra[name] for name in extra if self.chance(0.3)}
        names = list(self.rng.permutation(list(columns)))
        frame = pandas.DataFrame({name: columns[name] for name in names})
        index = self.pick([None, "", "image"])
        kind = self.pick(["pandas", "polars", "Arrow", "parquet", "feather", "arrow"])
        if index is not None and kind not in ("pandas", "polars"):
            frame.index = pandas.Index(self.rng.permutation(n), name=index or None)
            names.append(index or "__index_level_0__")
            columns[names[-1]] = np.asarray(frame.index)
        request = self.names_to_ask_for(names)
        expected, outcome = what_must_be_left(names, request, names[len(frame.columns) :])
        with tempfile.TemporaryDirectory() as folder:
            table, labels = self.hold(frame, kind, Path(folder))
            call = self.pick(CALLS if isinstance(table, str) else [*CALLS, *IN_MEMORY])
            try:
                value, left_out = call(table, labels, request)
            except (ValueError, TypeError) as error:
                broken_unless(type(error) in outcome, f"{type(error).__name__}: {error}")
                return []
        broken_unless(not outcome, f"no error for {request} of {names}")
        whole = np.column_stack([np.asarray(columns[name], float) for name in expected])
        truth = hscore_fast.h_score(whole, self.labels)
        if not abs(value - truth) <= 1e-6:
            raise BrokenPromiseError(f"{value} for {truth} of {expected}, {kind}, {request}")
        if left_out is not None:
            gone = sorted(set(names) - set(expected))
            broken_unless(sorted(left_out) == gone, f"left out {left_out}, not {gone}")
        return [("h_score", value)]

    def names_to_ask_for(self, names: list[str]) -> dict[str, Any]:
        known = [*names, "f*", "*", "f?", "[fn]*", "*a*"]
        request = {}
        for option, probability in (("columns", 0.3), ("drop", 0.3), ("keep", 0.2)):
            if self.chance(probability):
                wanted = [str(self.pick(known)) for _ in range(self.pick([1, 1, 2, 3]))]
                if self.chance(0.05):
                    wanted.append("lable")
                request[option] = wanted[0] if len(wanted) == 1 else wanted
        return request

    def hold(self, frame: Any, kind: str, folder: Path) -> tuple[Any, Any]:
        pyarrow = self.libraries["pyarrow"]
        if kind == "pandas":
            return frame, frame["label"]
        if kind == "polars":
            table = self.libraries["polars"].from_pandas(frame)
            return table, table["label"]
        table = pyarrow.Table.from_pandas(frame)
        if kind == "Arrow":
            return table, table.select(["label"])
        path = str(folder / f"x.{kind}")
        if kind == "parquet":
            frame.to_parquet(path)
        else:
            compression = None if kind == "arrow" else "lz4"
            options = pyarrow.ipc.IpcWriteOptions(compression=compression)
            with pyarrow.ipc.new_file(path, table.schema, options=options) as file:
                file.write_table(table)
        return path, self.pick([f"{path}:label", frame["label"]])


def what_must_be_left(
    names: list[str], request: dict[str, Any], index: list[str]
) -> tuple[list[str], tuple[type, ...]]:
    """Say which columns are features, or which errors must come instead."""

    def matches(option: str) -> set[str] | None:
        wanted = request.get(option)
        if wanted is None:
            return None
        found: set[str] = set()
        for one in [wanted] if isinstance(wanted, str) else wanted:
            own = {one} & set(names) or {name for name in names if fnmatchcase(name, one)}
            if not own:
                raise LookupError
            found |= own
        return found

    try:
        columns, drop, keep = matches("columns"), matches("drop") or set(), matches("keep") or set()
    except LookupError:
        return [], (ValueError,)
    wanted = request.get("columns", ())
    named = {wanted} if isinstance(wanted, str) else set(wanted)
    taken = []
    for name in names:
        if name in drop or (columns is not None and name not in columns):
            continue
        text = name in ("path", "when")
        if name not in keep:
            if name == "label":
                continue
            if name not in named and (name in index or text):
                continue
        if text:
            return [], (TypeError,)
        taken.append(name)
    return taken, () if taken else (ValueError, TypeError)
