"""Other scores of transferability, to compare with: LogME, LEEP, NCE, TransRate, neighbours.

Each is written here from its publication, with the argument order of ``tllib.ranking``. LogME needs
no more of the features than :class:`hscore_fast.Moments` holds; TransRate and neighbours need the
rows. docs/rivals.md says what they measure.
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
