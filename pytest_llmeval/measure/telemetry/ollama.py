"""What Ollama's ``/api/ps`` tells: where the loaded model lies. From its documentation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from pytest_llmeval import wire
from pytest_llmeval.errors import TelemetryError

if TYPE_CHECKING:
    from .page import Page
    from .protocol import Figures, Reading


_Bytes = Annotated[int, Meta(ge=0, le=2**53)]


class _Model(Struct):
    name: str = ""
    size: _Bytes | None = None
    size_vram: _Bytes | None = None


class _Loaded(Struct):
    models: list[_Model] | None


def figures(body: bytes, model: str | None) -> Figures:
    """Memory of one loaded model, of all where ``model`` is None; empty where it is not loaded.

    Raises ``TelemetryError`` for an answer of another form.
    """
    try:
        loaded = msgspec.json.decode(body, type=_Loaded).models or []
    except wire.UNREADABLE as error:
        raise TelemetryError(f"/api/ps does not answer as Ollama's does: {error}") from None
    mine = [one for one in loaded if model is None or one.name in (model, f"{model}:latest")]
    parts = {
        "model_memory_bytes": [one.size for one in mine],
        "model_gpu_memory_bytes": [one.size_vram for one in mine],
    }
    return {
        metric: float(sum(size for size in sizes if size is not None))
        for metric, sizes in parts.items()
        if any(size is not None for size in sizes)
    }


class Ollama:
    """Ollama's list of loaded models as a source."""

    name = "server"
    interval_s = 1.0
    settle_s = 0.0

    def __init__(self, page: Page, model: str | None) -> None:
        self._page = page
        self._model = model

    def read(self) -> Reading:
        """See ``Source``."""
        return partial(figures, self._page.get(), self._model)

    def close(self) -> None:
        """See ``Source``."""
        self._page.close()
