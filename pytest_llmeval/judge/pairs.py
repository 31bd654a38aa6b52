"""Which cells of an endpoint may be compared with those of a reference that was asked in turn with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmeval.model import Record

    from .metrics import Metric

Figures = dict[str, list[float]]
"""Cell key -> its figures, those of endpoint and reference in the same order of rounds."""


@dataclass(frozen=True)
class Pairs:
    """``records``: of the reference, by cell. ``unlike``: cells that it was asked with other parameters.

    ``starved``: cell -> why neither its timings nor those of the reference mean anything.
    """

    endpoint: str
    records: Mapping[str, Record]
    unlike: tuple[str, ...]
    starved: Mapping[str, str]

    def figures(self, records: Sequence[Record], metric: Metric) -> tuple[Figures, Figures]:
        """One metric of the endpoint's ``records`` and of the reference, in the rounds that both have."""
        new: Figures = {}
        old: Figures = {}
        for record in (record for record in records if sessions.is_judged(record, metric)):
            if record.key not in self.records or (metric.timing and record.key in self.starved):
                continue
            theirs = dict(sessions.by_round(self.records[record.key], metric.name, against=self.endpoint))
            ours = dict(sessions.by_round(record, metric.name))
            shared = sorted(ours.keys() & theirs.keys())
            new[record.key] = [ours[number] for number in shared]
            old[record.key] = [theirs[number] for number in shared]
        return new, old


def of(endpoint: str, records: Sequence[Record], others: Sequence[Record]) -> Pairs:
    """The pairs of an endpoint's records with those of the reference."""
    partners = {record.key: record for record in others}
    asked = [record for record in records if record.key in partners]
    unlike = tuple(record.key for record in asked if _question(record) != _question(partners[record.key]))
    alike = [record for record in asked if record.key not in unlike]
    return Pairs(
        endpoint=endpoint,
        records={record.key: partners[record.key] for record in alike},
        unlike=unlike,
        starved={
            record.key: reason
            for record in alike
            if (reason := sessions.starved(record) or sessions.starved(partners[record.key]))
        },
    )


def _question(record: Record) -> tuple[str, str]:
    return record.prompt_sha256, record.parameters_sha256
