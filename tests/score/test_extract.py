"""The extractor against every shape of answer that ``scoring.md`` names, and against any text at all."""

import json
import time
import warnings
from textwrap import indent

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_llmeval.score import extract, source

FIB = "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
LOOPING = "def fib(n):\n    return fib(n)\n"
SHELL = "```bash\npip install x\n```\n"
BROKEN = "def fib(n)\n    return 1\n"


def fenced(code: str, info: str = "python", mark: str = "```") -> str:
    return f"{mark}{info}\n{code}{mark}\n"


SHAPES = {
    "one block": f"Here it is:\n\n{fenced(FIB)}\nIt is recursive.",
    "upper case": fenced(FIB, "Python"),
    "py": fenced(FIB, "py"),
    "attributes": fenced(FIB, '{.python .numberLines startFrom="1"}'),
    "file name": fenced(FIB, "python:fib.py"),
    "title": fenced(FIB, 'python title="fib.py"'),
    "no language": fenced(FIB, ""),
    "tildes": fenced(FIB, "python", "~~~"),
    "long fence": fenced(FIB, "python", "`````"),
    "never closed": f"```python\n{FIB}",
    "carriage returns": fenced(FIB).replace("\n", "\r\n"),
    "old Mac": fenced(FIB).replace("\n", "\r"),
    "byte order mark": "\ufeff" + fenced(FIB),
    "in a list": "1. The code:\n\n   ```python\n"
    + "".join(f"   {line}\n" for line in FIB.splitlines())
    + "   ```\n",
    "on a list item": "- " + indent(fenced(FIB), "  ").lstrip(),
    "quoted": indent(fenced(FIB), "> "),
    "indented code in the block": "```python\n"
    + "".join(f"    {line}\n" for line in FIB.splitlines())
    + "```\n",
    "in a Markdown block": f"````markdown\n# Fibonacci\n{fenced(FIB)}````\n",
    "in a short Markdown block": f"```markdown\n# Fibonacci\n{fenced(FIB)}```\n",
    "opened twice": f"```\n{fenced(FIB)}```\n",
    "opened twice with a language": f"```python\n{fenced(FIB)}",
    "first block never closed": f"```python\nprint(1)\nThis was wrong. Better:\n{fenced(FIB)}",
    "prompts": fenced(
        ">>> def fib(n):\n...     return n if n < 2 else fib(n - 1) + fib(n - 2)\n>>> fib(3)\n2\n", "pycon"
    ),
    "bare": FIB,
    "bare in prose": f"Sure! Here is the function:\n\n{FIB}\nThis computes the numbers.\n",
    "html": f"<p>Here:</p><pre><code class='language-python'>{FIB.replace('<', '&lt;')}</code></pre>",
    "html after letters of two small ones": f"{'İ' * 9}<code>{FIB.replace('<', '&lt;')}</code>",
    "json": json.dumps({"language": "python", "code": FIB}),
    "json, fenced inside": json.dumps({"answer": fenced(FIB)}),
    "json in a block": fenced(json.dumps({"code": FIB}) + "\n", "json"),
    "reasoning": f"<think>Use ```python\nwrong(\n``` no.</think>\n{fenced(FIB)}",
    "reasoning in letters of two small ones": f"<think>{'İ' * 99}</think>{fenced(FIB)}",
    "reasoning opened by the template": f"Let me think. def fib\n</think>\n\n{fenced(FIB)}",
    "other languages beside": f"{SHELL}\n{fenced(FIB)}\n```\n55\n```",
    "after a shell block that is never closed": f"```bash\npip install x\n\nThen:\n{fenced(FIB)}",
    "usage after it": f"{fenced(FIB)}\nUse it:\n{fenced('print(fib(10))')}",
    "the broken one first": f"{fenced(LOOPING)}\nFixed:\n{fenced(FIB)}",
    "a syntax error first": f"{fenced(BROKEN)}\nFixed:\n{fenced(FIB)}",
    "cut off the second time": f"{fenced(FIB)}\nAgain:\n```python\ndef fib(n):\n    return (n if",
}


@pytest.mark.parametrize("answer", SHAPES.values(), ids=SHAPES)
def test_finds_the_function(answer: str) -> None:
    found = extract.code(answer, requires=("fib(n)",))
    assert found.reason is None
    assert found.code is not None
    scope: dict[str, object] = {}
    exec(found.code, scope)  # our own text
    assert scope["fib"](10) == 55  # type: ignore[operator]


def test_fences_in_a_docstring_belong_to_it() -> None:
    code = 'def fib(n):\n    """Fibonacci.\n\n```python\nfib(3)\n```\n    """\n    return n\n'
    found = extract.code(fenced(code) + "\nDone.")
    assert found.code == code


def test_indented_fences_do_not_close_the_block() -> None:
    code = 'def fib(n):\n    """Fibonacci.\n\n    ```\n    fib(3)\n    ```\n    """\n    return n\n'
    assert extract.code(fenced(code)).code == code


def test_a_tag_inside_code_is_code() -> None:
    code = 'import re\n\ndef clean(text):\n    return re.sub("<think>.*?</think>", "", text)\n'
    assert extract.code(fenced(code)).code == code


def test_blocks_that_belong_together_are_joined_in_order() -> None:
    answer = (
        fenced("from collections import deque\n")
        + fenced("class Node:\n    value = 1\n")
        + fenced("def walk(root):\n    return deque([Node()])\n")
        + fenced("print(walk(None))\n")
    )
    code = extract.code(answer, requires=("walk(root)",)).code
    assert code is not None
    assert code.index("deque") < code.index("class Node") < code.index("def walk")
    assert "print" not in code


def test_requirements_spread_over_blocks_are_joined() -> None:
    answer = fenced("def encode(s):\n    return s\n") + fenced("def decode(s):\n    return s\n")
    code = extract.code(answer, requires=("encode(s)", "decode(s)")).code
    assert code is not None
    assert "def encode" in code
    assert "def decode" in code


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "the answer is empty"),
        (" \n\t\n", "the answer is empty"),
        ("<think>I wonder how", "the answer ends inside <think>: no answer was given"),
        ("<think>all of it</think>\n", "the answer is empty after its reasoning"),
        ("I'm sorry, I can't help.", "the answer has no code: it begins “I'm sorry, I can't help.”"),
        ("None", "the answer has no code: it begins “None”"),
        ("```python\n```", "the answer's code blocks are empty"),
        (fenced("let x = 1;\n", "javascript"), "the answer has only javascript code; Python was asked for"),
        (fenced("55\n", ""), "the answer's code blocks hold values, not code"),
        (fenced("def f(:\n    pass\n"), "the code does not parse: line 1: invalid syntax"),
        (
            "```python\ndef f(x):\n    return (x +",
            "the code does not parse: line 2: '(' was never closed; its code block is never closed",
        ),
        (fenced("def f(x):\n  return (\n") + fenced("print(f(3))\n", ""), "the code does not parse: line 2"),
        (fenced("x = '\0'\n"), "the code contains null bytes"),
        (fenced("x = 1\n" * 3000), "the code is too long to analyse: 3,000 lines, the limit is 2,000"),
        (fenced(f"x = '{'a' * 70_000}'\n"), "the code is too long to analyse: 68 KB, the limit is 64 KB"),
        ("x" * 600_000, "the answer is too long to read: 585 KB, the limit is 512 KB"),
    ],
)
def test_every_failure_has_a_reason(answer: str, reason: str) -> None:
    found = extract.code(answer)
    assert found.code is None
    assert found.reason is not None
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("answer", "language", "code"),
    [
        (fenced("SELECT 1;\n", "sql"), "sql", "SELECT 1;\n"),
        (fenced("SELECT 1;\n", "postgresql"), "sql", "SELECT 1;\n"),
        ("SELECT 1;", "sql", "SELECT 1;\n"),
        ("Use `^\\d+$` for that.", "regex", "^\\d+$\n"),
        (fenced("^a$\n", "") + fenced("^b$\n", ""), "regex", "^b$\n"),
    ],
)
def test_other_languages_are_taken_as_they_are(answer: str, language: str, code: str) -> None:
    assert extract.code(answer, language=language).code == code


def test_warnings_of_the_code_are_not_errors_of_ours() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert extract.code(fenced("import re\n\nDIGITS = re.compile('\\d')\n")).code is not None


def test_prose_leaves_out_what_is_not_words() -> None:
    answer = f"<think>hm</think>안녕하세요 `x` https://example.org/a\n{fenced(FIB)}끝."
    assert extract.prose(answer).split() == ["안녕하세요", "끝."]


PIECES = st.sampled_from(
    [
        "```",
        "````",
        "~~~",
        "```python\n",
        "```json\n",
        "\n",
        "def f(x):\n",
        "    return x\n",
        "(",
        '"""',
        ">>> ",
        "> ",
        "- ",
        "1. ",
        "    ",
        "\t",
        "\r\n",
        "\r",
        "\ufeff",
        "\0",
        "<think>",
        "</think>",
        "<code>",
        "</code>",
        "{",
        '"a": ',
        "안녕",
        "\ud800",
        "# coding: latin-1\n",
        "\\",
        "class A",
        ":",
        "\x0c",
        "\u2028",
    ]
)
TEXTS = st.text(max_size=200) | st.lists(PIECES, max_size=40).map("".join)


@given(
    TEXTS, st.lists(st.sampled_from(["f", "f(x)", "class A", "A.b(c)", "(", "", "f(x, *, y)"]), max_size=3)
)
@settings(max_examples=300, deadline=None)
@example("```python\n" + "(" * 300 + "\n```", [])
@example("[" * 100_000, [])
@example("```\n" * 2_000, [])
def test_any_text_gives_code_or_a_reason(text: str, requires: list[str]) -> None:
    found = extract.code(text, requires=requires)
    assert (found.code is None) != (found.reason is None)
    if found.code is not None:
        assert source.parse(found.code).tree is not None
    for language in ("sql", "regex"):
        extract.code(text, language=language)
    extract.prose(text)


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_newlines_and_marks_change_nothing(text: str) -> None:
    plain = source.normalise(text)
    expected = extract.code(plain)
    assert extract.code("\ufeff" + plain.replace("\n", "\r\n")) == expected
    assert source.normalise(plain) == plain


@pytest.mark.parametrize(
    "bomb",
    [
        "```\n" * 100_000,
        "```python\n(\n```\n" * 6_000,
        "<code>" * 60_000,
        "`" * 400_000,
        " " * 400_000,
        "{" * 400_000,
        "> " * 200_000 + "```",
        "```python\n>>> " * 20_000,
        "@a\n" * 100_000,
        "1. " * 100_000,
        "def f(x):\n" * 40_000,
        "```python\n" + "-" * 60_000 + "1\n```",
        "```python\n" + "not " * 15_000 + "1\n```",
    ],
    ids=lambda bomb: repr(bomb[:14]),
)
def test_no_text_holds_the_extractor(bomb: str) -> None:
    started = time.process_time()
    extract.code(bomb, requires=("f(x)",))
    assert time.process_time() - started < 3


def test_a_span_of_nothing_is_no_code() -> None:
    assert extract.code("` `` SELECT 1; ", language="sql").code == "` `` SELECT 1;\n"
    assert extract.code("` ` or `SELECT 1;`", language="sql").code == "SELECT 1;\n"
