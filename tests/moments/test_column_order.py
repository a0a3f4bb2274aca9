"""Tables that come in batches: their columns keep their order, or somebody is told."""

import pickle

import pytest
from oracles import gold, make_problem

from hscore_fast import Moments, TargetMoments, h_score, rank_sources

pandas = pytest.importorskip("pandas")

X, Y = make_problem(80, 3, 3)
TRUTH = gold(X, Y).h_score
FRAME = pandas.DataFrame(X, columns=["a", "b", "c"])
FIRST, SECOND = FRAME[:40], FRAME[40:]
TURNED = SECOND[["b", "a", "c"]]
RENAMED = SECOND.rename(columns={"c": "d"})


def frames(library):
    if library == "pandas":
        return FIRST, SECOND, TURNED, RENAMED
    module = pytest.importorskip(library)
    make = module.from_pandas if library == "polars" else module.Table.from_pandas
    return tuple(make(frame.reset_index(drop=True)) for frame in (FIRST, SECOND, TURNED, RENAMED))


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_in_another_order_are_refused(library) -> None:
    first, second, turned, renamed = frames(library)
    words = "earlier rows in another order: column 0 is 'b', and was 'a'"
    for make, of in ((Moments, lambda y: y), (TargetMoments, lambda y: [y])):
        found = make().update(first, of(Y[:40]))
        for copied in (found, pickle.loads(pickle.dumps(found)), found.__copy__()):
            with pytest.raises(ValueError, match=words):
                copied.update(turned, of(Y[40:]))
            with pytest.raises(ValueError, match=r"other columns .* column 2 is 'd', and was 'c'"):
                copied.update(renamed, of(Y[40:]))
            assert copied.n_samples == 40
        found.update(second, of(Y[40:]))
    with pytest.raises(ValueError, match=words):
        Moments.from_blocks([(first, Y[:40]), (turned, Y[40:])])
    with pytest.raises(ValueError, match=words):
        rank_sources({"a": [(first, Y[:40]), (turned, Y[40:])]}, by="h_score")
    blocks = [(first, Y[:40]), (second, Y[40:])]
    assert Moments.from_blocks(blocks).h_score() == pytest.approx(TRUTH, rel=1e-12)


def test_statistics_of_tables_are_merged_in_one_order_only() -> None:
    first, turned = Moments().update(FIRST, Y[:40]), Moments().update(TURNED, Y[40:])
    for change in (Moments.merge, Moments.subtract):
        with pytest.raises(ValueError, match="in another order"):
            change(first.copy(), turned)
    with pytest.raises(ValueError, match="in another order"):
        (Moments() + first).update(TURNED, Y[40:])


def test_columns_without_names_go_by_place() -> None:
    """Arrays, and what scalers return, say nothing of their columns."""
    for second in (X[40:], pandas.DataFrame(X[40:])):
        found = Moments().update(FIRST, Y[:40]).update(second, Y[40:])
        assert found.h_score() == pytest.approx(TRUTH, rel=1e-12)
        with pytest.raises(ValueError, match="in another order"):
            found.update(TURNED, Y[40:])


def test_a_list_of_tables_is_refused() -> None:
    with pytest.raises(TypeError, match=r"list of tables \(DataFrame\): .* pandas\.concat"):
        h_score([FIRST, TURNED], Y)
