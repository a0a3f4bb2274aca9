"""A script's beginning that watches its own memory: what was allocated, not what was mapped."""

WATCH = """
import sys
import numpy as np
import hscore_fast
from hscore_fast.bench.memory import watched

def growth(call):
    with watched(0.002) as memory:
        call()
    return memory.peak - memory.before
"""
