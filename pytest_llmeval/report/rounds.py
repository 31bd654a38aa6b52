"""What the rounds of a run's cells are worth as evidence, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.language import _

if TYPE_CHECKING:
    from pytest_llmeval.model import Record, Run


def identical(run: Run) -> str | None:
    """``3 of 4 cells answered byte-identically …``; None where no cell did in more than one round.

    Only without sampling: at another temperature a short answer may come twice by chance.
    """
    several = [record for record in run.cells if record.temperature == 0 and len(_rounds(record)) > 1]
    same = sum(_is_identical(record) for record in several)
    if not same:
        return None
    if len(several) == 1:
        return _("the cell answered byte-identically in all rounds: more rounds add no evidence about scores")
    return _(
        "{same} of {count} cells answered byte-identically in all rounds: "
        "more rounds add no evidence about scores",
        same=same,
        count=len(several),
    )


def _rounds(record: Record) -> set[int]:
    return {sample.round for sample in record.samples}


def _is_identical(record: Record) -> bool:
    answers = {sample.answer_sha256 for sample in record.samples}
    return len(answers) == 1 and None not in answers
