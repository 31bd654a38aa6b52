"""One cell in words: why it failed, what was answered, how to run it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_llmeval.language import _, ngettext

from . import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.model import Record, Sample

FIRST_LINES = 8
_WORD = 10
"""Columns of the word before a text."""


class AnswerLike(Protocol):
    """A round's answer."""

    @property
    def round(self) -> int:
        """0-based."""
        ...

    @property
    def text(self) -> str:
        """Without reasoning."""
        ...


def failure(sample: Sample) -> str:
    """One sentence for a failed sample."""
    assert sample.error is not None
    status = f" (HTTP {sample.error.status})" if sample.error.status and sample.error.status != 200 else ""
    first, newline, rest = safe.block(sample.error.message).partition("\n")
    said = f"{sample.error.kind}{status}: {first}"
    if sample.partial_tokens:
        arrived = ngettext("{count} token had arrived", "{count} tokens had arrived", sample.partial_tokens)
        said += f"; {arrived}"
    return f"{said}{newline}{rest}"


def failures(record: Record) -> list[str]:
    """Why a cell failed, each sentence once: its requests, else its test. Empty where it did not."""
    requests = dict.fromkeys(failure(sample) for sample in record.samples if not sample.ok)
    return [*requests] or ([] if record.failure is None else [record.failure])


def details(record: Record, answers: Sequence[AnswerLike], kept_in: str | None, again: str) -> str:
    """What the failure's section says: the cell, its reasons, the first lines of its answer, where the rest
    is.
    """
    from rich.cells import set_cell_size  # Hangul takes two columns

    told = [(_("cell"), _("{what} on {endpoint}", what=record.key, endpoint=record.endpoint))]
    reasons = dict.fromkeys(reason for sample in record.samples for reason in sample.reasons)
    told += [(_("reason"), safe.line(reason)) for reason in reasons]
    first = next((answer for answer in answers if answer.text), None)
    if first is not None:
        shown = safe.block(first.text).splitlines()
        told += zip((_("answer"), *[""] * FIRST_LINES), shown[:FIRST_LINES], strict=False)
        if more := len(shown[FIRST_LINES:]):
            told.append(("", ngettext("… {count} more line", "… {count} more lines", more)))
    if kept_in and any(answer.text for answer in answers):
        told.append((_("whole"), kept_in))
    told.append((_("again"), again))
    return "\n".join(f"{set_cell_size(word, _WORD)}{text}" for word, text in told)
