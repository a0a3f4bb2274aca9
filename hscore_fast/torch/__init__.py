"""Score the layers of torch models while batches flow through them.

Needs the extra ``torch``.
"""

from hscore_fast._public import publish
from hscore_fast.torch.collector import Collector

__all__ = ["Collector"]

publish(globals())
