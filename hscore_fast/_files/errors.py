"""One ValueError with the path for a damaged file, whatever its library raises."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["clear_damage"]


@contextmanager
def clear_damage(path: Path) -> Iterator[None]:
    """Turn what a format's library raises into a ValueError that names the file.

    What the system says of a file, such as that it may not be read, stays as it is; so do a library
    that is missing, memory that ran out, and a ValueError or TypeError that names the file already.
    """
    try:
        yield
    except (ModuleNotFoundError, MemoryError):
        raise
    except OSError as error:
        # EINVAL: a place before the beginning of the file. lzma's and HDF5's have no number.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise _damaged(path, error) from error
    except Exception as error:
        if isinstance(error, (ValueError, TypeError)) and _names(error, path):
            raise
        raise _damaged(path, error) from error


def _names(error: Exception, path: Path) -> bool:
    text = str(error)
    return not isinstance(error, UnicodeError) and (
        str(path) in text or repr(str(path))[1:-1] in text
    )


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ValueError(f"{str(path)!r} is truncated or damaged ({reason}); write it again")
