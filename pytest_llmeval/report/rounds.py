"""What the rounds of a run's cells are worth as evidence, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.language import _

from . import safe

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


def void(run: Run) -> str | None:
    """How many samples have no timings, and an example of why; None where all have theirs."""
    samples = [sample for record in run.cells for sample in record.samples]
    reasons = [sample.void for sample in samples if sample.void is not None]
    if not reasons:
        return None
    return _(
        "void, and left out of the timings: {void} of {count} samples (such as: {why}); "
        "on a machine that does less beside it there are fewer",
        void=len(reasons),
        count=len(samples),
        why=safe.line(reasons[0]),
    )


def _rounds(record: Record) -> set[int]:
    return {sample.round for sample in record.samples}


def _is_identical(record: Record) -> bool:
    answers = {sample.answer_sha256 for sample in record.samples}
    return len(answers) == 1 and None not in answers
