"""Make the tables of the settings from their fields: that of the command line, and those of the page in this folder."""

from __future__ import annotations

import json
from pathlib import Path

from napari_deepblur.cli import option_table

PAGE = Path(__file__).with_name("settings.md")

if __name__ == "__main__":
    rows = option_table.made()
    table = Path(option_table.__file__).with_name(option_table.FILE)
    table.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    words = PAGE.read_text(encoding="utf-8").split("\n## ")[0].rstrip()
    PAGE.write_text(f"{words}\n\n{option_table.as_markdown(rows)}", encoding="utf-8")
