"""One cell in words: why it failed, what was answered, how to run it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from . import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.model import Record, Sample

FIRST_LINES = 8


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
    partial = f"; {sample.partial_tokens} tokens had arrived" if sample.partial_tokens else ""
    first, _, rest = safe.block(sample.error.message).partition("\n")
    return f"{sample.error.kind}{status}: {first}{partial}" + (f"\n{rest}" if rest else "")


def details(record: Record, answers: Sequence[AnswerLike], kept_in: str | None, again: str) -> str:
    """What the failure's section says: the cell, its reasons, the first lines of its answer, where the rest
    is.
    """
    lines = [f"cell      {record.key} on {record.endpoint}"]
    reasons = dict.fromkeys(reason for sample in record.samples for reason in sample.reasons)
    lines += [f"reason    {safe.line(reason)}" for reason in reasons]
    first = next((answer for answer in answers if answer.text), None)
    if first is not None:
        shown = safe.block(first.text).splitlines()
        lines.append("answer    " + "\n          ".join(shown[:FIRST_LINES]))
        if len(shown) > FIRST_LINES:
            lines.append(f"          … {len(shown) - FIRST_LINES} more lines")
    if kept_in and any(answer.text for answer in answers):
        lines.append(f"whole     {kept_in}")
    lines.append(f"again     {again}")
    return "\n".join(lines)
