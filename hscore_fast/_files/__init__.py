"""What lies in files: addresses, sources of blocks, reading ahead, and one module for each format.

May import `_inputs`. `hscore_fast.readers` is the public face of this room.
"""
