"""Hooks for extensions. Each docstring is a recipe that a test runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_llmeval.measure.endpoints.protocol import Client
    from pytest_llmeval.model import Record, Run


@pytest.hookspec
def pytest_llmeval_record(config: pytest.Config, record: Record) -> None:
    """A cell was measured and scored; called on the controller, once per cell, when the run is over.

    .. code-block:: python

        # conftest.py
        def pytest_llmeval_record(record):
            print(record.key, record.endpoint, record.figure("output_tps"))
    """


@pytest.hookspec
def pytest_llmeval_report(config: pytest.Config, run: Run) -> None:
    """The run is over and judged; write a report of your own. Called on the controller.

    .. code-block:: python

        # conftest.py
        def pytest_llmeval_report(run):
            red = [verdict.sentence for verdict in run.red]
            print("red verdicts:", len(red))
    """


@pytest.hookspec
def pytest_llmeval_register_endpoints(
    config: pytest.Config,
) -> Mapping[str, Callable[..., Client]] | None:
    """Endpoint kinds of your own: ``kind`` -> ``factory(endpoint, *, api_key, facts)``.

    Called in every process.
    A factory returns a ``measure.endpoints.protocol.Client``: ``describe``, ``stream`` and ``aclose``.

    .. code-block:: python

        # conftest.py
        import time
        from pytest_llmeval.model import Chunk, Facts, Response

        class Echo:
            async def describe(self):
                return Facts(kind="echo", model="echo-1")

            async def stream(self, request, on_read=None):
                start = time.perf_counter_ns()
                text = request.messages[-1][1]
                chunk = Chunk(time.perf_counter_ns(), text)
                return Response(started_ns=start, ended_ns=chunk.at_ns, chunks=(chunk,),
                                first_chunk_ns=chunk.at_ns, finish_reason="stop", transport="function")

            async def aclose(self):
                pass

        def pytest_llmeval_register_endpoints(config):
            return {"echo": lambda endpoint, *, api_key, facts: Echo()}
    """
