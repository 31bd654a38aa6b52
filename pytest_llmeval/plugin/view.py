"""What a run had in view: every cell that the collected scenario files and ``llm`` tests yield.

Needed to tell a vanished cell (red) from one that was merely not run. Collected in the process that collects;
a worker sends its view to the controller.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval import problems
from pytest_llmeval.errors import ScenarioError
from pytest_llmeval.language import _
from pytest_llmeval.model import Selection, Suite, cell_key, suite_of

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable

    from pytest_llmeval.model import Record

SKIPPED_FOLDERS = frozenset({".git", ".venv", "venv", "node_modules", "build", "dist", ".tox", "__pycache__"})


class View:
    """Scenario files, cell keys and ``llm`` test functions that were collected, before any deselection."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.suites: list[Suite] = []
        self.files: dict[str, str] = {}
        """Path of a scenario file -> its suite's name."""
        self.places: dict[str, tuple[str, int]] = {}
        """Cell key -> file and line (1-based) of its scenario."""
        self.modules: set[str] = set()
        """Suites of the Python files that were looked at for tests."""
        self.functions: set[tuple[str, str]] = set()
        """``(module's suite, function name)`` of every test that uses the ``llm`` fixture."""
        self.tests: dict[str, tuple[str, str]] = {}
        """Node id -> the same, of those that were collected: ``--lf`` and node ids leave some out."""

        self.elsewhere: set[str] = set()
        """``ENDPOINT CELL`` of every cell that other shards run."""
        self.tests_elsewhere: set[str] = set()
        """Node ids of ``llm`` tests that other shards run."""

    def saw(self, suite: Suite) -> None:
        """Take a file's suite in. Raises ``ScenarioError`` where an id is used twice across files."""
        from pytest_llmeval import scenarios

        if suite.path in self.files:
            return
        scenarios.check_unique([*self.suites, suite])
        self.suites.append(suite)
        self.files[suite.path] = suite.name
        self.places |= {
            cell_key(scenario.suite, scenario.id, language): (scenario.path, scenario.line)
            for scenario in suite.scenarios
            for language in scenario.prompt
        }

    @property
    def cells(self) -> set[str]:
        """The key of every cell that the collected scenario files yield."""
        return set(self.places)

    def unspoken(self, wanted: Collection[str]) -> str | None:
        """Why a run in these prompt languages asked no cell; None where any scenario has one of them."""
        there = sorted({key.rpartition("/")[2] for key in self.places})
        if not wanted or not there or not set(wanted).isdisjoint(there):
            return None
        return _(
            "no scenario has a prompt in {wanted}: there are {languages}",
            wanted=", ".join(wanted),
            languages=", ".join(there),
        )

    def suite_of_module(self, path: Path) -> str:
        """The suite of a Python file's ``llm`` tests: its path below the root, else its name."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else path.name

    def finished(self, done: Container[str]) -> set[tuple[str, str]]:
        """The functions of which every collected test is among the ``done`` node ids."""
        unfinished = {function for nodeid, function in self.tests.items() if nodeid not in done}
        return set(self.tests.values()) - unfinished

    def plain(self) -> dict[str, Any]:
        """For ``workeroutput``."""
        return {
            "files": dict(self.files),
            "places": {key: list(place) for key, place in self.places.items()},
            "modules": sorted(self.modules),
            "functions": sorted(map(list, self.functions)),
            "tests": {nodeid: list(function) for nodeid, function in self.tests.items()},
            "elsewhere": sorted(self.elsewhere),
            "tests_elsewhere": sorted(self.tests_elsewhere),
        }

    def merge(self, plain: dict[str, Any]) -> None:
        """Take a worker's view in."""
        self.files.update(plain["files"])
        self.places.update({key: (path, line) for key, (path, line) in plain["places"].items()})
        self.modules |= set(plain["modules"])
        self.functions |= {(module, function) for module, function in plain["functions"]}
        self.tests.update({nodeid: (one[0], one[1]) for nodeid, one in plain["tests"].items()})
        self.elsewhere |= set(plain["elsewhere"])
        self.tests_elsewhere |= set(plain["tests_elsewhere"])

    def selection(
        self,
        baseline_cells: Iterable[str],
        *,
        everything: bool,
        narrowed: Container[str],
        shipped: Iterable[str],
        done: Container[str],
        records: Iterable[Record],
    ) -> Selection:
        """The run's selection, for the judge.

        ``everything``: no path limited the run, so that suites of the baselines that left no file behind
        count as selected too (``shipped`` suites, and problems, only where they ran). ``narrowed``: suites of
        modules of which only a part was named. ``done``: node ids of the tests that passed: what an ``llm``
        test did not ask then is gone. Files that the run did not collect are read only where a baseline cell
        would otherwise be missing.
        """
        known = sorted(set(baseline_cells))
        suites = set(self.files.values())
        suites |= {module for module, _ in self.functions if module not in narrowed}
        if everything:
            promised = {suite_of(key) for key in known} - set(shipped)
            promised -= {suite for suite in promised if problems.is_suite(suite)}
            suites |= {suite for suite in promised if not self._passed_over(suite)}
        cells = self.cells | {record.key for record in records}
        gone = [key for key in known if suite_of(key) in suites and key not in cells]
        unfinished = self.functions - self.finished(done) if gone else ()
        for module, function in unfinished:
            cells.update(key for key in gone if suite_of(key) == module and asked_by(key, function))
        if any(key not in cells for key in gone):
            cells |= self._uncollected()
        return Selection(suites=tuple(sorted(suites)), cells=tuple(sorted(cells)))

    def has_more_files(self) -> bool:
        """Whether the project has scenario files of the suites in view that this run did not collect."""
        suites = set(self.files.values())
        return any(suite_of(key) in suites for key in self._uncollected())

    def _passed_over(self, suite: str) -> bool:
        """Whether the suite is a module that is there and was not looked at (``--ignore``)."""
        return suite not in self.modules and (self.root / suite).is_file()

    def _uncollected(self) -> set[str]:
        """The cells of scenario files in the project that this run did not collect."""
        from pytest_llmeval import scenarios

        found: set[str] = set()
        for path in _scenario_files(self.root):
            if str(path) not in self.files:
                try:
                    found |= set(keys(scenarios.load(path, root=self.root)))
                except ScenarioError:
                    continue  # a file that nobody asked for may be broken; collecting it says so
        return found


def keys(suite: Suite) -> Iterable[str]:
    """The key of every cell of a suite."""
    for scenario in suite.scenarios:
        for language in scenario.prompt:
            yield cell_key(scenario.suite, scenario.id, language)


def asked_by(key: str, function: str) -> bool:
    """Whether a cell of an ``llm`` test's suite is one of that function's."""
    scenario = key.rsplit("/", 2)[1]
    return scenario == function or scenario.startswith(f"{function}-")


def _scenario_files(root: Path) -> Iterable[Path]:
    for folder, folders, files in os.walk(root):  # what can't be read is passed over
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        yield from (Path(folder, name) for name in sorted(files) if name.endswith(".eval.yaml"))
