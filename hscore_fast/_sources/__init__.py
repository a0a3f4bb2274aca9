"""Several sources, one target: ranking them, choosing among them, pairs of them.

May import every room that scores one source.
"""
