"""``python -m SpineLib`` is the command ``spine``."""

import sys

from SpineLib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
