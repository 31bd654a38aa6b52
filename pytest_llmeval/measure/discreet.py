"""A client that passes on nothing that holds a key, whatever its server says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from msgspec import structs

from pytest_llmeval.errors import EndpointError, LLMEvalError
from pytest_llmeval.model import Response

if TYPE_CHECKING:
    from pytest_llmeval.model import Facts, Request
    from pytest_llmeval.secret import Blotter

    from .endpoints.protocol import Client, OnRead


class Discreet:
    """See ``Client``. What is scored, kept and shown of an answer is what it is without the keys."""

    def __init__(self, client: Client, blotter: Blotter) -> None:
        self.client = client
        self._blotter = blotter

    async def describe(self) -> Facts:
        """See ``Client``."""
        try:
            facts = await self.client.describe()
        except EndpointError as error:
            raise without_keys(error, self._blotter) from None
        told = {name: self._blotter.value(value) for name, value in structs.asdict(facts).items()}
        return structs.replace(facts, **told)

    async def stream(self, request: Request, on_read: OnRead | None = None) -> Response:
        """See ``Client``."""
        try:
            return self._blotted(await self.client.stream(request, on_read))
        except asyncio.CancelledError as cancelled:
            cancelled.args = tuple(
                self._blotted(part) if isinstance(part, Response) else part for part in cancelled.args
            )
            raise

    def _blotted(self, response: Response) -> Response:
        """A key may come in pieces: the chunks keep their number and their stamps."""
        blotter = self._blotter
        contents = blotter.pieces([chunk.content for chunk in response.chunks])
        reasonings = blotter.pieces([chunk.reasoning for chunk in response.chunks])
        failure = response.failure
        return structs.replace(
            response,
            chunks=tuple(
                structs.replace(chunk, content=content, reasoning=reasoning)
                for chunk, content, reasoning in zip(response.chunks, contents, reasonings, strict=True)
            ),
            model=blotter.value(response.model),
            finish_reason=blotter.value(response.finish_reason),
            failure=failure and structs.replace(failure, message=blotter.text(failure.message)),
            notes=tuple(map(blotter.text, response.notes)),
        )

    async def aclose(self) -> None:
        """See ``Client``."""
        await self.client.aclose()


Error = TypeVar("Error", bound=LLMEvalError)


def without_keys(error: Error, blotter: Blotter) -> Error:
    """The same error, whose words hold no key any more."""
    error.what, error.where, error.hint = error.args = tuple(map(blotter.value, error.args))
    return error
