"""A script's beginning that watches its own memory: what was allocated, not what was mapped."""

WATCH = """
import sys, threading, time
import numpy as np
import hscore_fast

def anonymous():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024

def growth(call):
    start = peak = anonymous()
    done = False

    def watch():
        nonlocal peak
        while not done:
            peak = max(peak, anonymous())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done = True
    watcher.join()
    return peak - start
"""
