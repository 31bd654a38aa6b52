"""Records -> pytest-benchmark: its table, ``--benchmark-json/-save/-autosave/-compare/-histogram``.

The only file that names it. There is no public way in for samples that were measured elsewhere (5.2, 5.3);
what is used here is tested against both. If a name is missing: one warning and no table, never a crash.

Its tables know only seconds, more is worse, so a cell gives two series: ``latency`` (seconds per answer) and
``per_token`` (seconds per output token), whose OPS column *is* tokens per second.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.model import Record, Run, Sample

FIGURES = ("ttft_s", "tpot_s", "output_tps", "gap_p99_s", "latency_s", "completion_tokens")


@dataclass(frozen=True)
class Source:
    """What ``Metadata`` reads of the fixture that it expects."""

    name: str
    fullname: str
    group: str
    params: dict[str, str]
    param: str
    extra_info: dict[str, Any]
    cprofile_stats: None = None
    has_error: bool = field(default=False)


def feed(config: pytest.Config, run: Run) -> None:
    """Append the run's cells to pytest-benchmark's session, before it finishes."""
    if not config.pluginmanager.hasplugin("benchmark"):
        return
    try:
        metadata_of: Any = import_module("pytest_benchmark.stats").Metadata
        session = config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001  see the module's text
        if session.skip:
            return
        for source, seconds in _series(run):
            metadata = metadata_of(source, iterations=1, options={**session.options, "disable_gc": True})
            for value in seconds:
                metadata.update(value)
            session.benchmarks.append(metadata)
    except (ImportError, AttributeError, TypeError) as error:
        warnings.warn(
            pytest.PytestWarning(
                f"llmeval: this pytest-benchmark is not understood, no table of it: {error!r}"
            ),
            stacklevel=2,
        )


def _series(run: Run) -> Iterator[tuple[Source, list[float]]]:
    for record in run.cells:
        good = [one for one in record.samples if one.ok and not one.void and one.transport != "replay"]
        latency = [sample.latency_s for sample in good if sample.latency_s]
        per_token = [1 / sample.output_tps for sample in good if sample.output_tps]
        if latency:
            yield _source(record, good, "latency"), latency
        if per_token:
            yield _source(record, good, "per_token"), per_token


def _source(record: Record, samples: list[Sample], series: str) -> Source:
    of_its_own = f"{record.suite}::{record.scenario}[{record.endpoint}-{record.language}]"
    nodeid = record.nodeid or of_its_own  # a reference has no item
    if record.nodeid and not nodeid.partition("::")[0].endswith((".eval.yaml", ".jsonl", ".jsonl.gz")):
        nodeid += f"::{record.scenario}"  # a test may ask several questions
    name = nodeid.rpartition("::")[2]
    extra: dict[str, Any] = {
        figure: value for figure in FIGURES if (value := record.figure(figure)) is not None
    }
    scores = {"quality": record.figure("quality"), "correctness": record.figure("correctness")}
    extra |= {name: round(score, 3) for name, score in scores.items() if score is not None}
    return Source(
        name=f"{name}::{series}",
        fullname=f"{nodeid}::{series}",
        group=f"llmeval {series}",
        params={"endpoint": record.endpoint, "language": record.language},
        param=f"{record.endpoint}-{record.language}",
        extra_info={**extra, "cell": record.key, "rounds": len(samples)},
    )
