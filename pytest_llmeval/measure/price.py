"""What answers cost, and a ceiling that no request may pass. Pure.

Costs are in the currency of the project's prices. A cost that can't be known is absent, never 0: a server
that counted no tokens may still charge for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from msgspec import Struct, structs

from pytest_llmeval.errors import CeilingError
from pytest_llmeval.model import Cost, Price

from . import budget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmeval.model import Endpoint, Failure, Record, Request, Sample, Usage

TOKENS = 1_000_000
"""A price is that of so many."""
FREE = Price(input=0.0, output=0.0)
_OWN_KINDS = ("local", "replay", "function")
_UNCHARGED = frozenset({"connect", "http_4xx", "http_5xx", "rate_limited", "context_overflow", "unsupported"})
"""Failures of requests that were refused or never arrived."""
_ROUNDING = 1e-9


def price_of(endpoint: Endpoint) -> Price | None:
    """What the endpoint charges; what runs on this machine is free; None: nobody said."""
    if endpoint.price is None and endpoint.kind in _OWN_KINDS:
        return FREE
    return endpoint.price


def of_tokens(price: Price, *, prompt_tokens: float, completion_tokens: float) -> float:
    """``(prompt * input + completion * output) / 1,000,000``; reasoning counts as completion."""
    return (prompt_tokens * price.input + completion_tokens * price.output) / TOKENS


def of_answer(price: Price, usage: Usage | None, failure: Failure | None) -> float | None:
    """What one request cost; None where it can't be known."""
    if price == FREE or (failure is not None and failure.kind in _UNCHARGED):
        return 0.0
    if usage is None:
        return None
    return of_tokens(price, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


def at_most(price: Price, request: Request, *, window: int | None) -> float:
    """What a request may cost: its prompt, estimated rather too long, and the longest answer it allows.

    ``inf`` where nothing bounds the answer: no ``max_tokens``, and no known context window.
    """
    if price == FREE:
        return 0.0
    texts = [text for _, text in request.messages]
    prompt_tokens = budget.estimate_tokens([*texts, request.suffix or ""])
    longest = budget.max_tokens(request.max_tokens, window=window, prompt_tokens=prompt_tokens)
    if longest is None and window is not None:
        longest = max(0, window - prompt_tokens)
    if longest is None:
        if price.output:
            return float("inf")
        longest = 0
    return of_tokens(price, prompt_tokens=prompt_tokens, completion_tokens=longest)


def of_samples(samples: Iterable[Sample]) -> Cost:
    """The sum of a cell's samples."""
    costs = [sample.cost for sample in samples]
    return Cost(sum(cost for cost in costs if cost is not None), costs.count(None))


def of_records(records: Iterable[Record]) -> dict[str, Cost]:
    """The sum of each endpoint that has any priced sample; ``sum(….values(), Cost())`` is the run's."""
    costs: dict[str, Cost] = {}
    for record in records:
        costs[record.endpoint] = costs.get(record.endpoint, Cost()) + of_samples(record.samples)
    priced = {record.endpoint for record in records for sample in record.samples if sample.cost is not None}
    return {name: cost for name, cost in costs.items() if name in priced}


class Ceiling(Struct, frozen=True):
    """``--llm-max-cost`` on its way: what is spent, and what requests under way may still cost at most."""

    limit: float
    spent: float = 0.0
    reserved: float = 0.0

    def reserve(self, at_most: float) -> Self:
        """Before a request. Raises ``CeilingError`` where it could pass the limit."""
        after = self.spent + self.reserved + at_most
        if after > self.limit * (1 + _ROUNDING):
            raise CeilingError(_refusal(self, at_most))
        return structs.replace(self, reserved=self.reserved + at_most)

    def settle(self, at_most: float, cost: float | None) -> Self:
        """After it; a cost that can't be known was the most that it could be."""
        return structs.replace(
            self,
            spent=self.spent + (at_most if cost is None else cost),
            reserved=max(0.0, self.reserved - at_most),
        )


def _refusal(ceiling: Ceiling, at_most: float) -> str:
    used = f"{ceiling.spent:.6g} of --llm-max-cost={ceiling.limit:.6g} is spent"
    if ceiling.reserved:
        used += f", up to {ceiling.reserved:.6g} more is under way"
    if at_most == float("inf"):
        return f"{used}, and nothing bounds what the next request may cost"
    return f"{used}, and the next request may cost up to {at_most:.6g}"


def without_price(endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """The names of endpoints whose costs no ceiling can watch."""
    return tuple(endpoint.name for endpoint in endpoints if price_of(endpoint) is None)
