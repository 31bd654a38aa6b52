"""The plots of a report as PNG, for documents: text is drawn, so a font with the letters has to be here."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from pytest_llmeval.language import _, ngettext

from . import chapters, drawing, plots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .page import Page

DOTS_PER_INCH = 200
_HANGUL = "가"
_USUAL = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Pretendard",
)
"""Sans-serif fonts with Hangul, tried before all others."""
_BOXES = ("Last Resort", ".LastResort")
"""Fonts that have a box for every letter."""


def written(page: Page, folder: Path) -> Iterator[str]:
    """Write a file a plot; a line for what was written, and in which font."""
    font = font_with(_HANGUL)
    families = [*([font] if font else []), "DejaVu Sans"]
    drawn = [*plots.of_sides(chapters.sides(page)), *plots.of_trends(page.trends)]
    folder.mkdir(parents=True, exist_ok=True)
    with drawing.styled(font_family=families), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        for plot in drawn:
            file = io.BytesIO()
            plot.figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
            (folder / f"{plot.name}.png").write_bytes(file.getvalue())
    yield ngettext(
        "{folder}: {count} plot, its text in {font}",
        "{folder}: {count} plots, their text in {font}",
        len(drawn),
        folder=folder,
        font=families[0],
    )
    if font is None:
        yield _("no font with Hangul was found here: install one, such as fonts-nanum, for Korean names")


def font_with(letter: str) -> str | None:
    """The name of a font of this machine that has the letter; the customary ones come first."""
    from matplotlib import font_manager

    fonts = [font for font in font_manager.fontManager.ttflist if font.style == "normal"]
    known = {font.name: font.fname for font in fonts if not font.name.startswith(_BOXES)}
    customary = [name for name in _USUAL if name in known]
    return next((name for name in (*customary, *sorted(known)) if _has(known[name], letter)), None)


def _has(path: str, letter: str) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        return FT2Font(path).get_char_index(ord(letter)) != 0
    except (OSError, RuntimeError):
        return False  # a font that can't be read is none
