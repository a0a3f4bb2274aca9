"""Trees as indented text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["text_tree"]

Node = TypeVar("Node")


def text_tree(
    root: Node, children: Callable[[Node], Sequence[Node]], shown: Callable[[Node], str]
) -> str:
    """Draw a tree, a line for each node; of any depth."""
    lines = []
    waiting = [(root, "", "")]
    while waiting:
        node, branch, indent = waiting.pop()
        lines.append(branch + shown(node))
        below = list(children(node))
        for place, child in reversed(list(enumerate(below))):
            last = place == len(below) - 1
            waiting.append(
                (child, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))
            )
    return "\n".join(lines)
