"""Recorded answers of real models: ``fixtures/answers/models/<model>.jsonl``, a line per cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec import Struct

from pytest_llmeval import hashes, runfile
from pytest_llmeval.errors import RunFileError
from pytest_llmeval.model import cell_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_llmeval.model import Record, Run, Scenario

FOLDER = Path(__file__).parents[1] / "fixtures" / "answers" / "models"


class Recorded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer. ``prompt_sha256``: of what was asked (``hashes``); ``tokens``: of the completion."""

    key: str
    prompt_sha256: str
    text: str
    finish_reason: str | None = None
    tokens: int | None = None


class _Line(Struct, frozen=True):
    """A line of a run's ``answers.jsonl``."""

    endpoint: str
    cell: str
    round: int
    text: str


class Cell(NamedTuple):
    """A scenario in one of its prompt's languages."""

    scenario: Scenario
    language: str


def cells(suite: Iterable[Scenario]) -> dict[str, Cell]:
    """Every cell of these scenarios, by its key."""
    return {
        cell_key(scenario.suite, scenario.id, language): Cell(scenario, language)
        for scenario in suite
        for language in scenario.prompt
    }


def load(model: str, folder: Path = FOLDER) -> tuple[Recorded, ...]:
    """What is recorded of a model; nothing where nothing is."""
    path = folder / f"{model}.jsonl"
    return tuple(msgspec.json.Decoder(Recorded).decode_lines(path.read_bytes())) if path.exists() else ()


def sorted_out(answers: Iterable[Recorded], known: Mapping[str, Cell]) -> tuple[list[Recorded], list[str]]:
    """Answers to the prompts as they are now, and the keys of those to prompts that have changed or gone."""
    fresh, stale = [], []
    for one in answers:
        cell = known.get(one.key)
        if cell is not None and hashes.prompt_sha256(cell.scenario, cell.language) == one.prompt_sha256:
            fresh.append(one)
        else:
            stale.append(one.key)
    return fresh, stale


def record(folder: Path, model: str, endpoint: str | None = None, *, suite: str, into: Path = FOLDER) -> str:
    """Record the first good answer to every cell of a suite from a run's folder; returns what was done.

    What was recorded before of other cells stays. Raises ``RunFileError`` for a folder without a run and its
    answers, and for a run of several endpoints where none is named.
    """
    run = runfile.load(folder / "run.json")
    texts = {(line.endpoint, line.cell, line.round): line.text for line in _lines(folder / "answers.jsonl")}
    name = endpoint or _only(run, folder)
    found, failed = {}, []
    for cell in run.cells:
        if (cell.endpoint, cell.suite) == (name, suite):
            answer = _first(cell, texts)
            if answer is None:
                failed.append(cell.key)
            else:
                found[cell.key] = answer
    if not found:
        raise RunFileError(f"holds no answer of {name} to the suite {suite}", where=str(folder))
    before = {one.key: one for one in load(model, into)}
    kept = sorted((before | found).values(), key=lambda one: one.key)
    runfile.write(
        into / f"{model}.jsonl", b"".join(msgspec.json.encode(one) + b"\n" for one in kept).decode()
    )
    told = f"{model}: {len(found)} answers recorded, {len(kept)} in all"
    return told + (f"; without an answer: {', '.join(failed)}" if failed else "")


def _lines(path: Path) -> list[_Line]:
    try:
        return msgspec.json.Decoder(_Line).decode_lines(path.read_bytes())
    except FileNotFoundError:
        raise RunFileError(
            "there are no answers", where=str(path), hint="run without --llm-no-answers"
        ) from None
    except msgspec.MsgspecError as error:
        raise RunFileError(f"is damaged: {error}", where=str(path)) from None


def _only(run: Run, folder: Path) -> str:
    names = sorted({cell.endpoint for cell in run.cells})
    if len(names) != 1:
        raise RunFileError(
            f"holds answers of {', '.join(names) or 'no endpoint'}",
            where=str(folder),
            hint="say --endpoint=NAME",
        )
    return names[0]


def _first(cell: Record, texts: Mapping[tuple[str, str, int], str]) -> Recorded | None:
    """The answer of the first round that was answered."""
    for sample in cell.samples:
        text = texts.get((cell.endpoint, cell.key, sample.round))
        if sample.ok and text is not None:
            return Recorded(
                key=cell.key,
                prompt_sha256=cell.prompt_sha256,
                text=text,
                finish_reason=sample.finish_reason,
                tokens=sample.completion_tokens,
            )
    return None
