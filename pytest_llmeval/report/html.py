"""Runs as one HTML file that asks nobody for anything: no script, no network, its one style sheet by hash.

What models, servers and files said goes through two doors only: every value of the template is one safe line,
or by the filter ``block`` safe lines, and Jinja2 escapes both. The policy in the page's head forbids whatever
would still be obeyed.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval import language
from pytest_llmeval.language import _

from . import chapters, palette, plots, safe, sections, svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .page import Page
    from .plots import Plot

NEEDS = ("jinja2", "matplotlib")
"""Packages of the extra ``report``."""
_TEMPLATES = Path(__file__).parent / "templates"


def document(page: Page) -> str:
    """The whole file's text, in the current language."""
    from markupsafe import Markup

    css = f"{palette.stylesheet()}{(_TEMPLATES / 'report.css').read_text(encoding='utf-8')}"
    drawn = [*plots.of_sides(chapters.sides(page)), *plots.of_trends(page.trends)]
    of_sides = [plot for plot in drawn if not plot.name.startswith(plots.TREND)]
    of_trends = [plot for plot in drawn if plot.name.startswith(plots.TREND)]
    values: dict[str, Any] = {
        "language": language.current(),
        "policy": _policy(css),
        "css": Markup(css),  # noqa: S704  the package's own file
        "skip": _("Skip to the report"),
        "opening": chapters.opening(page),
        "verdicts": chapters.verdicts(page),
        "comparison": chapters.comparison(page),
        "figures": {"title": _("Figures"), "plots": list(_inline(of_sides))},
        "trends": {
            "title": _("Over the sessions"),
            "plots": list(_inline(of_trends)),
            "untold": list(page.untold),
        },
        "cells": sections.chapter(page),
        "closing": chapters.closing(page),
    }
    text: str = _template().render(values)
    return text


def _policy(css: str) -> str:
    """Nothing is loaded, run, sent or framed; styles are those of this hash."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _inline(drawn: Iterable[Plot]) -> Iterator[dict[str, Any]]:
    from markupsafe import Markup

    for plot in drawn:
        picture = svg.inline(plot.figure, plot.name, safe.line(plot.title), safe.line(plot.said))
        yield {"title": plot.title, "said": plot.said, "svg": Markup(picture)}  # noqa: S704  escaped by svg


@cache
def _template() -> Any:
    """The page's, compiled once; the words of every language come with its values."""
    import jinja2
    from markupsafe import Markup, escape

    def line(value: object) -> object:
        """Whatever text the template is given; what is markup already was escaped before."""
        return safe.line(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    def block(value: str) -> Markup:
        """Several lines of a ``<pre>``, whose first line end a browser drops."""
        return Markup("\n") + escape(safe.visible(value))

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=line,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["block"] = block
    return environment.get_template("report.html")
