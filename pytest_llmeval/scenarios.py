"""``*.eval.yaml`` -> ``Suite``, every mistake with its file and line."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import checks, filler, lined, oracle, requirement, rubrics, selecting, values, workload
from .errors import ScenarioError
from .lined import Node, Reader
from .model import AnswerSpec, Parameters, Scenario, Suite
from .values import UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCENARIO_KEYS = (
    "id",
    "category",
    "prompt",
    "suffix",
    "filler",
    "system",
    "answer",
    "given",
    "reference",
    "oracle",
    "tests",
    "checks",
    "asks",
    "rubric",
    "gate",
    "load",
    "cold",
    "finish",
    "parameters",
    "floor",
    "rounds",
    "tags",
)
PARAMETERS = {"temperature": values.TEMPERATURE, "max_tokens": values.MAX_TOKENS, "seed": values.SEED}
_GIVEN = "{given}"
LANGUAGE_OF_CODE = values.text_kind(
    "the name of a programming language in lower case, like python", re.compile("[a-z][a-z0-9+#.-]{0,30}")
)
_FINISH = values.choice_kind("stop")


def _required(value: object) -> str:
    try:
        return requirement.read(str(values.TEXT.accept(value))).text
    except ValueError:
        raise UnexpectedError(requirement.EXPECTED, value) from None


REQUIREMENT = values.Kind(requirement.EXPECTED, _required, _required)
_EXAMPLE = "a file looks like this: scenarios: [{id: hello, prompt: {en: Say hello.}}]"


def load(path: Path, *, root: Path | None = None, frozen: bool = True) -> Suite:
    """The scenarios of one file. Messages show the path below ``root`` where there is one.

    ``frozen``: with the vectors of their oracles. Raises ``ScenarioError``, and nothing else, for whatever is
    wrong with the file.
    """
    shown = path.relative_to(root) if root is not None and path.is_relative_to(root) else path
    return _File(path, shown, frozen=frozen).suite(lined.load(path, shown_path=shown))


def check_unique(suites: Iterable[Suite]) -> None:
    """Raises ``ScenarioError`` where two files give one suite the same scenario id."""
    first: dict[tuple[str, str], Scenario] = {}
    for scenario in (scenario for suite in suites for scenario in suite.scenarios):
        other = first.setdefault((scenario.suite, scenario.id), scenario)
        if other is not scenario:
            raise ScenarioError(
                f"suite {scenario.suite} has the id {scenario.id} already, at {other.path}:{other.line}",
                path=Path(scenario.path),
                line=scenario.line,
                hint="ids are unique per suite, across files: rename one, or give one file another suite:",
            )


class _File:
    """One file's tree on its way to a suite."""

    def __init__(self, path: Path, shown: Path, *, frozen: bool) -> None:
        self.path = path
        self.frozen = frozen
        self.shown = shown
        self.reader = Reader(shown)

    def suite(self, root: Node) -> Suite:
        if root.value is None:
            self.reader.fail("the file is empty", 1, _EXAMPLE)
        known = ("suite", "system", "rubric", "scenarios", "select")
        fields = self.reader.fields(root, "the file", known)
        name = (
            self.reader.value(fields["suite"], "suite", values.SLUG)
            if "suite" in fields
            else self._suite_name()
        )
        if "select" in fields:
            return Suite(name, self._selected(fields, name), str(self.path))
        if "scenarios" not in fields:
            self.reader.fail("scenarios: is missing", root.line, _EXAMPLE)
        nodes = self.reader.items(fields["scenarios"], "scenarios")
        if not nodes:
            self.reader.fail("scenarios: holds no scenario", fields["scenarios"].line, _EXAMPLE)
        system = self.reader.optional(fields, "system", values.TEXT, None)
        rubric = fields.get("rubric")
        scenarios = tuple(self._scenario(node, name, system, rubric) for node in nodes)
        self._check_ids(scenarios)
        return Suite(name, scenarios, str(self.path))

    def _selected(self, fields: dict[str, Node], suite: str) -> tuple[Scenario, ...]:
        """Scenarios of other files, which hold scenarios of their own."""
        node = fields["select"]
        for key in sorted(fields.keys() - {"suite", "select"}):
            what = f"{key}: belongs to a file with scenarios of its own, and this one selects"
            self.reader.fail(what, fields[key].key_line, "write two files: they may share a suite:")
        found: list[Scenario] = []
        for path in selecting.files(self.reader, node, self.path.parent):
            shown = Path(os.path.normpath(self.shown.parent / os.path.relpath(path, self.path.parent)))
            root = lined.load(path, shown_path=shown)
            if isinstance(root.value, dict) and "select" in root.value:
                what = f"select.from: {shown} selects too"
                self.reader.fail(what, node.value["from"].line, "name what it selects from")
            found += _File(path, shown, frozen=self.frozen).suite(root).scenarios
        scenarios = selecting.chosen(self.reader, node, found, suite)
        check_unique([Suite(suite, scenarios, str(self.path))])
        return scenarios

    def _suite_name(self) -> str:
        """The folder's name below ``suites/``, else the file's stem."""
        folders = [*self.shown.parent.parts]
        below = folders[len(folders) - folders[::-1].index("suites") :] if "suites" in folders else ()
        name = below[0] if below else re.sub(r"(\.eval)?\.ya?ml$", "", self.path.name)
        try:
            return str(values.SLUG.accept(name))
        except UnexpectedError:
            hint = f"say suite: at the top of the file: {values.SLUG.expected}"
            self.reader.fail(f"{values.shown(name)} can't be the suite's name", 1, hint)

    def _check_ids(self, scenarios: tuple[Scenario, ...]) -> None:
        lines: dict[str, int] = {}
        for scenario in scenarios:
            if scenario.id in lines:
                what = f"the id {scenario.id} is used on line {lines[scenario.id]} already"
                self.reader.fail(what, scenario.line, "ids are unique per suite: rename one")
            lines[scenario.id] = scenario.line

    def _scenario(self, node: Node, suite: str, system: str | None, rubric: Node | None) -> Scenario:
        fields = self.reader.fields(node, "a scenario", _SCENARIO_KEYS)
        if "id" not in fields:
            self.reader.fail("the scenario has no id:", node.line, "add one: " + values.SLUG.expected)
        if "prompt" not in fields:
            self.reader.fail(
                "the scenario has no prompt:", node.line, "add one per language: prompt: {en: …}"
            )
        answer = self._answer(fields.get("answer"))
        folder = oracle.read(self.reader, fields.get("oracle"), self.path.parent, frozen=self.frozen)
        given = self._once(fields, "given", folder.given)
        rubric = fields.get("rubric", rubric)
        scenario = Scenario(
            suite=suite,
            id=self.reader.value(fields["id"], "id", values.SLUG),
            category=self.reader.optional(fields, "category", values.SLUG, "general"),
            prompt=self._prompt(fields["prompt"], fields.get("filler"), given),
            suffix=self._suffix(fields),
            system=self.reader.optional(
                fields, "system", values.TEXT, None if "suffix" in fields else system
            ),
            answer=answer,
            given=given,
            reference=self._once(fields, "reference", folder.reference),
            oracle=folder.folder,
            tests=self._tests(fields, answer),
            **self._checks(fields, answer, folder),
            asks=rubrics.asks(self.reader, fields.get("asks"), answer.code),
            rubric=rubrics.weights(self.reader, rubric),
            gate=self.reader.optional(fields, "gate", values.SWITCH, True),
            load=workload.load(self.reader, fields.get("load")),
            cold=workload.cold(self.reader, fields),
            finish=self.reader.optional(fields, "finish", _FINISH, None),
            parameters=self._parameters(fields.get("parameters")),
            floor=workload.floor(self.reader, fields),
            rounds=self.reader.optional(fields, "rounds", selecting.ROUNDS, None),
            tags=self.reader.listed(fields.get("tags"), "tags", values.SLUG),
            path=str(self.path),
            line=node.line,
        )
        rubrics.check(self.reader, rubric, scenario)
        return scenario

    def _prompt(self, node: Node, block: Node | None, given: str | None) -> dict[str, str]:
        if not isinstance(node.value, dict) or not node.value:
            self.reader.wrong(node, "prompt", "one text per language, like {en: …, ko: …}")
        for language, text in node.value.items():
            self.reader.value(Node(language, text.key_line), "prompt", values.LANGUAGE)
        prompts: dict[str, str] = {
            language: self.reader.value(text, f"prompt.{language}", values.TEXT)
            for language, text in node.value.items()
        }
        if given is not None:
            prompts = self._filled(node, prompts, _GIVEN, given.strip("\n"), "given text goes")
        if block is None:
            return prompts
        long = filler.read(self.reader, block, self.path.parent)
        return self._filled(node, prompts, filler.PLACE, long, "filler goes")

    def _filled(
        self, node: Node, prompts: dict[str, str], place: str, text: str, what: str
    ) -> dict[str, str]:
        """The prompts with a text where each says its place."""
        for language, prompt in prompts.items():
            if prompt.count(place) != 1:
                wrong = f"prompt.{language} must say {place} once, where the {what}"
                self.reader.fail(wrong, node.value[language].line)
        return {language: prompt.replace(place, text) for language, prompt in prompts.items()}

    def _once(self, fields: dict[str, Node], key: str, found: str | None) -> str | None:
        """A text of the scenario's own, or of its oracle."""
        if key in fields and found is not None:
            what = f"{key}: is here and in the oracle's folder"
            self.reader.fail(what, fields[key].key_line, "keep one of them")
        text: str | None = self.reader.optional(fields, key, values.TEXT, found)
        return text

    def _checks(self, fields: dict[str, Node], answer: AnswerSpec, folder: oracle.Oracle) -> dict[str, Any]:
        """The scenario's own checks, and the vectors of its oracle."""
        read = checks.read(self.reader, fields, answer.code)
        if not folder.checks:
            return read
        if answer.code != "python":
            what = f"oracle: {oracle.VECTORS} are calls, and this answer is no Python"
            self.reader.fail(what, fields["oracle"].line, "say answer: {code: python}")
        return {**read, "checks": (*read["checks"], *folder.checks)}

    def _tests(self, fields: dict[str, Node], answer: AnswerSpec) -> str | None:
        if "tests" not in fields:
            return None
        node = fields["tests"]
        if answer.code != "python":
            self.reader.fail("tests: belongs to Python", node.key_line, "say answer: {code: python}")
        path: Path = self.path.parent / self.reader.value(node, "tests", values.PATH)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            hint = "name a file beside this one, with functions test_…"
            self.reader.fail(f"tests: {path} can't be read: {error}", node.line, hint)

    def _suffix(self, fields: dict[str, Node]) -> str | None:
        suffix: str | None = self.reader.optional(fields, "suffix", values.TEXT, None)
        if suffix is not None and "system" in fields:
            what = "a gap is filled without instructions: suffix: and system: exclude each other"
            self.reader.fail(what, fields["suffix"].key_line)
        return suffix

    def _answer(self, node: Node | None) -> AnswerSpec:
        if node is None:
            return AnswerSpec()
        fields = self.reader.fields(node, "answer", ("code", "requires"))
        code = self.reader.optional(fields, "code", LANGUAGE_OF_CODE, None, where="answer.")
        requires = self.reader.listed(fields.get("requires"), "answer.requires", REQUIREMENT)
        if requires and code != "python":
            what = "answer.requires names what Python code must define"
            self.reader.fail(what, fields["requires"].key_line, "say answer: {code: python}")
        return AnswerSpec(code=code, requires=requires)

    def _parameters(self, node: Node | None) -> Parameters:
        if node is None:
            return Parameters()
        fields = self.reader.fields(node, "parameters", PARAMETERS)
        return Parameters(
            **{key: self.reader.value(fields[key], f"parameters.{key}", PARAMETERS[key]) for key in fields}
        )
