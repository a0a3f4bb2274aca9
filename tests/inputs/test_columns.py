"""Which columns of a table are features: the decision, without any table."""

from __future__ import annotations

import numpy as np
import pytest

from hscore_fast import ColumnWarning
from hscore_fast._inputs.column_doubts import Field, Suspect, column_doubt, is_row_number
from hscore_fast._inputs.columns import ColumnRequest, as_column_request, choose, refuse_request

FLOATS = [Field(f"f{j}", "float", "double") for j in range(8)]
ID = Field("image_id", "integer", "int64")
LABEL = Field("label", "integer", "int64")
PATH = Field("path", "other", "string")
DECIMAL = Field("price", "refused", "decimal128(5, 2)", "convert it with .cast")
VECTORS = Field("emb", "vectors", "list<float>")


def taken(fields, request=None, **options) -> list[str]:
    choice = choose(fields, request or ColumnRequest(), **options)
    return [fields[place].name for place in choice.taken]


def test_the_labels_an_index_and_what_holds_no_numbers_are_left_out() -> None:
    fields = [*FLOATS[:2], ID, LABEL, PATH, Field("__index_level_0__", "integer", "int64")]
    choice = choose(fields, ColumnRequest().without(["label"]), index=["image_id"])
    assert choice.taken == [0, 1]
    assert choice.left_out == {
        "image_id": "index",
        "label": "labels",
        "path": "no numbers (string)",
        "__index_level_0__": "index",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["f0", "f1", "n"]),
        ({"columns": "f*"}, ["f0", "f1"]),
        ({"columns": ["f1", "f0"]}, ["f0", "f1"]),
        ({"columns": ["f0", "id"]}, ["f0", "id"]),  # named in full
        ({"columns": ["f0", "i*"]}, ["f0"]),  # an index is not what a pattern means
        ({"columns": ["f0", "y"]}, ["f0"]),  # the labels are none, in any case but one
        ({"keep": "y"}, ["f0", "f1", "n", "y"]),
        ({"keep": "id"}, ["f0", "f1", "n", "id"]),
        ({"drop": "f?"}, ["n"]),
        ({"drop": "f1", "keep": "f*"}, ["f0", "n"]),
        ({"columns": "f*", "drop": "f0", "keep": "id"}, ["f1"]),
    ],
)
def test_columns_drop_and_keep(options, expected) -> None:
    whole = [Field(name, "integer", "int64") for name in ("n", "id", "y")]
    request = as_column_request(**options).without(["y"])
    assert taken([*FLOATS[:2], *whole], request, index=["id"]) == expected


def test_a_name_is_looked_for_before_a_pattern() -> None:
    fields = [Field(name, "float", "double") for name in ("f[0]", "f0", "f1")]
    assert taken(fields, as_column_request(columns="f[0]")) == ["f[0]"]
    assert taken(fields, as_column_request(columns="f[01]")) == ["f0", "f1"]
    numbered = [Field(j, "float", "double") for j in range(3)]
    assert taken(numbered, as_column_request(drop=1)) == [0, 2]


@pytest.mark.parametrize("option", ["columns", "drop", "keep"])
@pytest.mark.parametrize(
    ("name", "words"),
    [("lable", ("near it are 'label'",)), ("zz*", ("which has 'f0', 'f1'", "'label'"))],
)
def test_unknown_names_are_refused_with_what_is_near(option, name, words) -> None:
    with pytest.raises(ValueError, match=rf"^{option}='.*' matches no column of 't'") as caught:
        choose([*FLOATS, LABEL], as_column_request(**{option: name}), what="'t'")
    assert all(word in str(caught.value) for word in words)


def test_of_several_tables_one_must_have_what_is_left_out() -> None:
    names = [["f0", "fold"], None, ["f0", "f1"]]
    request = as_column_request(drop="fold", keep="f*").among(names)
    assert taken(FLOATS[:2], request) == ["f0", "f1"]
    refuse_request(request, "an array")
    with pytest.raises(ValueError, match="drop='split' matches no column of any source"):
        as_column_request(drop="split").among(names)
    with pytest.raises(ValueError, match="columns='fold' matches no column of 't'"):
        choose(FLOATS, as_column_request(columns="fold").among(names), what="'t'")
    with pytest.raises(ValueError, match="columns='f0' needs a table"):
        refuse_request(as_column_request(columns="f0").among(names), "an array")
    with pytest.raises(ValueError, match="drop='f0' needs a table"):
        refuse_request(as_column_request(drop="f0").among([None, None]), "an array")


@pytest.mark.parametrize("names", [b"f0", None, [None], [b"x"], {"f0": 1}, 1.5])
def test_what_is_no_name_is_refused(names) -> None:
    if names is None:
        assert not as_column_request(names).given
        return
    with pytest.raises(TypeError, match="drop must be"):
        as_column_request(drop=names)


def test_no_name_is_refused() -> None:
    with pytest.raises(ValueError, match="keep names no column"):
        as_column_request(keep=[])


def test_numbers_that_cannot_be_read_are_refused_unless_left_out() -> None:
    with pytest.raises(TypeError, match=r"'price' of type decimal128\(5, 2\).*drop='price'"):
        choose([*FLOATS, DECIMAL])
    assert len(taken([*FLOATS, DECIMAL], as_column_request(drop="price"))) == 8
    with pytest.raises(TypeError, match="'path' of type string"):
        choose([*FLOATS, PATH], as_column_request(keep="path"))


def test_vectors_beside_others_must_be_named() -> None:
    with pytest.raises(ValueError, match=r"column of lists 'emb' beside others \('f0'"):
        choose([*FLOATS, VECTORS])
    assert taken([*FLOATS, VECTORS, PATH], as_column_request(columns="emb")) == ["emb"]
    assert taken([VECTORS, LABEL], ColumnRequest().without(["label"])) == ["emb"]
    both = as_column_request(columns=["emb", "f0"])
    assert taken([*FLOATS, VECTORS], both) == ["f0", "emb"]


def doubt(fields, values, codes, request=None) -> ColumnWarning | None:
    choice = choose(fields, request or ColumnRequest())
    suspects = [
        Suspect(fields[place], lambda place=place: np.asarray(values[fields[place].name]))
        for place in choice.suspects
    ]
    return column_doubt(suspects, [codes], [int(codes.max()) + 1])


N = 120
CODES = (np.arange(N) % 3).astype(np.int32)
ORDINARY = np.random.default_rng(0).integers(0, 50, N)


@pytest.mark.parametrize(
    "name",
    [
        *("id", "ID", "image_id", "imageId", "sampleID", "index", "idx", "fold", "cv_fold"),
        *("split", "set", "Unnamed: 0", "row_nr"),
    ],
)
@pytest.mark.parametrize("kind", ["integer", "boolean"])
def test_a_name_may_say_it(name, kind) -> None:
    field = Field(name, kind, kind)
    warning = doubt([*FLOATS, field], {name: ORDINARY}, CODES)
    assert isinstance(warning, ColumnWarning)
    assert f"drop={name!r}" in str(warning)
    assert doubt([*FLOATS, field], {}, CODES, as_column_request(keep=name)) is None
    assert doubt([*FLOATS, field], {}, CODES, as_column_request(columns=["f*", name])) is None


@pytest.mark.parametrize(
    "name",
    [
        *("width", "grid", "period", "valid", "sets", "dataset_size", "splits", "humid", "paid"),
        *("indexed", "identity", "avoid", "f1", "mid", 0, 7, "unfold", "scaffold"),
    ],
)
def test_an_ordinary_name_says_nothing(name) -> None:
    assert doubt([*FLOATS, Field(name, "integer", "int64")], {name: ORDINARY}, CODES) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.arange(N), "in order"),
        (np.arange(N)[::-1], "in order"),
        (np.arange(N, dtype=np.uint8), "in order"),
        (5000 + 2 * np.arange(N), "in order"),
        (np.array([7, 3, 11])[CODES], "one value for each class"),
    ],
)
def test_values_may_say_it(values, words) -> None:
    fields = [*FLOATS, Field("n", "integer", "int64")]
    warning = doubt(fields, {"n": values}, CODES)
    assert warning is not None
    assert words in str(warning)
    assert doubt(fields, {"n": values[:99]}, CODES[:99]) is None  # by chance, perhaps


def test_a_flag_for_two_classes() -> None:
    codes = (ORDINARY > 20).astype(np.int32)
    fields = [*FLOATS, Field("flag", "boolean", "bool")]
    assert "one value for each class" in str(doubt(fields, {"flag": codes == 0}, codes))
    noisy = codes == 0
    noisy[5] = not noisy[5]
    assert doubt(fields, {"flag": noisy}, codes) is None


def test_of_several_targets_any_may_be_in_a_column() -> None:
    other = (np.arange(N) % 4).astype(np.int32)
    suspects = [Suspect(Field("n", "integer", "int64"), lambda: other)]
    assert column_doubt(suspects, [CODES], [3]) is None
    assert "'n' has one value" in str(column_doubt(suspects, [CODES, other], [3, 4]))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("counts", ORDINARY),
        ("constant", np.full(N, 3)),
        ("timestamp", 1_700_000_000 + 60 * np.arange(N)),
        ("n", 1_700_000_000 + 60 * np.arange(N)),
        ("year", 1900 + np.arange(N)),
        ("sorted", np.sort(ORDINARY)),
        ("shuffled", np.random.default_rng(1).permutation(N)),
        ("nearly", np.append(np.arange(N - 1), N + 1)),
    ],
)
def test_ordinary_values_say_nothing(name, values) -> None:
    assert doubt([*FLOATS, Field(name, "integer", "int64")], {name: values}, CODES) is None


def test_few_rows_a_class_say_nothing() -> None:
    """Fifty classes of three rows: a column may tell them apart by chance of design."""
    codes = np.repeat(np.arange(50), 3).astype(np.int32)
    fields = [*FLOATS, Field("n", "integer", "int64")]
    assert doubt(fields, {"n": 100 - codes}, codes) is None


@pytest.mark.parametrize("n_integers", [2, 8, 200])
def test_a_table_of_integers_is_data(n_integers) -> None:
    """Counts, one-hot columns and bags of words, among them words such as "set" and "id"."""
    names = ["id", "set", *(f"w{j}" for j in range(n_integers))]
    fields = [Field(name, "integer", "int64") for name in names]
    assert choose(fields).suspects == []
    assert choose([*FLOATS[:1], *fields]).suspects == []


def test_many_integers_beside_many_floats_are_data_too() -> None:
    floats = [Field(f"x{j}", "float", "float") for j in range(1000)]
    integers = [Field(f"n{j}", "integer", "int64") for j in range(100)]
    choice = choose([*floats, *integers, ID])
    assert choice.suspects == [1100]


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_row_numbers_of_every_type(dtype) -> None:
    values = np.arange(100).astype(dtype)
    assert is_row_number(values)
    assert is_row_number(values[::-1])
    values[50] = 3
    assert not is_row_number(values)
    assert not is_row_number(np.zeros(100, dtype))
