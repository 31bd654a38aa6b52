"""Runs and baselines made of plain numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from pytest_llmeval.judge.sessions import Baseline, Epoch, session
from pytest_llmeval.model import Analysers, Facts, Failure, Host, Record, Run, Sample, Score, Selection

Figures = Mapping[str, Mapping[str, Sequence[float]]]

SCORES = ("total", "correctness", "quality", "clarity")


def make_record(
    key: str,
    figures: Mapping[str, Sequence[float]],
    *,
    endpoint: str = "box",
    prompt: str = "p",
    **sample: Any,
) -> Record:
    """One cell's record: metric -> a figure a round. ``sample``: fields of every sample."""
    suite, scenario, language = key.split("/")
    rounds = max(len(values) for values in figures.values())
    samples = []
    for number in range(rounds):
        found = {metric: values[number] for metric, values in figures.items() if number < len(values)}
        score = {metric: found.pop(metric) for metric in SCORES if metric in found}
        fields = {"round": number, "at_s": float(number), "ok": True, "cache": "cold"} | found | sample
        samples.append(Sample(**fields, score=Score(**score) if score else None))
    return Record(
        endpoint=endpoint,
        suite=suite,
        scenario=scenario,
        language=language,
        category="algorithm",
        prompt_sha256=prompt,
        parameters_sha256="q",
        samples=tuple(samples),
    )


def make_run(records: Sequence[Record], name: str = "run", **fields: Any) -> Run:
    """A run of these records, that saw every cell of their suites."""
    keys = tuple(sorted({record.key for record in records}))
    base: dict[str, Any] = {
        "id": name,
        "started": "2026-01-02T03:04:05Z",
        "finished": "2026-01-02T03:05:05Z",
        "complete": True,
        "plugin": "0.1.0",
        "host": Host(cpus=2, os="linux", python="3.11", cpu_model="chip"),
        "analysers": Analysers(pylint="4", astroid="4", radon="6", python="3.11", rules="r"),
        "endpoints": {
            record.endpoint: Facts(kind="openai", model="m", context_window=4096) for record in records
        },
        "selection": Selection(suites=tuple({key.partition("/")[0] for key in keys}), cells=keys),
        "cells": tuple(records),
    }
    return Run(**(base | fields))


def make_baseline(runs: Sequence[Run], endpoint: str = "box") -> Baseline:
    """A baseline with these runs as its only epoch."""
    epoch = Epoch(facts=runs[-1].endpoints[endpoint], sessions=tuple(session(run, endpoint) for run in runs))
    return Baseline(endpoint=endpoint, epochs=(epoch,))


def failed(kind: str = "timeout") -> dict[str, Any]:
    """Fields of a failed sample."""
    return {"ok": False, "error": Failure(kind, "no answer within 120 s")}  # type: ignore[arg-type]  a literal


class Maker:
    """What tests are given: the functions above, and noise from one seed."""

    record = staticmethod(make_record)
    run = staticmethod(make_run)
    baseline = staticmethod(make_baseline)
    failed = staticmethod(failed)

    def __init__(self) -> None:
        self.random = random.Random(7)

    def session(self, factor: float = 1.0, *, cells: int = 6, rounds: int = 3, **options: Any) -> Run:
        """A noisy run: 50 tokens/s times ``factor``, TTFT 0.2 s, correctness 8 and quality 7 about."""
        rng = self.random
        drift = rng.gauss(1, 0.01)
        records = []
        record_options = {
            key: options.pop(key) for key in ("prompt", "endpoint", "void", "transport") if key in options
        }
        for number in range(cells):
            figures = {
                "output_tps": [factor * 50 * drift * rng.gauss(1, 0.02) for _ in range(rounds)],
                "ttft_s": [0.2 * rng.gauss(1, 0.05) for _ in range(rounds)],
                "correctness": [min(10.0, 8 + rng.gauss(0, 0.5)) for _ in range(rounds)],
                "quality": [7 + rng.gauss(0, 0.3) for _ in range(rounds)],
            }
            records.append(make_record(f"coding/s{number}/en", figures, **record_options))
        return make_run(records, **options)

    def history(self, sessions: int = 5, **options: Any) -> Baseline:
        """A baseline of noisy runs."""
        runs = [self.session(name=f"old-{number}", **options) for number in range(sessions)]
        return make_baseline(runs, options.get("endpoint", "box"))


@pytest.fixture
def make() -> Maker:
    """Makes runs and baselines."""
    return Maker()


@pytest.fixture
def noisy_cells() -> Callable[..., dict[str, list[float]]]:
    """``cells, rounds, level, within`` -> one session, of a seed that runs on."""
    rng = random.Random(11)

    def draw(
        cells: int = 8, rounds: int = 3, level: float = 50.0, within: float = 0.03, drift: float = 0.015
    ) -> dict[str, list[float]]:
        centre = level * rng.gauss(1, drift)
        return {
            f"coding/s{n}/en": [centre * rng.gauss(1, within) for _ in range(rounds)] for n in range(cells)
        }

    return draw
