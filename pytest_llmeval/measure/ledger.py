"""The cost ceiling of a run, shared by all its processes, and the client that keeps to it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock

from pytest_llmeval.errors import CeilingError
from pytest_llmeval.model import Response

from . import price
from .price import Ceiling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_llmeval.model import Facts, Price, Request

    from .endpoints.protocol import Client, OnRead

FILE = "cost.json"


class Ledger:
    """What a run has spent, in a file of its folder of locks; a process that dies leaves its reservation."""

    def __init__(self, folder: Path, limit: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._limit = limit

    @property
    def ceiling(self) -> Ceiling:
        """As it is now."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Ceiling)
        except FileNotFoundError:
            return Ceiling(self._limit)

    def reserve(self, at_most: float) -> None:
        """See ``Ceiling``: before a request. Raises ``CeilingError``."""
        self._change(lambda ceiling: ceiling.reserve(at_most))

    def settle(self, at_most: float, cost: float | None) -> None:
        """See ``Ceiling``: after it."""
        self._change(lambda ceiling: ceiling.settle(at_most, cost))

    def _change(self, change: Callable[[Ceiling], Ceiling]) -> None:
        with FileLock(self._path.with_suffix(".lock")):
            partial = self._path.with_suffix(".part")
            partial.write_bytes(msgspec.json.encode(change(self.ceiling)))
            os.replace(partial, self._path)  # noqa: PTH105 - the atomic one


class Metered:
    """A client whose every request, warm-up too, is reserved before it is sent and settled after it.

    ``stream`` raises ``CeilingError`` instead of sending what could pass the limit.
    """

    def __init__(
        self, client: Client, ledger: Ledger, price: Price, *, name: str, window: int | None
    ) -> None:
        self.client = client
        self._ledger = ledger
        self._price = price
        self._name = name
        self._window = window

    async def describe(self) -> Facts:
        """See ``Client``."""
        return await self.client.describe()

    async def stream(self, request: Request, on_read: OnRead | None = None) -> Response:
        """See ``Client``. The ledger is written in a thread: other streams of this loop may run."""
        at_most = price.at_most(self._price, request, window=self._window)
        try:
            await asyncio.to_thread(self._ledger.reserve, at_most)
        except CeilingError as error:
            raise CeilingError(
                error.what,
                where=self._name,
                hint="raise the ceiling, or ask less: --llm-rounds, --llm-max-tokens, fewer cells",
            ) from None
        try:
            response = await self.client.stream(request, on_read)
        except asyncio.CancelledError as cancelled:
            partial = next((part for part in cancelled.args if isinstance(part, Response)), None)
            self._ledger.settle(at_most, self._cost(partial))
            raise
        await asyncio.to_thread(self._ledger.settle, at_most, self._cost(response))
        return response

    def _cost(self, response: Response | None) -> float | None:
        return None if response is None else price.of_answer(self._price, response.usage, response.failure)

    async def aclose(self) -> None:
        """See ``Client``."""
        await self.client.aclose()
