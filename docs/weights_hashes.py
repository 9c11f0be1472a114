"""Write the hashes of the shipped weights that carry none in their header, beside them: run it when they change."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open

from napari_deepblur.io.tensor_files import digest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "napari_deepblur"


def hashes() -> dict[str, str]:
    """Return the hash of each file of weights or spectra in the package that does not state it itself."""
    found: dict[str, str] = {}
    for path in sorted([*PACKAGE.glob("weights/*.safetensors"), *PACKAGE.glob("families/*.*.safetensors")]):
        with safe_open(path, "pt") as file:
            if "sha256" not in (file.metadata() or {}):
                found[path.name] = digest({name: file.get_tensor(name) for name in file.keys()})
    return found


if __name__ == "__main__":
    target = PACKAGE / "weights" / "hashes.json"
    target.write_text(json.dumps(hashes(), indent=2) + "\n", encoding="utf-8")
    print(f"{target.name}: {len(hashes())} files")
