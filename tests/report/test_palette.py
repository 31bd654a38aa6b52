"""The palette's promise: contrasts of WCAG 2.2 in both sets."""

from __future__ import annotations

import pytest

from pytest_llmeval.report import palette

TEXT = ("ink", "faint", "link", "good", "warn", "bad")
MARKS = ("edge", *(f"series{number}" for number in range(palette.SERIES)))


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrasts(scheme: str) -> None:
    colours = {name: getattr(shade, scheme) for name, shade in palette.COLOURS.items()}
    for ground in ("ground", "panel"):
        assert all(contrast(colours[name], colours[ground]) >= 4.5 for name in TEXT), ground
    assert all(contrast(colours[name], colours["ground"]) >= 3 for name in MARKS)


def test_a_colour_of_a_plot_means_one_thing() -> None:
    assert len(palette.BY_HEX) == len(palette.COLOURS)
