"""What the caller gave, in memory: arrays, tables, labels, options, and what is checked of them.

Nothing here knows of files, of scores or of the statistics; every other room may import it.
"""
