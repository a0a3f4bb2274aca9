"""Build information of the compiled core."""

from typing import TypedDict

__all__ = ["BuildInfo"]


class BuildInfo(TypedDict):
    """Result of :func:`hscore_fast.build_info`."""

    version: str
    isa: str
    compiler: str
    flags: str
    openmp: bool
    eigen: str
    tile_unit: bool
