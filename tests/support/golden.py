"""Golden files: what a translation is known to give. `CAREWATCH_GOLDEN=update` rewrites them."""

import os
from pathlib import Path


def check_golden(path: Path, text: str) -> None:
    """The text is that of the file; review a rewritten one by eye."""
    if os.environ.get("CAREWATCH_GOLDEN") == "update":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
