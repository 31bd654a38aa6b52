"""What of a run can't be compared with its baseline, why, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.language import N_, _
from pytest_llmeval.model import Verdict

from . import sentences

if TYPE_CHECKING:
    from .comparable import Comparable

_WHY = {
    "prompt": N_(
        "{who}: asked with another prompt than in the baseline and can't be compared; "
        "llmeval baseline update takes that in"
    ),
    "parameters": N_(
        "{who}: asked with other parameters than in the baseline and can't be compared; "
        "llmeval baseline update takes that in"
    ),
    "checks": N_(
        "scores of {who} come from other checks than in the baseline and can't be compared; "
        "llmeval baseline rescore scores its answers anew, llmeval baseline update takes this run in"
    ),
    "scoring": N_(
        "scores of {who} come from other analysers or rules than those of its baseline and can't be "
        "compared; llmeval baseline rescore scores its answers anew, llmeval baseline update takes this "
        "run in"
    ),
    "hardware": N_(
        "timings in the baseline of {who} were measured on another machine and can't be compared; "
        "update from where you gate, or test the machine too by compare_hardware = true in [policy]"
    ),
}
"""Why something can't be compared, and what to do."""


def verdicts(endpoint: str, comparable: Comparable) -> list[Verdict]:
    """What can't be compared, and why: one verdict a reason, with the cell where it is one."""
    asked = comparable.asked_otherwise
    by_cell = {
        "prompt": sorted(key for key, changed in asked.items() if changed == "prompt"),
        "parameters": sorted(key for key, changed in asked.items() if changed == "parameters"),
        "checks": sorted(comparable.scored_otherwise),
    }
    stale = [(what, cells, sentences.names(cells)) for what, cells in by_cell.items() if cells]
    if comparable.sessions and not comparable.scores and _has_scores(comparable):
        stale.append(("scoring", [], ""))
    if comparable.sessions and not comparable.timings:
        stale.append(("hardware", [], ""))
    return [
        Verdict(
            endpoint=endpoint,
            metric=what,
            cell=cells[0] if len(cells) == 1 else None,
            verdict="stale",
            sentence=_(_WHY[what], who=sentences.on(endpoint, names) if names else endpoint),
        )
        for what, cells, names in stale
    ]


def _has_scores(comparable: Comparable) -> bool:
    return any(
        sample.score is not None for record in comparable.records.values() for sample in record.samples
    )
