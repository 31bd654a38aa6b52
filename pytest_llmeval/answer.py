"""What a test of one's own gets to see of a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import SCORES, Score

if TYPE_CHECKING:
    from .model import Record


class Answer:
    """What ``llm.ask`` returns: the first round's ``text`` and ``code``, the cell's figures and scores.

    Figures are medians over the rounds (void samples too: a test of yours would rather have them than
    nothing), scores means; a figure that was not measured is ``None``.
    """

    def __init__(
        self, record: Record, *, text: str = "", reasoning: str = "", code: str | None = None
    ) -> None:
        self.record = record
        self.text = text
        self.reasoning = reasoning
        self.code = code

    def __repr__(self) -> str:
        return f"<Answer {self.record.key} on {self.record.endpoint}>"

    @property
    def ttft_s(self) -> float | None:
        """Seconds to the first non-empty content or reasoning."""
        return self.record.figure("ttft_s", void=True)

    @property
    def tpot_s(self) -> float | None:
        """Seconds per output token after the first."""
        return self.record.figure("tpot_s", void=True)

    @property
    def output_tps(self) -> float | None:
        """Tokens per second of the stream."""
        return self.record.figure("output_tps", void=True)

    @property
    def latency_s(self) -> float | None:
        """Seconds to the last token."""
        return self.record.figure("latency_s", void=True)

    @property
    def finish_reason(self) -> str | None:
        """Of the first round: ``stop``, ``length`` …"""
        return self.record.samples[0].finish_reason

    @property
    def score(self) -> Score:
        """The mean over the rounds of every score that all rounds have; parts are the first round's."""
        first = next((sample.score for sample in self.record.samples if sample.score is not None), Score())
        return Score(
            parts=first.parts, absent=first.absent, **{name: self.record.figure(name) for name in SCORES}
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the first round's score is what it is."""
        return self.record.samples[0].reasons
