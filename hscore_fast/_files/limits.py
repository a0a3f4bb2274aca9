"""How much of a file is read, kept or remembered at a time.

Read as ``limits.BLOCK_BYTES`` and so on, never by ``from ... import``: a test that wants many small
blocks sets the number here.
"""

# Large enough for a disk, small enough for the memory of one to be used again for another: malloc
# gives what is 32 MB back to the system, and has it cleared anew.
BLOCK_BYTES = 16 << 20
MOST_CHUNK_BYTES = 128 << 20  # a stored piece up to here is read whole rather than twice
MOST_PIECES = 100_000  # of a matrix that is seen in place: some hundred bytes describe one

INFLATE_BYTES = 1 << 18  # of a compressed member, read at a time
CACHE_LINE = 64  # bytes of a line of the processor's cache

# Threads.
MOST_DECODERS = 8  # each holds a file and what it is at
PATIENCE = 1.0  # seconds between a reader's looks whether there still is a consumer
HEARING = 0.5  # seconds between looks for an interrupt: Windows hears no Ctrl-C while it waits

# HDF5.
MOST_CHUNKS = 1_000_000  # whose places are worth remembering
LARGE_PIECE_BYTES = 1 << 20  # worth a block of their own
LEAST_PACKED_BYTES = 1 << 14  # of smaller chunks handling each costs more than unpacking it

# Parquet and Arrow.
MOST_HELD_BYTES = 128 << 20  # that pyarrow may hold of a table; one that takes more goes to a file
PART_BYTES = 2 << 20  # of the columns that a thread then decodes together
DECODED_BYTES = 256 << 20  # of rows that are decoded to a file before the core takes them
ROWS_OF_ONE_COLUMN = 1 << 20  # at a time, where one is read alone
MOST_READERS = 64  # each keeps the schema, which takes 1 MB for 8,000 columns
# That pyarrow holds of a column as it decodes it: a page and the dictionary, 1 MB each as most
# writers cut them, one of them twice.
COLUMN_BYTES = 5 << 19
ZERO_BYTES = 1 << 20  # written at a time where space in a file is reserved by writing
