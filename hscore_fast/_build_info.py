"""What the compiled core says of how it was built."""

from typing import TypedDict

__all__ = ["BuildInfo"]


class BuildInfo(TypedDict):
    """What :func:`hscore_fast.build_info` returns."""

    version: str
    isa: str
    compiler: str
    flags: str
    openmp: bool
    eigen: str
    tile_unit: bool
