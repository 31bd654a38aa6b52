"""The terminal that a command writes to."""

from __future__ import annotations

import os
import shutil
import sys


def width() -> int:
    """Columns."""
    return shutil.get_terminal_size().columns


def color() -> bool:
    """On a terminal that has colours, unless ``NO_COLOR`` says otherwise (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
