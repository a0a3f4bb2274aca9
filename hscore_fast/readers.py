"""Arrays in files, addressed by one string: ``features.npy``, ``file.h5:/layer4``, ``parts/*.h5``.

An array that lies in its file as it does in memory is mapped, and costs no memory; any other is
streamed in blocks, which a thread reads ahead while the caller computes. The table of formats is in
``_files/opening.py``; each has a module of its own, which imports its library when it is used.
"""

from hscore_fast._files.addresses import allow_external
from hscore_fast._files.opening import open_array, open_source
from hscore_fast._files.source import AnyArray, Source
from hscore_fast._inputs.address import Address
from hscore_fast._moments.from_files import read_moments
from hscore_fast._public import publish

__all__ = [
    "Address",
    "AnyArray",
    "Source",
    "allow_external",
    "open_array",
    "open_source",
    "read_moments",
]

publish(globals())
