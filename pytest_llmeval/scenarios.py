"""``*.eval.yaml`` -> ``Suite``, every mistake with its file and line; and the hashes of what was asked."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import lined, values
from .errors import ScenarioError
from .lined import Node
from .model import CELL_METRICS, AnswerSpec, Check, Parameters, Scenario, Suite
from .values import UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .values import Kind

_SCENARIO_KEYS = (
    "id",
    "category",
    "prompt",
    "system",
    "answer",
    "checks",
    "parameters",
    "floor",
    "tags",
)
_PARAMETERS = {"temperature": values.TEMPERATURE, "max_tokens": values.MAX_TOKENS, "seed": values.SEED}
_LANGUAGE_OF_CODE = values.text_kind(
    "the name of a programming language in lower case, like python", re.compile("[a-z][a-z0-9+#.-]{0,30}")
)
_REQUIREMENT = values.text_kind(
    "a name or a signature, like fib(n), class Stack or Stack.push(item)",
    re.compile(r"(async )?(def |class )?\s*[^\W\d]\w*(\.[^\W\d]\w*)?\s*(\(.*)?", re.DOTALL),
)
_EXCEPTION = values.text_kind("the name of an exception, like ValueError", re.compile(r"[A-Za-z_][\w.]*"))
_SCORE = values.number_kind(0, 10)
_POSITIVE = values.number_kind(0, above=True)
_EXAMPLE = "a file looks like this: scenarios: [{id: hello, prompt: {en: Say hello.}}]"


def load(path: Path, *, root: Path | None = None) -> Suite:
    """The scenarios of one file. Messages show the path below ``root`` where there is one.

    Raises ``ScenarioError``, and nothing else, for whatever is wrong with the file.
    """
    shown = path.relative_to(root) if root is not None and path.is_relative_to(root) else path
    return _Reader(path, shown).suite(lined.load(path, shown_path=shown))


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


def prompt_sha256(scenario: Scenario, language: str) -> str:
    """Hash of what is said to the model: system text and prompt. Another hash makes a baseline cell stale."""
    return _sha256({"system": scenario.system, "prompt": scenario.prompt[language]})


def parameters_sha256(temperature: float, seed: int | None, max_tokens: int | None) -> str:
    """Hash of what is asked of the sampler, before ``max_tokens`` is clipped to what fits."""
    return _sha256({"temperature": float(temperature), "seed": seed, "max_tokens": max_tokens})


def _sha256(value: dict[str, Any]) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


class _Reader:
    """One file's tree on its way to a suite."""

    def __init__(self, path: Path, shown: Path) -> None:
        self.path = path
        self.shown = shown

    def suite(self, root: Node) -> Suite:
        if root.value is None:
            self.fail("the file is empty", 1, _EXAMPLE)
        fields = self.fields(root, "the file", ("suite", "scenarios"))
        name = self.value(fields["suite"], "suite", values.SLUG) if "suite" in fields else self._suite_name()
        if "scenarios" not in fields:
            self.fail("scenarios: is missing", root.line, _EXAMPLE)
        nodes = self.items(fields["scenarios"], "scenarios")
        if not nodes:
            self.fail("scenarios: holds no scenario", fields["scenarios"].line, _EXAMPLE)
        scenarios = tuple(self._scenario(node, name) for node in nodes)
        self._check_ids(scenarios)
        return Suite(name, scenarios, str(self.path))

    def _suite_name(self) -> str:
        """The folder's name below ``suites/``, else the file's stem."""
        folders = [*self.shown.parent.parts]
        below = folders[len(folders) - folders[::-1].index("suites") :] if "suites" in folders else ()
        name = below[0] if below else re.sub(r"(\.eval)?\.ya?ml$", "", self.path.name)
        try:
            return str(values.SLUG.accept(name))
        except UnexpectedError:
            hint = f"say suite: at the top of the file: {values.SLUG.expected}"
            self.fail(f"{values.shown(name)} can't be the suite's name", 1, hint)

    def _check_ids(self, scenarios: tuple[Scenario, ...]) -> None:
        lines: dict[str, int] = {}
        for scenario in scenarios:
            if scenario.id in lines:
                what = f"the id {scenario.id} is used on line {lines[scenario.id]} already"
                self.fail(what, scenario.line, "ids are unique per suite: rename one")
            lines[scenario.id] = scenario.line

    def _scenario(self, node: Node, suite: str) -> Scenario:
        fields = self.fields(node, "a scenario", _SCENARIO_KEYS)
        if "id" not in fields:
            self.fail("the scenario has no id:", node.line, "add one: " + values.SLUG.expected)
        if "prompt" not in fields:
            self.fail("the scenario has no prompt:", node.line, "add one per language: prompt: {en: …}")
        answer = self._answer(fields.get("answer"))
        return Scenario(
            suite=suite,
            id=self.value(fields["id"], "id", values.SLUG),
            category=self.optional(fields, "category", values.SLUG, "general"),
            prompt=self._prompt(fields["prompt"]),
            system=self.optional(fields, "system", values.TEXT, None),
            answer=answer,
            checks=self._checks(fields.get("checks"), answer),
            parameters=self._parameters(fields.get("parameters")),
            floor=self._floor(fields.get("floor")),
            tags=self.listed(fields.get("tags"), "tags", values.SLUG),
            path=str(self.path),
            line=node.line,
        )

    def _prompt(self, node: Node) -> dict[str, str]:
        if not isinstance(node.value, dict) or not node.value:
            self.wrong(node, "prompt", "one text per language, like {en: …, ko: …}")
        for language, text in node.value.items():
            self.value(Node(language, text.key_line), "prompt", values.LANGUAGE)
        return {
            language: self.value(text, f"prompt.{language}", values.TEXT)
            for language, text in node.value.items()
        }

    def _answer(self, node: Node | None) -> AnswerSpec:
        if node is None:
            return AnswerSpec()
        fields = self.fields(node, "answer", ("code", "requires"))
        code = self.optional(fields, "code", _LANGUAGE_OF_CODE, None, where="answer.")
        required = _REQUIREMENT if code == "python" else values.TEXT
        requires = self.listed(fields.get("requires"), "answer.requires", required)
        if requires and code is None:
            self.fail(
                "answer.requires names what code must define", node.line, "say which: answer: {code: python}"
            )
        return AnswerSpec(code=code, requires=requires)

    def _checks(self, node: Node | None, answer: AnswerSpec) -> tuple[Check, ...]:
        if node is None:
            return ()
        if answer.code is None:
            self.fail(
                "checks run code, and this answer has none", node.key_line, "add answer: {code: python}"
            )
        return tuple(self._check(item) for item in self.items(node, "checks"))

    def _check(self, node: Node) -> Check:
        fields = self.fields(node, "a check", ("call", "equals", "raises"))
        if "call" not in fields or ("equals" in fields) == ("raises" in fields):
            example = 'like {call: "f(2, 3)", equals: 5} or {call: f(None), raises: TypeError}'
            self.fail("a check is a call: with either equals: or raises:", node.line, example)
        return Check(
            call=self.value(fields["call"], "call", values.TEXT),
            equals=fields["equals"].plain() if "equals" in fields else None,
            raises=self.optional(fields, "raises", _EXCEPTION, None),
        )

    def _parameters(self, node: Node | None) -> Parameters:
        if node is None:
            return Parameters()
        fields = self.fields(node, "parameters", _PARAMETERS)
        return Parameters(
            **{key: self.value(fields[key], f"parameters.{key}", _PARAMETERS[key]) for key in fields}
        )

    def _floor(self, node: Node | None) -> dict[str, float]:
        if node is None:
            return {}
        fields = self.fields(node, "floor", CELL_METRICS)
        scores = ("correctness", "quality", "clarity", "total")
        return {
            metric: self.value(floor, f"floor.{metric}", _SCORE if metric in scores else _POSITIVE)
            for metric, floor in fields.items()
        }

    # -- the forms of YAML ---------------------------------------------------------------------------------

    def fields(self, node: Node, what: str, known: Iterable[str]) -> dict[str, Node]:
        """The mapping's entries, all of them known."""
        if not isinstance(node.value, dict):
            known = list(known)
            self.wrong(node, what, f"a mapping with the keys {values.alternatives(known)}")
        for key, entry in node.value.items():
            if key not in known:
                hint = values.did_you_mean(key, known)
                self.fail(f"{what} has no key {values.shown(key)}", entry.key_line, hint)
        entries: dict[str, Node] = node.value
        return entries

    def items(self, node: Node, what: str) -> list[Node]:
        if not isinstance(node.value, list):
            self.wrong(node, what, "a list")
        nodes: list[Node] = node.value
        return nodes

    def listed(self, node: Node | None, what: str, kind: Kind) -> tuple[str, ...]:
        return tuple(self.value(item, what, kind) for item in self.items(node, what)) if node else ()

    def optional(self, fields: dict[str, Node], key: str, kind: Kind, default: Any, where: str = "") -> Any:
        return self.value(fields[key], where + key, kind) if key in fields else default

    def value(self, node: Node, what: str, kind: Kind) -> Any:
        try:
            return kind.accept(node.value)
        except UnexpectedError as wrong:
            unquoted = isinstance(node.value, (bool, int, float)) and kind is values.TEXT
            self.fail(f"{what}: {wrong}", node.line, "quote it to make it a text" if unquoted else None)

    def wrong(self, node: Node, what: str, expected: str) -> NoReturn:
        self.fail(f"{what}: {UnexpectedError(expected, node.value)}", node.line)

    def fail(self, what: str, line: int, hint: str | None = None) -> NoReturn:
        raise ScenarioError(what, path=self.shown, line=line, hint=hint) from None
