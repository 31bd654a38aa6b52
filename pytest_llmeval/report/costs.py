"""Costs in words. The currency is the project's own, so there is no sign of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.language import N_, _
from pytest_llmeval.model import Cost

if TYPE_CHECKING:
    from pytest_llmeval.model import Run


def are_shown(run: Run, endpoint: str) -> bool:
    """Where something of the run costs anything, what is free says so too."""
    return endpoint in run.costs and any(cost.amount or cost.unknown for cost in run.costs.values())


def written(cost: Cost) -> str:
    """``0.0123``, or ``at least 0.0123`` where some requests could not be priced."""
    return _("at least {amount}", amount=amount(cost.amount)) if cost.unknown else amount(cost.amount)


def told(cost: Cost) -> str:
    """``cost 0.0123``."""
    return _("cost {amount}", amount=written(cost))


def in_all(run: Run, ceiling: float | None, *, stopped: bool) -> str | None:
    """The run's own line, where the table does not say it already."""
    if ceiling is None and len(run.costs) < 2:
        return None
    if ceiling is None and not any(are_shown(run, name) for name in run.costs):
        return None
    cost = sum(run.costs.values(), Cost())
    text = told(cost)
    if ceiling is not None:
        of = N_("cost {amount} of --llm-max-cost={ceiling}")
        text = _(of, amount=written(cost), ceiling=amount(ceiling))
    return f"{text}; {_('what could have passed it was not asked')}" if stopped else text


def amount(value: float) -> str:
    """At most two decimals, below 1 three significant digits; never an exponent."""
    text = f"{value:,.2f}" if value >= 0.9995 else f"{float(f'{value:.3g}'):.12f}"
    return text.rstrip("0").rstrip(".")
