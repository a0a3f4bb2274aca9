"""Figures of scores, ready to print: `ranking`, `agreement`, `heat_map`, `dendrogram`, `tree`.

Each takes plain numbers and names and returns a matplotlib figure, which belongs to nobody else: no
window is opened, and neither pyplot nor matplotlib's settings are touched. `save` writes it as
vectors (.svg, .pdf) or pixels (.png). Needs the extra ``plot``.
"""

from hscore_fast._public import publish
from hscore_fast.plots.figure import save
from hscore_fast.plots.matrix import heat_map
from hscore_fast.plots.scores import agreement, ranking
from hscore_fast.plots.trees import dendrogram, tree

__all__ = ["agreement", "dendrogram", "heat_map", "ranking", "save", "tree"]

publish(globals())
