"""A cell, and what it yielded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field, structs

from pytest_llmeval.errors import CeilingError, NotMeasurableError
from pytest_llmeval.measure.rounds import Plan
from pytest_llmeval.model import (
    SLO,
    Parameters,
    Price,
    Record,
    Request,
    Scenario,
)

if TYPE_CHECKING:
    from pytest_llmeval.measure.rounds import Restart


class Cell(Struct, frozen=True, kw_only=True):
    """What is asked of whom. ``parameters`` are resolved: every field but ``max_tokens`` is set.

    ``slo``: the policy's limits of a load whose scenario has none of its own.
    ``price``: None leaves costs out. ``form``: ``Endpoint.form``. ``against``: of a reference, the endpoint
    that it is asked in turn with.
    """

    endpoint: str
    scenario: Scenario
    language: str
    parameters: Parameters
    rounds: int = 3
    timeout_s: float = 120.0
    nodeid: str | None = None
    slo: SLO = SLO()
    price: Price | None = None
    form: dict[str, object] = field(default_factory=dict)
    against: str | None = None

    def request(self) -> Request:
        """The cell's one request; its rounds repeat it.

        Under a load it does not wait where it is refused: how much a server refuses is what a load shows.
        """
        system = (("system", self.scenario.system),) if self.scenario.system else ()
        return Request(
            messages=(*system, ("user", self.scenario.prompt[self.language])),
            suffix=self.scenario.suffix,
            temperature=self.parameters.temperature or 0.0,
            seed=self.parameters.seed,
            max_tokens=self.parameters.max_tokens,
            timeout_s=self.timeout_s,
            waits=self.scenario.load is None,
        )

    def plan(self, warmup: int = 0, restart: Restart | None = None) -> Plan:
        """How its rounds are asked. Raises ``NotMeasurableError`` for a cold start that nobody can make."""
        if self.scenario.cold and restart is None:
            raise NotMeasurableError(
                "a cold start is measured on a server that the run itself starts, or on an Ollama of "
                f'kind = "ollama", and {self.endpoint} is neither'
            )
        return Plan(
            rounds=self.rounds,
            warmup=warmup,
            load=self.scenario.load,
            restart=restart if self.scenario.cold else None,
            seed=self.parameters.seed or 0,
        )


class AnswerText(Struct, frozen=True, omit_defaults=True):
    """What one request yielded. ``request``: its number in a load's batch."""

    round: int
    text: str
    reasoning: str
    request: int | None = None


class AnswerLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of ``answers.jsonl``: an ``AnswerText`` and the ``cell``, by its key, that it belongs to."""

    endpoint: str
    cell: str
    round: int
    text: str
    reasoning: str
    request: int | None = None


class Outcome(Struct, frozen=True):
    """What one cell yielded. ``interrupted``: it was cut off, and its last sample is a partial one.

    ``stopped``: why some of its rounds were not asked. ``reference``: that of the endpoint which
    was asked in turn with it. ``faults``: what this machine lacked, so that answers are not scored or not
    recorded, though all that was measured is here.
    """

    record: Record
    answers: tuple[AnswerText, ...]
    interrupted: bool = False
    stopped: CeilingError | None = None
    reference: Outcome | None = None
    faults: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[AnswerLine, ...]:
        """Its answers as lines of ``answers.jsonl``, without its reference's."""
        endpoint, key = self.record.endpoint, self.record.key
        return tuple(
            AnswerLine(endpoint=endpoint, cell=key, **structs.asdict(answer)) for answer in self.answers
        )

    @property
    def both(self) -> tuple[Outcome, ...]:
        """Itself and its reference, as far as they were asked."""
        every = (self, *([self.reference] if self.reference else []))
        return tuple(one for one in every if one.record.samples)
