"""The colours of plots and pages, by what they stand for: one set for light surroundings, one for dark.

Contrasts: text of both sets has at least 4.5 : 1 on its ground, lines and marks at least 3 : 1 (WCAG 2.2,
1.4.3 and 1.4.11). Series are told apart by their marks, too.
"""

from __future__ import annotations

from typing import NamedTuple


class Shade(NamedTuple):
    """One colour on light and on dark ground."""

    light: str
    dark: str


COLOURS = {
    "ground": Shade("#ffffff", "#14171c"),
    "panel": Shade("#f6f7f9", "#1c2129"),
    "line": Shade("#d5dae1", "#39414d"),
    "edge": Shade("#868f9b", "#767f8b"),
    "ink": Shade("#1c2024", "#e8eaed"),
    "faint": Shade("#586069", "#a0a8b3"),
    "link": Shade("#0a58b5", "#7ab7ff"),
    "good": Shade("#17702f", "#5fc97a"),
    "warn": Shade("#8a5a00", "#e5b454"),
    "bad": Shade("#b3202a", "#ff8a85"),
    "series0": Shade("#1162c9", "#6cb0ff"),
    "series1": Shade("#b45309", "#f5a153"),
    "series2": Shade("#0b7a53", "#4fd1a0"),
    "series3": Shade("#7c3fc4", "#c39bff"),
    "series4": Shade("#b3246f", "#ff8fc4"),
    "series5": Shade("#0f7490", "#4ccbe6"),
    "series6": Shade("#756300", "#d9c545"),
    "series7": Shade("#5b6470", "#b4bdc9"),
}
MARKS = "os^Dv<>P"
"""A matplotlib marker for each series."""
SERIES = len(MARKS)
BY_HEX = {shade.light: name for name, shade in COLOURS.items()}
"""What a colour of a plot stands for: plots are drawn in the light set."""


def light(name: str) -> str:
    """The colour that plots are drawn in."""
    return COLOURS[name].light


def series(number: int) -> str:
    """The name of the colour of an endpoint; beyond ``SERIES`` they come again."""
    return f"series{number % SERIES}"


def stylesheet() -> str:
    """The colours as CSS variables, and the classes that plots refer to them by."""
    dark = "".join(f"--{name}:{shade.dark};" for name, shade in COLOURS.items())
    lit = "".join(f"--{name}:{shade.light};" for name, shade in COLOURS.items())
    classes = "\n".join(
        f".fill-{name}{{fill:var(--{name})}}.stroke-{name}{{stroke:var(--{name})}}" for name in COLOURS
    )
    return (
        f":root{{color-scheme:light dark;{lit}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f"{classes}\n"
    )
