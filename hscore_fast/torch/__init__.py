"""Rank torch models, and the layers of one, while batches flow through them.

Needs the extra ``torch``.
"""

from hscore_fast._public import publish
from hscore_fast.torch.collector import Collector
from hscore_fast.torch.models import rank_models

__all__ = ["Collector", "rank_models"]

publish(globals())
