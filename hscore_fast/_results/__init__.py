"""Statements about a score: warnings, adjustment for chance, significance, reports, their display.

Functions of numbers that the core returned. May import `_inputs`; the rooms that score import it.
"""
