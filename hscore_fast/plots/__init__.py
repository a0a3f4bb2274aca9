"""Figures of scores: `ranking`, `classes`, `agreement`, `heat_map`, `dendrogram`, `tree`.

Each takes plain numbers and names and returns a matplotlib figure, which notebooks show by
themselves. It is drawn in the axes given as ``ax``, or in a figure of its own: no window is opened,
and neither pyplot nor matplotlib's settings are touched. `save` writes it as vectors (.svg, .pdf)
or pixels (.png). Needs matplotlib, from the extra ``plot``.
"""

from hscore_fast._public import publish
from hscore_fast.plots.figure import save
from hscore_fast.plots.matrix import heat_map
from hscore_fast.plots.scores import agreement, classes, ranking
from hscore_fast.plots.trees import dendrogram, tree

__all__ = ["agreement", "classes", "dendrogram", "heat_map", "ranking", "save", "tree"]

publish(globals())
