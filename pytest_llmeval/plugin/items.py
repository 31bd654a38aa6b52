"""Scenario files as pytest items: one item is one cell (endpoint x scenario x prompt language)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import problems, promises, scenarios, shipped
from pytest_llmeval.errors import CeilingError, NotMeasurableError, ScenarioError, lack_of
from pytest_llmeval.language import _
from pytest_llmeval.model import cell_key
from pytest_llmeval.report import cell as cell_text

from . import context, options, payload, unselected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval import evaluate
    from pytest_llmeval.model import Endpoint, Record, Scenario


class ScenarioFile(pytest.File):
    """One ``*.eval.yaml``, or a file of ``problems``. No network is asked while it is collected."""

    def collect(self) -> Iterator[ScenarioItem]:
        here = context.of(self.config)
        try:
            form = problems if problems.are_in(self.path) else scenarios
            suite = form.load(self.path, root=self.config.rootpath)
            here.view.saw(suite)
            wanted = here.settings.prompt_languages
        except (ScenarioError, pytest.UsageError) as error:  # a project file's, where nobody was asked before
            raise self.CollectError(str(error)) from None
        for scenario in suite.scenarios:
            self._register_markers(scenario)
            for language in scenario.prompt:
                if wanted and language not in wanted:
                    continue
                for endpoint in here.settings.candidates or (None,):
                    name = f"{scenario.id}[{f'{endpoint.name}-' if endpoint else ''}{language}]"
                    # pytest 9.2 parses ids: without an explicit one the brackets break --lf.
                    yield ScenarioItem.from_parent(
                        self,
                        name=name,
                        nodeid=f"{self.nodeid}::{name}",
                        scenario=scenario,
                        endpoint=endpoint,
                        language=language,
                    )

    def _register_markers(self, scenario: Scenario) -> None:
        for name in (scenario.category, *scenario.tags):
            self.config.addinivalue_line("markers", f"{name}: a category or tag of llmeval scenarios")


class ScenarioItem(pytest.Item):
    """One cell. It fails only for what it knows alone: errors and the scenario's own floors."""

    def __init__(
        self,
        *args: Any,
        scenario: Scenario,
        endpoint: Endpoint | None,
        language: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.scenario = scenario
        self.endpoint = endpoint
        self.language = language
        for name in ("llm", scenario.category, *scenario.tags):
            self.add_marker(name)
        self.extra_keyword_matches |= {scenario.suite, scenario.category, language, *scenario.tags}
        if endpoint is None:
            self.add_marker(unselected.SKIP)
        else:
            self.extra_keyword_matches.add(endpoint.name)

    @property
    def key(self) -> str:
        """The cell's."""
        return cell_key(self.scenario.suite, self.scenario.id, self.language)

    def runtest(self) -> None:
        """Measure and score the cell; its record travels on the report."""
        if self.endpoint is None:  # skipped by its marker; here for `-p no:skipping`
            pytest.skip(unselected.REASON)
        here = context.of(self.config)
        try:
            outcome = here.bench.run(self.endpoint, self.scenario, self.language, nodeid=self.nodeid)
        except NotMeasurableError as error:
            self.stash[payload.KEY] = payload.of([]) | {"not_measurable": [self.endpoint.name, self.key]}
            pytest.skip(str(error))
        except CeilingError as error:
            self.stash[payload.KEY] = payload.of([]) | payload.left_out(error, self.endpoint.name, self.key)
            pytest.skip(str(error))
        self.stash[payload.KEY] = payload.of([outcome])
        self.user_properties.extend(properties(outcome.record))
        if outcome.interrupted:
            here.interrupted(self)
        if outcome.stopped and not outcome.faults:
            pytest.skip(str(outcome.stopped))
        broken = sentences(self.scenario, outcome, strict=here.settings.strict)
        if broken:
            details = cell_text.details(outcome.record, outcome.answers, here.answers_path, self._again())
            self.add_report_section("call", "llmeval", details)
            pytest.fail("\n".join(broken), pytrace=False)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the machine lacks is a sentence."""
        return lack_of(excinfo.value) or super().repr_failure(excinfo, style)

    def _again(self) -> str:
        """The command that runs this cell again."""
        assert self.endpoint is not None
        if self.nodeid.startswith(shipped.PREFIX):
            words = f"{self.scenario.id} and {self.language} and {self.endpoint.name}"
            return options.again(self.config, f"--llm-suite={self.scenario.suite}", "-k", words)
        return options.again(self.config, self.nodeid)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the scenario is written."""
        where = f"{self.endpoint.name} " if self.endpoint else ""
        return (
            Path(self.scenario.path),
            self.scenario.line - 1,
            f"{self.scenario.suite}/{self.scenario.id} [{where}{self.language}]",
        )


def properties(record: Record) -> list[tuple[str, object]]:
    """Few short scalars, for JUnit."""
    figures = ((name, record.figure(name)) for name in ("ttft_s", "output_tps", "quality", "correctness"))
    return [(f"llm_{name}", round(value, 4)) for name, value in figures if value is not None]


def sentences(scenario: Scenario, outcome: evaluate.Outcome, *, strict: bool) -> list[str]:
    """Why the cell fails, each a sentence; empty when it does not. A reference that fails is named."""
    record = outcome.record
    errors = [
        _(
            "the reference {endpoint}: {failure}",
            endpoint=one.record.endpoint,
            failure=cell_text.failure(sample),
        )
        if one is outcome.reference
        else cell_text.failure(sample)
        for one in outcome.both
        for sample in one.record.samples
        if sample.error is not None
    ]
    broken = (*promises.broken(scenario, record), *(promises.unchecked(record) if strict else ()))
    return [*dict.fromkeys(errors), *outcome.faults, *(() if errors or outcome.faults else broken)]


def add_shipped(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the shipped suites that were named, or ``smoke`` where the project has nothing of its own.

    They lie outside the rootdir, so their ids are explicit. Done in every process: workers and controller
    must collect the same.
    """
    here = context.of(session.config)
    names = list(here.settings.suites)
    if not names and here.settings.endpoints and not here.has_own:
        names = ["smoke"]
    for name in names:
        for path in shipped.files(name):
            file = ScenarioFile.from_parent(session, path=path, nodeid=f"{shipped.PREFIX}/{name}/{path.name}")
            items.extend(session.genitems(file))
