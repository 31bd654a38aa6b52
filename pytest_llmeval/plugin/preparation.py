"""What should fail, or take its time, before the first cell: it would be worse after the last one."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.errors import LLMEvalError, UsageError
from pytest_llmeval.measure import price, weights

from . import places

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmeval.settings import Settings

    from .context import Context


def prepare(context: Context) -> None:
    """Raises ``pytest.UsageError`` for a run that could not be published, or not be bounded."""
    if not context.settings.endpoints:
        return
    places.make(context.folder)
    places.check(context.settings)
    places.sweep(context.folder, context.settings.baselines)
    check_report(context.settings)
    _ = context.baselines  # read now: one that can't be ends the run before it costs anything
    check_prices(context.settings)
    fetch_weights(context)


def check_report(settings: Settings) -> None:
    """A report that can't be drawn here."""
    if settings.html is None:
        return
    from pytest_llmeval import dossier  # which imports all that a report is made of

    try:
        dossier.check_extra("--llm-html")
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def check_prices(settings: Settings) -> None:
    """A ceiling watches only what has a price."""
    if settings.max_cost is None:
        return
    if names := price.without_price(settings.endpoints):
        raise pytest.UsageError(
            f"--llm-max-cost={settings.max_cost:g}: nothing says what {', '.join(names)} costs\n"
            "  -> add price = {input = …, output = …}, per million tokens, to the endpoint in llmeval.toml; "
            "0 and 0 for a server of your own"
        )


def fetch_weights(context: Context) -> None:
    """Fetch the weights of ``local`` endpoints now, with a bar, not silently inside the first cell.

    A name that means nothing is wrong usage; a fetch that fails is kept, and every cell of that endpoint
    fails with it.
    """
    for endpoint in context.settings.endpoints:
        if endpoint.kind != "local":
            continue
        try:
            model = weights.resolve(endpoint.path or endpoint.model or "")
        except UsageError as error:
            raise pytest.UsageError(f"endpoint {endpoint.name}: {error}") from None
        if model.here or model.source is None:
            continue
        reporter = context.config.pluginmanager.getplugin("terminalreporter")
        title = f"llmeval: fetching {model.model}, {model.source.size_bytes / 1e6:.0f} MB, once"
        shown: AbstractContextManager[Callable[[int, int], None] | None] = nullcontext(None)
        if reporter is not None:
            reporter.write_line(title)
            shown = weights.progress_bar(model.name) if context.config.option.verbose >= 0 else shown
        try:
            with shown as on_progress:
                weights.fetch(model, on_progress)
        except LLMEvalError as error:
            context.local_desk.refuse(endpoint.name, error)
