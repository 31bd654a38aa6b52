"""The ``llm`` fixture: the same engine for people who write Python tests."""

from __future__ import annotations

import asyncio
import hashlib
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import evaluate, scenarios, values, wire
from pytest_llmeval.answer import Answer
from pytest_llmeval.errors import CeilingError, UsageError
from pytest_llmeval.model import AnswerSpec, Parameters, Scenario, cell_key
from pytest_llmeval.report import cell
from pytest_llmeval.score import extract

from . import context, exclusive, items, options, payload, unselected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmeval.model import Endpoint
    from pytest_llmeval.values import Kind


LAST = pytest.StashKey[evaluate.Outcome]()
"""On an item: what its test was answered last."""


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Once per selected endpoint; without one, skipped with the sentence that says how to name one."""
    here = context.of(metafunc.config)
    try:
        endpoints = here.settings.candidates
    except pytest.UsageError as error:  # in the project file, where nobody was asked before
        raise pytest.Collector.CollectError(str(error)) from None
    here.has_own = True
    here.view.functions.add(
        (here.view.suite_of_module(metafunc.definition.path), function_name(metafunc.definition.nodeid))
    )
    if endpoints:
        params = [pytest.param(endpoint, id=endpoint.name, marks=pytest.mark.llm) for endpoint in endpoints]
    else:
        params = [pytest.param(None, id="no-endpoint", marks=[pytest.mark.llm, unselected.SKIP])]
    metafunc.parametrize(exclusive.PARAMETER, params, indirect=True)


def collected(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Take in which tests are about to be selected from; to be called before anything deselects."""
    view = context.of(config).view
    for item in items:
        if exclusive.PARAMETER in getattr(item, "fixturenames", ()):
            view.tests[item.nodeid] = (view.suite_of_module(item.path), function_name(item.nodeid))


def explain(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Let a failed test say what came of its last question, as a failed cell does."""
    asked = item.stash.get(LAST, None)
    if asked is None or call.when == "teardown" or call.excinfo is None:
        return
    if not isinstance(call.excinfo.value, pytest.skip.Exception):
        kept, again = context.of(item.config).answers_path, options.again(item.config, item.nodeid)
        item.add_report_section(call.when, "llmeval", cell.details(asked.record, asked.answers, kept, again))


class Asker:
    """One endpoint, ready to be asked. ``endpoint`` is its name."""

    def __init__(self, item: pytest.Function, endpoint: Endpoint) -> None:
        self._item = item
        self._target = endpoint
        self._outcomes: list[evaluate.Outcome] = []
        self._scenarios: list[Scenario] = []
        self.endpoint = endpoint.name

    def __repr__(self) -> str:
        return f"<llm on {self.endpoint}>"

    def ask(
        self,
        prompt: str,
        *,
        id: str | None = None,  # noqa: A002  the format's own name for it
        requires: str | Sequence[str] = (),
        code: str | None = None,
        system: str | None = None,
        category: str = "general",
        language: str = "en",
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        suffix: str | None = None,
    ) -> Answer:
        """Ask, measure and score one cell of the test's own suite (the module's path).

        ``id`` names the cell in baselines (with the test function's name before it) and must be given from
        the second question of a test on. ``requires`` are names or signatures that the code must define; they
        imply ``code="python"``. With ``suffix`` the answer is what stands between prompt and suffix
        (fill-in-the-middle). A failed request fails the test. Raises ``UsageError`` for what no scenario file
        may say either.
        """
        __tracebackhide__ = True
        _refuse_loop()
        here = context.of(self._item.config)
        code = code or ("python" if requires else None)
        if requires and code != "python":
            raise UsageError("requires: is read in Python only", where="llm.ask", hint="leave it out")
        if suffix is not None and system is not None:
            raise UsageError("a gap is filled without instructions", where="llm.ask", hint="leave out system")
        scenario = Scenario(
            suite=here.view.suite_of_module(self._item.path),
            id=self._cell_id(_checked("id", id, values.TEXT)),
            category=_checked("category", category, values.SLUG),
            prompt={_checked("language", language, values.LANGUAGE): _checked("prompt", prompt, values.TEXT)},
            suffix=_checked("suffix", suffix, values.TEXT),
            system=_checked("system", system, values.TEXT),
            answer=AnswerSpec(
                code=_checked("code", code, scenarios.LANGUAGE_OF_CODE),
                requires=_checked("requires", requires, values.list_kind(scenarios.REQUIREMENT, split=False)),
            ),
            parameters=Parameters(
                temperature=_checked("temperature", temperature, values.TEMPERATURE),
                max_tokens=_checked("max_tokens", max_tokens, values.MAX_TOKENS),
                seed=_checked("seed", seed, values.SEED),
            ),
            path=str(self._item.path),
        )
        self._scenarios.append(scenario)
        try:
            outcome = here.bench.run(self._target, scenario, language, nodeid=self._item.nodeid)
        except CeilingError as error:
            key = cell_key(scenario.suite, scenario.id, language)
            self._item.stash[payload.KEY] = self._payload() | payload.left_out(error, self.endpoint, key)
            pytest.skip(str(error))
        self._outcomes.append(outcome)
        self._item.stash[LAST] = outcome
        self._item.stash[payload.KEY] = self._payload()
        if len(self._outcomes) == 1:
            self._item.user_properties.extend(items.properties(outcome.record))
        if outcome.interrupted:
            here.interrupted(self._item)
        if outcome.stopped and not outcome.faults:
            pytest.skip(str(outcome.stopped))
        broken = items.sentences(scenario, outcome, strict=here.settings.strict)
        if broken:
            pytest.fail("\n".join(broken), pytrace=False)
        first = outcome.answers[0] if outcome.answers else evaluate.AnswerText(0, "", "")
        extraction = extract.code(first.text, requires=scenario.answer.requires)
        return Answer(outcome.record, text=first.text, reasoning=first.reasoning, code=extraction.code)

    def _payload(self) -> dict[str, Any]:
        """With the questions: no file tells the controller what they were."""
        asked = {
            cell_key(one.suite, one.id, language): wire.plain(one)
            for one in self._scenarios
            for language in one.prompt
        }
        return payload.of(self._outcomes) | {"scenarios": asked}

    def _cell_id(self, name: str | None) -> str:
        __tracebackhide__ = True
        parts = (function_name(self._item.nodeid), self._parameters(), name)
        taken = {outcome.record.scenario for outcome in self._outcomes}
        cell_id = _slug("-".join(part for part in parts if part))
        if cell_id in taken:
            raise UsageError(
                f"{self._item.nodeid}: llm.ask() was called twice with the same id",
                hint='give each question its own: llm.ask("…", id="parse"), llm.ask("…", id="format")',
            )
        return cell_id

    def _parameters(self) -> str:
        """The test's own parametrisation, without the endpoint, which stands behind parameters of fixtures
        and before those of marks.
        """
        parameters = self._item.name.partition("[")[2].removesuffix("]")
        return f"-{parameters}-".replace(f"-{self.endpoint}-", "-", 1)[1:-1]


def function_name(nodeid: str) -> str:
    """A test's name in cell ids: ``test_x``, or ``testthing.test_x`` for a method of ``TestThing``."""
    return _slug(nodeid.partition("::")[2].partition("[")[0].replace("::", "."))


def _refuse_loop() -> None:
    """Cells are measured in an event loop of their own, and no thread has two."""
    __tracebackhide__ = True
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        raise UsageError(
            "it can't be called where an event loop runs, as in an async test",
            where="llm.ask",
            hint='give it a thread: await asyncio.to_thread(llm.ask, "…")',
        )


def _checked(name: str, value: Any, kind: Kind) -> Any:
    """An argument of ``ask``, None where it was not given. Raises ``UsageError``."""
    __tracebackhide__ = True
    try:
        return None if value is None else kind.accept(value)
    except values.UnexpectedError as wrong:
        raise UsageError(f"{name}: {wrong}", where="llm.ask") from None


def _slug(text: str) -> str:
    """In the characters of an id. What it can't spell, like the Korean name of a test, is told by a hash."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.")
    if slug and text.isascii():
        return slug
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug}-{digest}" if slug else digest
