"""Bytes of Moments: readable from the documentation's page alone, and refused when damaged."""

import pickle
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import make_problem, svd_h_score

from hscore_fast import Moments

X, Y = make_problem(200, 6, 4)


def gathered(labels=None) -> Moments:
    return Moments().update(X + 5, Y if labels is None else labels)


def read_by_the_page(data: bytes):
    """What docs/moments-format.md says, and nothing from the library."""
    magic, version, flags, length, f, c, rows, _, unit, fourth, n_labels = struct.unpack_from(
        "<8sIIQQQQQddQ", data
    )
    assert (magic, version, length) == (bytes.fromhex("8948534d0d0a1a0a"), 1, len(data))
    assert zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little")
    at = 8 + 4 + 4 + 5 * 8 + 2 * 8 + 8

    def take(count: int) -> np.ndarray:
        nonlocal at
        at += 8 * count
        return np.frombuffer(data[at - 8 * count : at], "<f8")

    shift, triangle, weights = take(f), take(f * (f + 1) // 2), take(c)
    sums = take(c * f).reshape(c, f)
    cancelled = take(f) if flags & 2 else None
    cubes = take(f) if flags & 1 else None
    labels = data[at : at + n_labels] if flags & 4 else None
    assert at + n_labels + 4 == length
    scatter = np.zeros((f, f))
    scatter[np.tril_indices(f)] = triangle
    scatter += np.tril(scatter, -1).T
    return rows, shift, scatter, weights, sums, cancelled, (unit, fourth, cubes), labels


def test_the_page_is_enough() -> None:
    rows, shift, scatter, weights, sums, cancelled, norms, labels = read_by_the_page(
        gathered().to_bytes()
    )
    u = X + 5 - shift
    assert rows == len(X)
    assert cancelled is None
    np.testing.assert_allclose(scatter, u.T @ u, rtol=1e-12, atol=1e-9)
    squared = norms[0] * (u**2).sum(axis=1)
    np.testing.assert_allclose(norms[1], (squared**2).sum(), rtol=1e-12)
    np.testing.assert_allclose(norms[2], squared @ u, rtol=1e-9, atol=1e-9)
    codes = [struct.unpack("<cq", labels[9 * c : 9 * c + 9]) for c in range(4)]
    assert sorted(codes) == [(b"i", c) for c in range(4)]
    # The score, as the page has it.
    n = weights.sum()
    d = sums.sum(axis=0) / n
    inner = scatter - n * np.outer(d, d)
    means = sums / weights[:, None] - d
    outer = (means * weights[:, None]).T @ means
    assert np.trace(np.linalg.solve(inner, outer)) == pytest.approx(svd_h_score(X, Y), rel=1e-12)


def test_cancelled_sums_are_where_the_page_says() -> None:
    moments = gathered() - Moments().update(X[:50] + 5, Y[:50])
    cancelled = read_by_the_page(moments.to_bytes())[5]
    assert cancelled is not None
    assert (cancelled > 0).all()


KINDS = {
    "integers": [-(2**63), 2**63 - 1, 0, 7],
    "large integers": [2**70, -(2**80), 1, 2],
    "booleans": [True, False],
    "floats": [0.0, -1e300],
    "strings": ["a", "ä€😀", ""],
    "bytes": [b"", b"\x00\xff"],
    "a lone surrogate": ["\ud800", "b"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_every_kind(kind: str) -> None:
    values = KINDS[kind]
    labels = np.array([*values, None], dtype=object)[:-1][np.arange(200) % len(values)]
    moments = gathered(labels)
    back = Moments.from_bytes(moments.to_bytes())
    assert back == moments
    assert back.classes == moments.classes
    assert [type(label) for label in back.classes] == [type(label) for label in moments.classes]
    assert back.h_score() == moments.h_score()


def test_other_labels_are_refused_and_can_be_pickled() -> None:
    labels = np.empty(200, dtype=object)
    labels[:] = [(int(code), "x") for code in Y]
    moments = gathered(labels)
    with pytest.raises(TypeError, match=r"got \(\d, 'x'\) of type tuple: pickle the Moments"):
        moments.to_bytes()
    assert pickle.loads(pickle.dumps(moments, protocol=5)) == moments


def test_nothing_seen() -> None:
    for empty in (Moments(), Moments(3)):
        back = Moments.from_bytes(empty.to_bytes())
        assert back == empty
        assert back.n_features == empty.n_features


def refusal(data) -> str:
    with pytest.raises(ValueError, match="Moments") as caught:
        Moments.from_bytes(data)
    return str(caught.value)


def refused(data: bytes) -> bool:
    """Whether reading fails, which it may in one way only."""
    try:
        Moments.from_bytes(data)
    except ValueError as error:
        return "Moments" in str(error) or pytest.fail(str(error))
    return False


def with_checksum(data: bytes) -> bytes:
    return data[:-4] + struct.pack("<I", zlib.crc32(data[:-4]))


def test_damage_is_found() -> None:
    data = gathered().to_bytes()
    assert "not a Moments" in refusal(b"")
    assert "not a Moments" in refusal(b"\x93NUMPY" + data)
    assert f"{len(data) - 1} bytes where {len(data)}" in refusal(data[:-1])
    for place in (20, 100, len(data) - 10):
        damaged = bytearray(data)
        damaged[place] ^= 4
        assert "damaged" in refusal(damaged)
    newer = with_checksum(data[:8] + struct.pack("<I", 2) + data[12:])
    assert "written in format 2" in refusal(newer)
    assert "upgrade" in refusal(newer)
    with pytest.raises(TypeError, match="got int"):
        Moments.from_bytes(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("label", "told", "words"),
    [
        (b"s\x03\0\0\0abc", b"q\x03\0\0\0abc", "unknown kind b'q'"),
        (b"s\x03\0\0\0abc", b"s\xff\0\0\0abc", "a label is cut off"),
        (b"s\x03\0\0\0abc", b"s\x03\0\0\0\xff\xfe\xfd", "can't decode"),
        (b"s\x03\0\0\0abc", b"s\x03\0\0\0xyz", "1 different labels for 2 classes"),
    ],
)
def test_a_writer_may_lie_about_a_label(label: bytes, told: bytes, words: str) -> None:
    data = Moments().update(X[:4], ["abc", "xyz", "abc", "xyz"]).to_bytes()
    assert data.count(label) == 1
    assert words in refusal(with_checksum(data.replace(label, told)))


@pytest.mark.parametrize("field", range(9))
@pytest.mark.parametrize("value", [0, 1, 2**31, 2**62, 2**64 - 1])
def test_a_writer_may_lie_about_any_number(field: int, value: int) -> None:
    """Each of the header's numbers after the version, with a checksum that fits."""
    data = bytearray(gathered().to_bytes())
    at = [12, 16, 24, 32, 40, 48, 56, 64, 72][field]
    size = "<I" if field == 0 else "<Q"
    before = data[at : at + struct.calcsize(size)]
    struct.pack_into(size, data, at, value % 2 ** (8 * struct.calcsize(size)))
    if data[at : at + struct.calcsize(size)] == before:
        return
    if not refused(with_checksum(bytes(data))):
        # Rows, when weights may be anything, and the norm moments: any is as good as another.
        assert field in (4, 5, 6, 7)


@given(st.binary(max_size=200), st.integers(0, 400), st.booleans())
def test_any_bytes_are_read_or_refused(noise: bytes, place: int, fits: bool) -> None:
    written = gathered().to_bytes()
    data = written[:place] + noise + written[place + len(noise) :]
    # With a checksum that fits, numbers are as good as any others.
    assert refused(with_checksum(data) if fits else data) or fits or data == written


def test_pickles_that_are_damaged_or_newer() -> None:
    moments = gathered()
    state = moments.__getstate__()
    for change, words in (
        ({"version": 99}, "pickled in format 99"),
        ({"classes": [1, 2, 3]}, "3 labels for 4 classes"),
        ({"classes": None}, "parts of it are missing"),
        ({"statistics": state["statistics"][:-9]}, "damaged"),
    ):
        with pytest.raises(ValueError, match=words):
            Moments.__new__(Moments).__setstate__({**state, **change})
    with pytest.raises(ValueError, match="format None"):
        Moments.__new__(Moments).__setstate__(None)
