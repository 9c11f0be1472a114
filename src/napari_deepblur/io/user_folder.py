"""Where a user's own files lie: microscopes that were named, and the details of the last unexpected error."""

from __future__ import annotations

import os
from pathlib import Path


def user_folder() -> Path:
    """Return the folder, by the custom of the system; it need not be there yet."""
    if os.name == "nt":
        base = Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"))
    return base / "napari-deepblur"
