"""`python -m napari_deepblur` is the command `napari-deepblur`, where the folder of commands is on no path."""

import sys

from napari_deepblur.cli import main

if __name__ == "__main__":
    sys.exit(main())
