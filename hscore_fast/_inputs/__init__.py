"""Inputs in memory: arrays, tables, labels and options, and the checks of them.

Nothing here knows of files, of scores or of the statistics; every other room may import it.
"""
