"""Figures that show themselves in notebooks, although pyplot does not know of them."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

__all__ = ["ShownFigure"]

_PIXELS_PER_INCH = 192  # of high-resolution screens; shown at half of it


class ShownFigure(Figure):
    """A figure that notebooks show as a picture, without pyplot or any setting."""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        """Return the picture and the size at which it is to be shown."""
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=_PIXELS_PER_INCH)
        width, height = self.get_size_inches() * _PIXELS_PER_INCH / 2
        return file.getvalue(), {"width": round(width), "height": round(height)}
