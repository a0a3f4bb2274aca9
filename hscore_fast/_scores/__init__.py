"""One source to numbers: each public score, in a module that has its name.

May import `_inputs`, `_files`, `_results` and `_moments`.
"""
