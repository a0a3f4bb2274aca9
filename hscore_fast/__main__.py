"""``python -m hscore_fast``: the command where its script is not on the path."""

import sys

from hscore_fast.cli import main

if __name__ == "__main__":
    sys.exit(main())
