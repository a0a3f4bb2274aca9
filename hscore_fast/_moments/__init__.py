"""Sufficient statistics: `Moments` and `TargetMoments`, how they are stored, filled and divided.

May import `_inputs`, `_files` and `_results`; the rooms that score import it.
"""
