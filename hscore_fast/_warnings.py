"""The categories of this package's warnings."""

__all__ = ["PrecisionWarning", "SaturationWarning", "SingleClassWarning"]


class SaturationWarning(UserWarning):
    """The features separate any labels: with rank N - 1 the score is C - 1 whatever they are."""


class PrecisionWarning(UserWarning):
    """Fewer than six digits of the score are certain, or three when float32 was asked for."""


class SingleClassWarning(UserWarning):
    """There is only one class, so the score is 0 by definition."""
