"""Whether rows belong together, by what their indexes and the names of their files say."""

import numpy as np
import pandas as pd
import pytest
from oracles import make_problem

from hscore_fast._files.partners import check_partners
from hscore_fast._inputs.alignment import check_alignment

X, Y = make_problem(60, 3, 3)
ORDER = np.random.default_rng(0).permutation(60)
NAMES = [f"img{k:03}" for k in range(60)]


def frame(index=None) -> pd.DataFrame:
    return pd.DataFrame(X, index=index)


def series(index=None) -> pd.Series:
    return pd.Series(Y, index=index)


def check(features, labels) -> str | None:
    return check_alignment(("features", features), ("labels", labels))


@pytest.mark.parametrize(
    ("index", "other"),
    [
        (None, None),
        (NAMES, NAMES),
        (ORDER, ORDER),
        (ORDER + 100, None),  # what a scaler returns after train_test_split
        (None, NAMES),
        (range(100, 160), None),
        (pd.date_range("2020-01-01", periods=60), pd.date_range("2020-01-01", periods=60)),
        (NAMES[:30] * 2, NAMES[:30] * 2),
        (None, [0] * 60),
    ],
)
def test_equal_and_default_indexes_go_by_position(index, other) -> None:
    assert check(frame(index), series(other)) is None


def test_what_has_no_index_goes_by_position() -> None:
    assert check(X, series(ORDER)) is None
    assert check(frame(ORDER), Y) is None
    assert check(frame(ORDER), pd.Categorical(Y)) is None
    assert check(frame(NAMES), series(NAMES).iloc[:7]) is None  # refused for its length
    polars = pytest.importorskip("polars")
    assert check(polars.DataFrame(X), series(ORDER)) is None


@pytest.mark.parametrize(
    ("index", "other"),
    [
        (NAMES, np.array(NAMES)[ORDER]),
        (ORDER + 5, np.arange(60) + 5),
        (range(100, 160), ORDER + 100),
        (NAMES[:30] * 2, NAMES[:30][::-1] * 2),
        ([(n, 1) for n in NAMES], [(n, 1) for n in NAMES[::-1]]),
        ([1, "a"] * 30, ["a", 1] * 30),
    ],
)
def test_the_same_index_in_another_order_is_refused(index, other) -> None:
    words = r"features and labels have the same index in another order: row \d+ is .*\.loc\[feat"
    with pytest.raises(ValueError, match=words):
        check(frame(pd.Index(index)), series(pd.Index(other)))


def test_the_rows_that_differ_are_named() -> None:
    other = [*NAMES[:7], *NAMES[7:9][::-1], *NAMES[9:]]
    with pytest.raises(ValueError, match=r"row 7 is 'img007' in features and 'img008' in labels"):
        check(frame(NAMES), series(other))


def test_different_indexes_are_refused_and_the_remedy_is_named() -> None:
    with pytest.raises(ValueError, match=r"different indexes: row 0 is 'img000' .*\.to_numpy\(\)"):
        check(frame(NAMES), series([f"x{k}" for k in range(60)]))
    with pytest.raises(ValueError, match="different indexes"):
        check(frame(range(100, 160)), series(range(200, 260)))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_permutation_of_the_default_index_is_doubtful(swapped) -> None:
    given = (frame(), series(ORDER)) if not swapped else (frame(ORDER), series())
    doubt = check(*given)
    assert doubt is not None
    assert "same row numbers in another order: row 0 is" in doubt


def test_all_arguments_are_compared() -> None:
    named = [("features", frame()), ("labels", series(NAMES)), ("weights", series(NAMES[::-1]))]
    with pytest.raises(ValueError, match="labels and weights have the same index in another order"):
        check_alignment(*named)


def shards(folder, *names) -> None:
    for name in names:
        np.save(folder / name, np.ones(3))


@pytest.mark.parametrize(
    ("x", "y", "files"),
    [
        ("x*.npy", "y*.npy", "x0 x1 x10 x9 y0 y1 y10 y9"),
        ("x*.npy", "y*.npy", "x1 x2 y01 y02"),  # numbers go by their value
        ("x_*.npy", "*.y.npy", "x_a x_b a.y b.y"),
        ("x?_[ab]*.npy", "y?_[ab]*.npy", "x1_a x2_b3 y1_a y2_b3"),
        ("feat*.npy", "lab*.npy", "features labels"),  # one file each
        ("x1.npy", "y*.npy", "x1 y1 y2"),  # no pattern
    ],
)
def test_patterns_that_match_file_by_file(tmp_path, x, y, files) -> None:
    shards(tmp_path, *(f"{name}.npy" for name in files.split()))
    check_partners(f"{tmp_path}/{x}", f"{tmp_path}/{y}")
    check_partners(f"{tmp_path}/{x}", np.ones(3))


@pytest.mark.parametrize(
    ("files", "alone"),
    [
        ("x0 x2 x3 y0 y1 y3", "'x2.npy', 'y1.npy' have no partner"),
        ("x0 x1 x2 y0 y1", "'x2.npy' has no partner"),
        ("x0 x1 y0 y1 y2", "'y2.npy' has no partner"),
    ],
)
def test_files_without_a_partner_are_named(tmp_path, files, alone) -> None:
    shards(tmp_path, *(f"{name}.npy" for name in files.split()))
    with pytest.raises(ValueError, match=alone.replace(".", r"\.")):
        check_partners(f"{tmp_path}/x*.npy", f"{tmp_path}/y*.npy")
