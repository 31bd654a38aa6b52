"""Confirm before red: what is to be measured once more, and what two looks at a run come to together.

The first look sees the samples of the loop, the second those of all. A loss is red only where both say so:
the first look alone keeps the budget of false alarms, and the second can only take an alarm back.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval.language import _, ngettext

from . import sentences, sessions
from .metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_llmeval.model import Record

    from .metric import Judgement
    from .metrics import Metric


def first_look(records: Iterable[Record]) -> list[Record]:
    """The records without what was measured once more."""
    return [_first_look(record) if _more_rounds(record) else record for record in records]


def _first_look(record: Record) -> Record:
    later = _more_rounds(record)
    return structs.replace(
        record,
        samples=tuple(sample for sample in record.samples if not sample.confirms),
        load=tuple(load for load in record.load if load.round not in later),
    )


def seen_twice(records: Iterable[Record]) -> set[str]:
    """The cells that were measured once more."""
    return {record.key for record in records if _more_rounds(record)}


def _more_rounds(record: Record) -> set[int]:
    return {sample.round for sample in record.samples if sample.confirms}


def suspects(judged: Mapping[str, Judgement]) -> tuple[str, ...]:
    """The cells behind every red verdict: those that fell by themselves, the surest first, then the others.

    These come in an order that has nothing to do with how they fell: a part of them, where there is no time
    for all, is a fair sample of the whole.
    """
    alone: dict[str, float] = {}
    others: set[str] = set()
    for one in judged.values():
        if one.whole == "regressed":
            others |= one.cells.keys()
        if len(one.cells) > 1:
            fell = {cell: each.p or 0.0 for cell, each in one.cells.items() if each.verdict == "regressed"}
            alone |= {cell: min(p, alone.get(cell, 1.0)) for cell, p in fell.items()}
    by_chance = sorted(others - alone.keys(), key=lambda cell: hashlib.sha256(cell.encode()).digest())
    return (*sorted(alone, key=lambda cell: (alone[cell], cell)), *by_chance)


def agreed(
    first: Mapping[str, Judgement],
    second: Mapping[str, Judgement],
    records: Sequence[Record],
    *,
    why_not: str | None,
) -> dict[str, Judgement]:
    """The first look, where every red verdict says whether the second one confirms it.

    ``why_not``: why cells could not be measured once more. A verdict that has nothing new to rest on stands,
    and says so; a time to first token has nothing where the server has the prompt in a cache of its own.
    """
    both = {}
    if why_not is None and seen_twice(records):
        why_not = _("measuring once more gave no figures of it")
    for name, one in first.items():
        metric, other = METRICS[name], second.get(name)
        again = other.cells if other else {}  # without those whose samples are mostly void by now
        new = {record.key: _new_figures(record, metric) for record in records if record.key in again}
        more = {key: rounds for key, rounds in new.items() if rounds}
        cells = {
            key: _agreed(metric, (cell, again.get(key, cell)), more.get(key, 0), why_not)
            for key, cell in one.cells.items()
        }
        rounds = max((more[key] for key in cells.keys() & more.keys()), default=0)
        whole = _agreed(metric, (one, other or one), rounds, why_not)
        both[name] = structs.replace(whole, cells=cells)
    return both


def _new_figures(record: Record, metric: Metric) -> int:
    """How many rounds that were measured once more have a figure of the metric."""
    later = _more_rounds(record)
    return len({number for number, _ in sessions.by_round(record, metric.name) if number in later})


def _agreed(
    metric: Metric, looks: tuple[Judgement, Judgement], rounds: int, why_not: str | None
) -> Judgement:
    first, second = looks
    if first.verdict != "regressed":
        return first
    if not rounds:
        if why_not is None:
            return first
        sentence = _("{sentence}; not confirmed: {why}", sentence=first.sentence, why=why_not)
        return structs.replace(first, sentence=sentence)
    if second.verdict == "regressed":
        sentence = ngettext(
            "{sentence}; confirmed by {count} more round",
            "{sentence}; confirmed by {count} more rounds",
            rounds,
            sentence=second.sentence,
        )
        return structs.replace(second, sentence=sentence, confirmed=True)
    sentence = ngettext(
        "{sentence}; at first it seemed {amount}, which {count} more round did not confirm",
        "{sentence}; at first it seemed {amount}, which {count} more rounds did not confirm",
        rounds,
        sentence=second.sentence,
        amount=sentences.amount(metric, first.effect or 0.0),
    )
    return structs.replace(second, sentence=sentence, confirmed=False)
