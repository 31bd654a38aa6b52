"""A matplotlib figure as SVG inside of HTML: colours that follow the page, no styles of its own.

A strict Content-Security-Policy forbids ``style`` attributes, so colours become the classes of ``palette``
and everything else presentation attributes. Text stays text, in the fonts of whoever reads it.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from . import drawing, palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_COLOURED = ("fill", "stroke")
_KEPT = {
    "fill-opacity",
    "font-size",
    "font-weight",
    "opacity",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-opacity",
    "stroke-width",
    "text-anchor",
}
_FONT = re.compile(r"(?:(?P<weight>bold|[1-9]00)\s+)?(?P<size>[\d.]+px)")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_ROUNDED = re.compile(r"-?\d+\.\d{3,}")


def inline(figure: Figure, name: str, title: str, description: str) -> str:
    """The figure's ``<svg>``. Ids begin with ``name``; ``description`` is what it says to who can't see it.

    Raises ``ValueError`` for a colour that is none of the palette's.
    """
    root = ET.fromstring(_drawn(figure))  # noqa: S314  matplotlib's own output, which escapes all text
    for child in [one for one in root if one.tag in {f"{_SVG}metadata", f"{_SVG}defs"}]:
        if child.tag == f"{_SVG}metadata" or child.find(f"{_SVG}style") is not None:
            root.remove(child)
    for element in root.iter():
        _restyle(element)
    _rename(root, name)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-description")
    for number, (tag, text) in enumerate((("title", title), ("description", description))):
        element = ET.Element(f"{_SVG}{'desc' if tag == 'description' else tag}", id=f"{name}-{tag}")
        element.text = text
        root.insert(number, element)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)  # in HTML an <svg> needs no name space
        element.tail = None
        if element.tag in {"svg", "g", "defs", "clipPath"}:
            element.text = None
    return ET.tostring(root, encoding="unicode")


def _drawn(figure: Figure) -> bytes:
    file = io.BytesIO()
    with drawing.styled(svg_fonttype="none", svg_hashsalt="llmeval"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # nothing is drawn with it
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return file.getvalue()


def _restyle(element: ET.Element) -> None:
    """Classes and presentation attributes instead of ``style``; coordinates to a hundredth of a point."""
    written = element.attrib.pop("style", "")
    pairs = (part.partition(":") for part in written.split(";") if part.strip())
    style = {key.strip(): value.strip() for key, _, value in pairs}
    if "font" in style and (font := _FONT.match(style.pop("font"))):
        style["font-size"] = font["size"]
        if font["weight"]:
            style["font-weight"] = font["weight"]
    classes = []
    for paint in _COLOURED:
        colour = style.pop(paint, element.attrib.pop(paint, None))
        if colour is None:
            continue
        if colour == "none":
            element.set(paint, colour)
        elif colour in palette.BY_HEX:
            classes.append(f"{paint}-{palette.BY_HEX[colour]}")
        else:
            raise ValueError(f"{colour} is no colour of the palette")
    if classes:
        element.set("class", " ".join(classes))
    for key, value in style.items():
        if key in _KEPT:
            element.set(key, value)
    for key in ("d", "transform", "x", "y", "width", "height"):
        if key in element.attrib:
            element.set(key, _ROUNDED.sub(lambda number: f"{float(number[0]):.2f}", element.attrib[key]))


def _rename(root: ET.Element, name: str) -> None:
    """Only ids that something refers to stay, and are the page's only ones of their kind."""
    referred: dict[str, str] = {}
    for element in root.iter():
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
        for value in element.attrib.values():
            found = [value.removeprefix("#")] if value.startswith("#") else _REFERENCE.findall(value)
            for one in found:
                referred.setdefault(one, f"{name}-{len(referred)}")
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if key == "id":
                if value in referred:
                    element.set("id", referred[value])
                else:
                    del element.attrib["id"]
            elif value.startswith("#"):
                element.set(key, f"#{referred[value.removeprefix('#')]}")
            else:
                element.set(key, _REFERENCE.sub(lambda found: f"url(#{referred[found[1]]})", value))
