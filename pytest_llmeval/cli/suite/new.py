"""``llmeval suite new``: a small suite to change into one's own, which runs and passes its check as it is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_llmeval import runfile, values
from pytest_llmeval.errors import UsageError

from .files import SUFFIX

EXAMPLE = """\
examples:
  llmeval suite new billing              writes suites/billing.eval.yaml
  llmeval suite new evals/x.eval.yaml    writes that file
  llmeval suite new billing --oracle     also a folder with right answers and strategies of calls

exit code: 0 written, 2 wrong usage, or a file is there already
"""

_HEAD = """\
# Run it:                            pytest {path} --llm-endpoint=…
# Try it without any endpoint:       llmeval suite check {path}

scenarios:
- id: average                        # a-z 0-9 . _ - ; unique in the suite
  category: algorithm                # any word: select by it with -k or -m
  prompt:                            # one cell for each language
    en: |
      Write a Python function `average(numbers)` that returns the mean of a list of numbers.
      It raises `ValueError` for an empty list. Answer with one code block.
    ko: |
      숫자 리스트의 평균을 반환하는 파이썬 함수 `average(numbers)`를 작성해 주세요.
      빈 리스트를 받으면 `ValueError`를 발생시킵니다. 코드 블록 하나로 답해 주세요.
  answer: {{code: python, requires: ["average(numbers)"]}}   # names or signatures that the code must define
"""
_INLINE = """\
  reference: |                       # a right answer: `llmeval suite check` tries it
    def average(numbers):
        if not numbers:
            raise ValueError("no numbers")
        return sum(numbers) / len(numbers)
  checks:                            # executed in a sandbox; the share that passes is the correctness
  - {call: "average([3])", equals: 3}
  - {call: "average([1, 2, 4.5])", equals: 2.5}
  - {call: "average([])", raises: ValueError}
"""
_ORACLE = """\
  oracle: oracles/average            # right answers, strategies, and the vectors that they make:
                                     # llmeval suite freeze {path}
"""
_TAIL = """\
  parameters: {max_tokens: 256}
  tags: []
"""
_FILES = {
    "reference.py": '''\
def average(numbers):
    """A right answer, as tidy as you would like others to be."""
    if not numbers:
        raise ValueError("no numbers")
    return sum(numbers) / len(numbers)
''',
    "second.py": '''\
from statistics import fmean


def average(numbers):
    """Another right answer, written independently: a call that the two disagree on is refused."""
    if numbers == []:
        raise ValueError
    return fmean(numbers)
''',
    "strategies.py": '''\
"""What is called: arguments that the prompt allows, and of those the ones that tell answers apart."""

from hypothesis import strategies as st

numbers = st.one_of(st.integers(-100, 100), st.sampled_from([0.5, 2.25, -7.75]))
CALLS = {"average": st.tuples(st.lists(numbers, max_size=6))}
''',
}


def add(actions: Any) -> None:
    """Add the action to the parser."""
    parser = actions.add_parser(
        "new",
        help="write a small suite to begin with",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help=f"a suite's name, or the path of a *{SUFFIX} file")
    parser.add_argument("--oracle", action="store_true", help="make vectors of a reference and strategies")
    parser.set_defaults(run=_new)


def _new(options: argparse.Namespace) -> int:
    path = _path(options.name)
    written = written_files(path, oracle=options.oracle)
    for file in written:
        if file.exists():
            raise UsageError(f"{file} is there already", hint="choose another name, or change that file")
    for file, text in written.items():
        runfile.write(file, text)
        print(f"wrote {file}")
    if options.oracle:
        print(f"next: llmeval suite freeze {path}")
    print(f"then: llmeval suite check {path}")
    return 0


def written_files(path: Path, *, oracle: bool) -> dict[Path, str]:
    """The suite's file and those of its oracle, with what they hold."""
    shown = path.as_posix()
    middle = _ORACLE.format(path=shown) if oracle else _INLINE
    files = {path: _HEAD.format(path=shown) + middle + _TAIL}
    if oracle:
        files |= {path.parent / "oracles" / "average" / name: text for name, text in _FILES.items()}
    return files


def _path(name: str) -> Path:
    """Where the suite goes. Raises ``UsageError`` for what can't be a suite's name."""
    path = Path(name)
    stem = path.name.removesuffix(SUFFIX)
    try:
        values.SLUG.accept(stem)
    except values.UnexpectedError as wrong:
        raise UsageError(f"a suite can't be called {stem}: {wrong}") from None
    return path if path.name.endswith(SUFFIX) else Path("suites") / path.with_name(path.name + SUFFIX)
