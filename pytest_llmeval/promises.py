"""What a scenario promises by itself, without any baseline: its cell fails where that is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Record, Scenario


def broken(scenario: Scenario, record: Record) -> tuple[str, ...]:
    """A sentence for every promise of the scenario that the record does not keep: how answers end, floors."""
    wanted = scenario.finish
    ends = [sample.finish_reason for sample in record.samples if sample.ok and sample.finish_reason]
    others = dict.fromkeys(end for end in ends if wanted is not None and end != wanted)
    endings = tuple(
        f"{ends.count(end)} of {len(ends)} answers ended with finish_reason {end}; the scenario says "
        f"finish: {wanted}"
        for end in others
    )
    return (*endings, *_broken_floors(scenario, record))


def unchecked(record: Record) -> tuple[str, ...]:
    """A sentence for every score that the scenario asks for and that could not be computed."""
    absent = [sample.score.absent for sample in record.samples if sample.score is not None]
    told = dict.fromkeys(pair for one in absent for pair in one.items())
    return tuple(f"{score} was not computed, which --llm-strict asks for: {why}" for score, why in told)


def _broken_floors(scenario: Scenario, record: Record) -> tuple[str, ...]:
    """A floor bounds scores and rates from below, and times (``*_s``) from above."""
    sentences = []
    for metric, floor in scenario.floor.items():
        value = record.figure(metric)
        if value is None and any(sample.void for sample in record.samples):
            continue  # a starved client can't tell; the table says so
        if value is None:
            sentences.append(f"{metric} has a floor of {floor:g} but was not measured")
        elif metric.endswith("_s") and value > floor:
            sentences.append(f"{metric} is {value:.3g} s, over the scenario's limit of {floor:g} s")
        elif not metric.endswith("_s") and value < floor:
            sentences.append(f"{metric} is {value:.3g}, under the scenario's floor of {floor:g}")
    return tuple(sentences)
