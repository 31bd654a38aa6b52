"""radon and one reused PyLinter: a snippet's text -> its ``Analysis``. Imported in the worker process only.

Why warm: a pylint process costs 0.4 s a snippet, a reused linter about 10 ms. What makes the result the same
as a fresh process's: a module name that never returns (astroid caches by it), alone in its folder, no
configuration from outside, and attributes that a snippet put on other modules taken off again.
"""

from __future__ import annotations

import secrets
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import astroid  # type: ignore[import-untyped]  # ships no types
from pylint.lint import PyLinter, Run, pylinter
from pylint.reporters import CollectingReporter
from pylint.utils import ASTWalker
from radon.metrics import h_visit_ast, mi_compute
from radon.visitors import ComplexityVisitor

from . import lines, source
from .analysis import Analysis, Finding, Routine, Severity
from .rules import PYLINT_OPTIONS

if TYPE_CHECKING:
    from pylint.checkers import BaseChecker

_FOLDER = Path("snippets")
_WARM_UP = '''"""Enough to load what most snippets need."""
import collections


class Warm:
    """Up."""

    def __init__(self, names: list[str]) -> None:
        self.names = collections.deque(sorted(names))

    def up(self) -> dict[str, int]:
        """One of each."""
        try:
            return {name: len(f"{name}") for name in self.names if name.strip()}
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from error
'''


class _Linter(PyLinter):
    """A linter that chooses messages, checkers and their callbacks once: pylint does it for every file.

    That is a quarter of a snippet's cost. Right only because no snippet can change the choice: pragmas are
    stripped.
    """

    chosen: list[BaseChecker] | None = None
    callbacks: tuple[Any, Any] | None = None
    tokens: list[tokenize.TokenInfo]

    def initialize(self) -> None:
        if self.chosen is None:
            super().initialize()

    def prepare_checkers(self) -> list[BaseChecker]:
        if self.chosen is None:
            self.chosen = super().prepare_checkers()
        return self.chosen

    def process_tokens(self, tokens: list[tokenize.TokenInfo]) -> None:
        """Keep the tokens of the snippet: they are counted, too."""
        self.tokens = tokens
        super().process_tokens(tokens)


class _Walker(ASTWalker):
    """A walker with the callbacks of its linter's first one."""

    def __init__(self, linter: _Linter) -> None:
        super().__init__(linter)
        self._is_first = linter.callbacks is None
        linter.callbacks = linter.callbacks or (self.visit_events, self.leave_events)
        self.visit_events, self.leave_events = linter.callbacks

    def add_checker(self, checker: BaseChecker) -> None:
        if self._is_first:
            super().add_checker(checker)


class _Run(Run):
    LinterClass = _Linter


pylinter.ASTWalker = _Walker  # type: ignore[attr-defined,assignment]  # pylint has no option for it


class Linter:
    """The warm linter. It writes below the current folder, which must be its own and empty."""

    def __init__(self) -> None:
        self._reporter = CollectingReporter()
        _FOLDER.mkdir()
        Path("warm_up.py").write_text(_WARM_UP, encoding="utf-8")
        run = _Run([*PYLINT_OPTIONS, "warm_up.py"], reporter=self._reporter, exit=False)
        self._linter = cast("_Linter", run.linter)

    def analyse(self, code: str) -> Analysis:
        """Every figure of the snippet, or the failure that left none. Raises nothing that code can cause."""
        code = source.normalise(code)
        tree, reason = source.parse(code)
        if tree is None:
            return Analysis(failure=reason)
        try:
            stripped = source.without_comments(code)
            findings, statements = self._lint(stripped.quiet)
            complexity = ComplexityVisitor.from_ast(tree)
            halstead = h_visit_ast(tree).total
            counted = lines.count(stripped.bare, self._linter.tokens)
        except (SyntaxError, tokenize.TokenError):
            return Analysis(failure="the code can't be tokenized")
        except (RecursionError, MemoryError) as error:
            return Analysis(failure=_exhausted(type(error).__name__))
        except Exception as error:  # noqa: BLE001 - a bug that a snippet triggers must cost that snippet only
            return Analysis(failure=f"the analysers can't read this code ({type(error).__name__}: {error})")
        if any(finding.severity == "fatal" for finding in findings):
            return Analysis(failure=_exhausted("AstroidError"))
        return Analysis(
            findings=findings,
            statements=statements,
            pylint_score=_pylint_score(findings, statements),
            routines=tuple(sorted(_routines(complexity), key=lambda routine: routine.line)),
            maintainability=mi_compute(halstead.volume, complexity.total_complexity, counted.logical, 0),
            volume=float(halstead.volume),
            difficulty=float(halstead.difficulty),
            source_lines=counted.source,
        )

    def _lint(self, code: str) -> tuple[tuple[Finding, ...], int]:
        module = f"module_{secrets.token_hex(8)}"
        path = _FOLDER / f"{module}.py"
        try:
            path.write_text(code, encoding="utf-8", newline="\n")
            self._reporter.reset()
            self._linter.tokens = []
            self._linter.check([str(path)])
        finally:
            _take_back(astroid.MANAGER.astroid_cache.get(module))
            path.unlink(missing_ok=True)
        if not self._linter.tokens:
            raise tokenize.TokenError
        findings = tuple(
            Finding(cast("Severity", message.category), message.symbol, message.line, message.msg or "")
            for message in sorted(self._reporter.messages, key=lambda m: (m.line, m.column, m.symbol, m.msg))
        )
        return findings, self._linter.stats.statement


def _take_back(module: Any) -> None:
    """Undo what astroid noted elsewhere: after ``string.extra = 1`` it would know ``string.extra`` for ever.

    ``module``: the snippet's astroid module, or None.
    """
    if module is None:
        return
    for node in module.nodes_of_class(astroid.nodes.AssignAttr):
        try:
            owners = list(node.expr.infer())
        except (astroid.AstroidError, RecursionError):
            continue
        for owner in owners:
            scope = getattr(owner, "_proxied", owner)
            if not isinstance(scope, astroid.nodes.NodeNG) or scope.root() is module:
                continue
            for table in (getattr(scope, "instance_attrs", {}), getattr(scope, "locals", {})):
                if node in table.get(node.attrname, ()):
                    table[node.attrname].remove(node)
                    if not table[node.attrname]:
                        del table[node.attrname]


def _routines(visitor: ComplexityVisitor) -> list[Routine]:
    waiting = list(visitor.classes)
    functions = list(visitor.functions)
    while waiting:
        found = waiting.pop()
        waiting.extend(found.inner_classes)
        functions.extend(found.methods)
    return [Routine(one.fullname, one.complexity, one.lineno, one.endline) for one in functions]


def _pylint_score(findings: tuple[Finding, ...], statements: int) -> float | None:
    """pylint's own formula (its ``--evaluation`` default) without its floor at 0, which hides differences."""
    if not statements:
        return None
    weight = {"error": 5, "warning": 1, "refactor": 1, "convention": 1}
    return 10.0 - 10.0 * sum(weight.get(finding.severity, 0) for finding in findings) / statements


def _exhausted(what: str) -> str:
    return f"the analysers can't follow this code ({what}): it is too deeply nested or grows too fast"
