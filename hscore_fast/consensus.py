"""One ranking of sources from their scores on many targets."""

from hscore_fast._public import publish
from hscore_fast._transfer.agreement import consensus, pairwise_wins, priority_weights

__all__ = ["consensus", "pairwise_wins", "priority_weights"]

publish(globals())
