"""Unpacking, by either library, gives what was packed or says that it cannot."""

import importlib.util
import io
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

DATA = st.builds(
    lambda start, times: start * times, st.binary(max_size=300), st.sampled_from([1, 3, 2000])
)


@pytest.fixture(scope="module", params=["isal", "zlib"])
def inflating(request):
    """A copy of the module that unpacks by that library."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "isal":
            pytest.importorskip("isal")
        else:
            patch.setitem(sys.modules, "isal.isal_zlib", None)
        spec = importlib.util.find_spec("hscore_fast._files.inflate")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    assert (module.zlib is zlib) == (request.param == "zlib")
    return module


def packed(data, level):
    stream = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def read(stream, step):
    found, room = b"", bytearray(step)
    while count := stream.readinto(memoryview(room)):
        found += room[:count]
    return found


@given(DATA, st.sampled_from([0, 1, 6, 9]), st.sampled_from([7, 4096, 1 << 18]))
def test_what_was_packed_comes_out(inflating, data, level, step):
    assert inflating.inflate(zlib.compress(data, level), len(data)) == data
    raw = packed(data, level)
    stream = inflating.Inflated(io.BytesIO(raw + b"what follows"), len(raw), zlib.crc32(data))
    assert read(stream, step) == data
    assert stream.readinto(bytearray(5)) == 0


@given(DATA, st.sampled_from([0, 1, 6, 9]), st.data())
def test_part_of_it_is_refused(inflating, data, level, draw):
    raw, whole = packed(data, level), zlib.compress(data, level)
    cut = draw.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(inflating.DamagedError):
        read(inflating.Inflated(io.BytesIO(raw[:cut]), len(raw), zlib.crc32(data)), 4096)
    with pytest.raises(inflating.DamagedError):
        inflating.inflate(whole[:cut], len(data))


def test_another_checksum_or_size_is_refused(inflating):
    raw = packed(b"numbers", 6)
    with pytest.raises(inflating.DamagedError, match="checksum"):
        read(inflating.Inflated(io.BytesIO(raw), len(raw), zlib.crc32(b"numbers") ^ 1), 100)
    for size in (6, 8):
        with pytest.raises(inflating.DamagedError, match=f"{size} bytes were packed"):
            inflating.inflate(zlib.compress(b"numbers"), size)
