"""Other scores of transferability, to compare with: LogME, LEEP, NCE, TransRate, neighbours.

Each is written here from its publication, with the argument order of ``tllib.ranking``; for most
none of the features' structure is needed that :class:`hscore_fast.Moments` does not hold. See
docs/rivals.md for what they measure and how they compare.
"""

from hscore_fast._public import publish
from hscore_fast.rivals.agreement import Agreement, Estimate, agreement
from hscore_fast.rivals.log_evidence import log_me, log_me_of_targets
from hscore_fast.rivals.of_rows import knn, trans_rate
from hscore_fast.rivals.predictions import leep, nce
from hscore_fast.rivals.table import Agreements, ScoreTable, score_table

__all__ = [
    "Agreement",
    "Agreements",
    "Estimate",
    "ScoreTable",
    "agreement",
    "knn",
    "leep",
    "log_me",
    "log_me_of_targets",
    "nce",
    "score_table",
    "trans_rate",
]

publish(globals())
