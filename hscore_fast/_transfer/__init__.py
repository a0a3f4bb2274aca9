"""Many sources by many targets: the matrix of transfer, and what is drawn from it.

May import every room that scores one source.
"""
