"""A progress bar for ``progress=True``, in terminals and notebooks."""

from __future__ import annotations

from typing import Any

__all__ = ["ProgressBar"]


class ProgressBar:
    """Show a bar of tqdm's from the first call until all is done.

    Parameters
    ----------
    unit : str
        What is counted.
    """

    def __init__(self, unit: str) -> None:
        try:
            from tqdm.auto import tqdm
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "tqdm":
                raise
            raise ModuleNotFoundError(
                "progress=True needs tqdm, which is not installed: pip install tqdm, or pass a "
                "function of two numbers, what is done and the total",
                name="tqdm",
            ) from error
        self._new = tqdm
        self._unit = unit
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Move the bar; a smaller number than before begins another one."""
        if self._bar is not None and done < self._bar.n:
            self._close()
        if self._bar is None and done < total:
            self._bar = self._new(total=total, unit=f" {self._unit}", unit_scale=total > 10_000)
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
            if done >= total:
                self._close()

    def _close(self) -> None:
        self._bar.close()
        self._bar = None
