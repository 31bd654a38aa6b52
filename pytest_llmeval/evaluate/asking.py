"""From a cell to its responses: every round is asked inside its endpoint's turn."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_llmeval.errors import CeilingError
from pytest_llmeval.measure import rounds
from pytest_llmeval.measure.rounds import Asked, Plan, Side

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_llmeval.measure.endpoints.protocol import Client, OnRead
    from pytest_llmeval.measure.rounds import Restart

    from .cell import Cell


class Asking(NamedTuple):
    """What asking a cell came to. ``interrupted``: cancelled; ``stopped``: ended by a ceiling of the run."""

    asked: tuple[Asked, ...]
    interrupted: bool = False
    stopped: CeilingError | None = None


class Question(NamedTuple):
    """A cell, and who answers it. ``restart`` is for cold cells."""

    client: Client
    cell: Cell
    warmup: int = 0
    on_round: Callable[[int], OnRead | None] | None = None
    restart: Restart | None = None

    def side(self) -> Side:
        """As ``rounds`` asks it. Raises ``NotMeasurableError``."""
        return Side(
            client=self.client,
            request=self.cell.request(),
            plan=self.cell.plan(self.warmup, self.restart),
            asked=[],
            on_round=self.on_round,
        )


async def ask(
    client: Client,
    cell: Cell,
    *,
    started_unix: float,
    turn: AbstractAsyncContextManager[object] | None = None,
    **known: Any,
) -> Asking:
    """``ask_in_turn`` of one question alone; ``known`` are fields of ``Question``."""
    question = Question(client=client, cell=cell, **known)
    (asking,) = await ask_in_turn((question,), started_unix=started_unix, turn=turn)
    return asking


async def ask_in_turn(
    questions: Sequence[Question],
    *,
    started_unix: float,
    turn: AbstractAsyncContextManager[object] | None = None,
) -> tuple[Asking, ...]:
    """Ask every round of every question inside the endpoints' turn: A B B A …; what each came to.

    Cold cells without a ``restart`` raise ``NotMeasurableError``. A cancellation ends the cells, not the
    caller: the partial answer is the last one, and the caller, who knows why it was cancelled, raises again.
    Where the cost ceiling ends them, whole rounds are kept; without one, ``CeilingError`` is raised.
    """
    sides = [question.side() for question in questions]
    try:
        async with turn or nullcontext():
            await rounds.ask_in_turn(sides, started_unix=started_unix)
    except asyncio.CancelledError:
        if not any(side.asked for side in sides):
            sides[0].asked.append(Asked(0, time.time() - started_unix, rounds.unsent()))
        return tuple(Asking(tuple(side.asked), interrupted=True) for side in sides)
    except CeilingError as stop:
        kept = [_whole_rounds(side.asked, side.plan) for side in sides]
        if not any(kept):
            raise
        return tuple(Asking(whole, stopped=stop) for whole in kept)
    return tuple(Asking(tuple(side.asked)) for side in sides)


def _whole_rounds(asked: Sequence[Asked], plan: Plan) -> tuple[Asked, ...]:
    """Without the batch of a load that was not asked to its end: its figures would mean nothing."""
    if plan.load is None:
        return tuple(asked)
    batches = [tuple(batch) for _, batch in itertools.groupby(asked, key=lambda one: one.round)]
    return tuple(one for batch in batches if len(batch) == plan.load.requests for one in batch)
