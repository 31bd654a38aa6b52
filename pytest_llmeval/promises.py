"""What a scenario promises by itself, without any baseline: its cell fails where that is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import values
from .language import N_, _

if TYPE_CHECKING:
    from .model import Record, Scenario


def broken(scenario: Scenario, record: Record) -> tuple[str, ...]:
    """A sentence for every promise of the scenario that the record does not keep: how answers end, floors."""
    wanted = scenario.finish
    ends = [sample.finish_reason for sample in record.samples if sample.ok and sample.finish_reason]
    others = dict.fromkeys(end for end in ends if wanted is not None and end != wanted)
    endings = tuple(
        _(
            "{number} of {count} answers ended with finish_reason {end}; the scenario says finish: {wanted}",
            number=ends.count(end),
            count=len(ends),
            end=end,
            wanted=wanted,
        )
        for end in others
    )
    return (*endings, *_broken_floors(scenario, record))


def unchecked(record: Record) -> tuple[str, ...]:
    """A sentence for every score that the scenario asks for and that could not be computed."""
    absent = [sample.score.absent for sample in record.samples if sample.score is not None]
    told = dict.fromkeys(pair for one in absent for pair in one.items())
    template = N_("{score} was not computed, which --llm-strict asks for: {why}")
    return tuple(_(template, score=score, why=why) for score, why in told)


def _broken_floors(scenario: Scenario, record: Record) -> tuple[str, ...]:
    """A floor bounds scores and rates from below, and times (``*_s``) from above."""
    sentences = []
    for metric, floor in scenario.floor.items():
        value = record.figure(metric)
        if value is None and any(sample.void for sample in record.samples):
            continue  # a starved client can't tell; the table says so
        if value is None:
            template = N_("{metric} has a floor of {floor} but was not measured")
        elif metric.endswith("_s") and value > floor:
            template = N_("{metric} is {value} s, over the scenario's limit of {floor} s")
        elif not metric.endswith("_s") and value < floor:
            template = N_("{metric} is {value}, under the scenario's floor of {floor}")
        else:
            continue
        sentences.append(
            _(template, metric=metric, value=values.apart(value or 0.0, floor), floor=f"{floor:g}")
        )
    return tuple(sentences)
