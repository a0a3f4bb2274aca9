"""Features and labels in files: addresses, blocks, reading ahead, one module for each format.

May import `_inputs`. `hscore_fast.readers` is the public face of this room.
"""
