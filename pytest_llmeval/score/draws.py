"""Draw calls from the strategies of an oracle, in a process of their own: ``python -P draws.py``.

hypothesis mixes the constants of every loaded module of the user's into what it draws. Here there is none but
this file, so that the same strategies draw the same calls everywhere. It therefore imports nothing of the
package. One JSON value in: the paths of files ``strategies.py``. One out, for each path: ``{"groups": [[call,
…], …]}``, calls as texts, or ``{"error": sentence}``. Such a file is its author's own program and trusted.
"""

from __future__ import annotations

import ast
import contextlib
import json
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAWN = 400
"""Values of a strategy, of which equal ones count once."""
MOST_TEXT = 600
"""Characters of a call that people still read in a diff."""


def main() -> None:
    """Serve one job."""
    with contextlib.redirect_stdout(sys.stderr):  # what a program prints is not the reply
        reply = [_drawn(path) for path in json.load(sys.stdin)]
    print(json.dumps(reply))  # noqa: T201


def _drawn(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not needed for this
            code = compile(file.read(), path, "exec")
        namespace: dict[str, Any] = {"__name__": "strategies", "__file__": path}
        exec(code, namespace)  # noqa: S102 - its author's own program
        if "CALLS" not in namespace:
            return {"error": "it defines no CALLS"}
        groups = enumerate(_groups(namespace["CALLS"]))
        return {"groups": [_calls(name, strategy, number) for number, (name, strategy) in groups]}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the program raises is told
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path
        ]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"line {line}: " if line else ""
        return {"error": f"{where}{type(error).__name__}: {error}"}


def _groups(calls: Any) -> Iterator[tuple[str | None, Any]]:
    """Every strategy with the function that it has arguments for; None where it has whole calls."""
    named = calls.items() if isinstance(calls, dict) else [(None, calls)]
    for name, strategies in named:
        for strategy in strategies if isinstance(strategies, (list, tuple)) else [strategies]:
            yield name, strategy


def _calls(name: str | None, strategy: Any, number: int) -> list[str]:
    """Distinct calls, the shortest first."""
    found = {_call(name, value) for value in _values(strategy, number)}
    return sorted((call for call in found if len(call) <= MOST_TEXT), key=lambda call: (len(call), call))


def _values(strategy: Any, start: int) -> list[Any]:
    """What a strategy draws from a seed."""
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis.strategies import SearchStrategy

    if not isinstance(strategy, SearchStrategy):
        raise TypeError(f"CALLS holds {strategy!r}, which is no strategy")
    found: list[Any] = []

    @seed(start)
    @settings(
        max_examples=DRAWN,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(value: Any) -> None:
        found.append(value)

    keep()
    return found


def _call(name: str | None, value: Any) -> str:
    """The text of one call."""
    if name is None:
        if not isinstance(value, str):
            raise TypeError(f"a strategy of whole calls drew {value!r}, which is no text")
        ast.parse(value, mode="eval")
        return value
    if not isinstance(value, tuple):
        raise TypeError(f"the strategy of {name} drew {value!r}, which is no tuple of arguments")
    try:
        is_literal = ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError):
        is_literal = False
    if not is_literal:
        raise ValueError(f"the strategy of {name} drew {value!r}, which can't be written as a literal")
    return f"{name}({', '.join(map(repr, value))})"


if __name__ == "__main__":
    main()
