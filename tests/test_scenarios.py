"""Scenario files: what they may hold, and that every mistake is told with its line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_llmeval import hashes, lined, scenarios
from pytest_llmeval.errors import ScenarioError
from pytest_llmeval.model import (
    SLO,
    AnswerSpec,
    Check,
    LoadPlan,
    Parameters,
    PatternCheck,
    ProseCheck,
    QueryCheck,
    ReviewCheck,
    Suite,
)

FULL = """\
suite: coding
scenarios:
- id: lru-cache
  category: algorithm
  prompt: {en: Write it., ko: 써 주세요.}
  system: Be brief.
  answer: {code: python, requires: ["class LRUCache"]}
  checks:
  - {call: "f(2, 3)", equals: 5}
  - {call: f(None), raises: TypeError}
  - {call: f(), equals: }
  parameters: {temperature: 0, max_tokens: -1, seed: 7}
  floor: {correctness: 8, ttft_s: 2}
  tags: [mini]

- id: hello
  prompt:
    no: |
      Si hei.
      \t(en tab)
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes, name: str = "x.eval.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_every_field_is_read(write):
    path = write(FULL)
    suite = scenarios.load(path)
    full, short = suite.scenarios
    assert suite.name == full.suite == "coding"
    assert suite.path == full.path == str(path)
    assert (full.id, full.category, full.system, full.tags) == (
        "lru-cache",
        "algorithm",
        "Be brief.",
        ("mini",),
    )
    assert full.prompt == {"en": "Write it.", "ko": "써 주세요."}
    assert full.answer == AnswerSpec(code="python", requires=("class LRUCache",))
    assert full.checks == (
        Check(call="f(2, 3)", equals=5),
        Check(call="f(None)", raises="TypeError"),
        Check(call="f()", equals=None),
    )
    assert full.parameters == Parameters(temperature=0.0, max_tokens=-1, seed=7)
    assert full.floor == {"correctness": 8.0, "ttft_s": 2.0}
    assert (full.line, short.line) == (3, 16)
    assert short.prompt == {"no": "Si hei.\n\t(en tab)\n"}
    assert (short.category, short.answer, short.checks) == ("general", AnswerSpec(), ())


def test_what_the_documentation_shows_is_read(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("a line of a file\n" * 1000, "utf-8")
    (tmp_path / "mine" / "stack_tests.py").write_text("def test_pop(): ...\n", "utf-8")
    (tmp_path / "coding").mkdir()
    (tmp_path / "coding" / "x.eval.yaml").write_text(ONE + "  tags: [mini]\n", "utf-8")
    page = Path(__file__).parents[1] / "docs" / "scenarios.md"
    shown = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert len(shown) == 9
    for text in shown:
        path = tmp_path / "mine" / "x.eval.yaml"
        path.write_text(text, "utf-8")
        assert scenarios.load(path).scenarios


def test_a_files_system_text_is_for_the_scenarios_without_one(write):
    own = "- id: b\n  prompt: {en: x}\n  system: Mine.\n"
    first, second = scenarios.load(write("system: Ours.\n" + ONE + own)).scenarios
    assert (first.system, second.system) == ("Ours.", "Mine.")
    with pytest.raises(ScenarioError, match=":1: system: expected a text"):
        scenarios.load(write("system: ' '\n" + ONE))


GAP = """\
scenarios:
- id: gap
  prompt: {en: "def add(a, b):\\n    "}
  suffix: "\\n\\nprint(add(1, 2))"
"""


def test_a_suffix_is_read_and_hashed(write):
    (gap,) = scenarios.load(write("system: Ours.\n" + GAP)).scenarios
    assert (gap.suffix, gap.system) == ("\n\nprint(add(1, 2))", None), "a gap is filled without instructions"
    (other,) = scenarios.load(write(GAP.replace("1, 2", "3, 4"))).scenarios
    (without,) = scenarios.load(write("\n".join(GAP.splitlines()[:3]))).scenarios
    assert len({hashes.prompt_sha256(one, "en") for one in (gap, other, without)}) == 3
    with pytest.raises(ScenarioError, match=":4: a gap is filled without instructions"):
        scenarios.load(write(GAP + "  system: Mine.\n"))


WORKLOADS = """\
suite: load
scenarios:
- id: closed
  prompt: {en: x}
  load: {concurrency: 16, requests: 32, slo: {ttft_s: 1, tpot_s: 0.05}}
  floor: {load_tps: 100}
- id: open
  prompt: {en: x}
  load: {rate: 2.5, requests: 10, arrivals: constant, concurrency: 4}
- id: cold
  prompt: {en: x}
  cold: true
  finish: stop
  floor: {cold_start_s: 60}
  checks:
  - contains: Paris
  - {contains: [seven, "7"]}
  - {words: 60}
  - {sentences: [2, 3]}
"""


OTHERS = """\
scenarios:
- id: date
  prompt: {en: A date.}
  answer: {code: regex}
  checks: [{matches: 2024-02-29}, {rejects: ""}]
- id: list
  prompt: {en: "Given {given} list it."}
  answer: {code: sql}
  given: |
    CREATE TABLE t (a INTEGER);
  reference: SELECT a, NULL FROM t
  checks:
  - {insert: INSERT INTO t VALUES (1), rows: [[1, null]]}
  - {insert: X}
- id: store
  prompt: {en: Which store?}
  checks: [{lacks: [MongoDB, 몽고]}]
"""


def test_loads_cold_starts_and_checks_of_prose_are_read(write):
    closed, opened, cold = scenarios.load(write(WORKLOADS)).scenarios
    limits = SLO(ttft_s=1.0, tpot_s=0.05)
    assert closed.load == LoadPlan(concurrency=16, requests=32, slo=limits)
    assert opened.load == LoadPlan(rate=2.5, requests=10, arrivals="constant", concurrency=4)
    assert (cold.load, cold.cold, cold.finish) == (None, True, "stop")
    assert (closed.cold, closed.finish, closed.prose_checks) == (False, None, ())
    assert cold.prose_checks == (
        ProseCheck(contains=("Paris",)),
        ProseCheck(contains=("seven", "7")),
        ProseCheck(unit="words", least=1, most=60),
        ProseCheck(unit="sentences", least=2, most=3),
    )
    assert cold.checks == ()


def test_checks_of_patterns_queries_and_what_prose_must_lack_are_read(write):
    regex, sql, prose = scenarios.load(write(OTHERS)).scenarios
    assert regex.patterns == (PatternCheck(text="2024-02-29"), PatternCheck(text="", matches=False))
    assert sql.queries == (
        QueryCheck(insert="INSERT INTO t VALUES (1)", rows=((1, None),)),
        QueryCheck(insert="X"),
    )
    assert (sql.given, sql.reference) == ("CREATE TABLE t (a INTEGER);\n", "SELECT a, NULL FROM t")
    assert sql.prompt == {"en": "Given CREATE TABLE t (a INTEGER); list it."}
    assert prose.prose_checks == (ProseCheck(lacks=("MongoDB", "몽고")),)
    assert [one.is_executed for one in (regex, sql, prose)] == [True, True, False]
    assert [one.checks for one in (regex, sql, prose)] == [(), (), ()]
    assert all(one.is_checked for one in (regex, sql, prose))


WORDS = """\
rubric: {correctness: 3, clarity: 1}
scenarios:
- id: design
  prompt: {en: Design it.}
  checks:
  - {section: [Risks, 위험]}
  - {component: cache}
  gate: false
- id: review
  category: code-review
  prompt: {en: Review it.}
  checks: [{defect: off by one, line: 7, words: [[last, 마지막], page]}]
- id: clean
  prompt: {en: Review it.}
  checks: [{clean: [No defects, 결함 없음]}]
- id: add
  prompt: {en: Write add.}
  answer: {code: python}
  asks: [explanation, docstring, explanation]
  rubric: {correctness: 1, quality: 0}
- id: document
  category: documentation
  prompt: {en: "Document {given}"}
  answer: {code: python}
  given: "def f(): return 1"
"""


def test_what_words_are_scored_by_is_read(write):
    design, review, clean, add, document = scenarios.load(write(WORDS)).scenarios
    assert design.prose_checks == (ProseCheck(section=("Risks", "위험")), ProseCheck(component=("cache",)))
    assert review.review == (ReviewCheck(defect="off by one", line=7, words=(("last", "마지막"), ("page",))),)
    assert clean.review == (ReviewCheck(clean=("No defects", "결함 없음")),)
    assert (design.gate, review.gate) == (False, True)
    assert review.rubric == {"correctness": 3.0, "clarity": 1.0}, "the file's"
    assert add.rubric == {"correctness": 1.0}, "its own"
    assert add.asks == ("explanation", "docstring")
    assert [one.has_quality for one in (design, add, document)] == [False, True, False]
    assert [one.is_checked for one in (design, review, clean, add, document)] == [
        True,
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("name", "suite"),
    [
        ("suites/coding/algorithm.eval.yaml", "coding"),
        ("suites/coding/hard/algorithm.eval.yaml", "coding"),
        ("suites/algorithm.eval.yaml", "algorithm"),
        ("tests/algorithm.eval.yml", "algorithm"),
        ("a/suites/b/suites/c/x.eval.yaml", "c"),
    ],
)
def test_the_suites_name(write, tmp_path, name, suite):
    path = write("scenarios: [{id: a, prompt: {en: x}}]", name)
    assert scenarios.load(path, root=tmp_path).name == suite


def test_folders_above_the_root_do_not_name_a_suite(write, tmp_path):
    path = write("scenarios: [{id: a, prompt: {en: x}}]", "suites/project/x.eval.yaml")
    assert scenarios.load(path, root=tmp_path / "suites" / "project").name == "x"


ONE = "scenarios:\n- id: a\n  prompt: {en: x}\n"
CODE = ONE + "  answer: {code: python}\n"
REGEX = ONE + "  answer: {code: regex}\n"
QUERY = ONE + "  answer: {code: sql}\n"
MISTAKES = {
    # text: (line, words of the message)
    "": (1, "empty"),
    "- a\n": (1, "the file: expected a mapping"),
    "suite: x\n": (1, "scenarios: is missing"),
    "scenarios: []\n": (1, "holds no scenario"),
    "scenarios: {a: 1}\n": (1, "scenarios: expected a list, got a mapping"),
    "scenarios:\n- hello\n": (2, "a scenario: expected a mapping"),
    "scenario:\n- id: a\n": (1, "did you mean scenarios?"),
    "\nsuite: Coding\n" + ONE: (2, "suite: expected a slug"),
    "scenarios:\n- prompt: {en: x}\n": (2, "no id:"),
    "scenarios:\n- id: a\n": (2, "no prompt:"),
    "scenarios:\n- id: a b\n  prompt: {en: x}\n": (2, 'got "a b"'),
    "scenarios:\n- id: ..\n  prompt: {en: x}\n": (2, "expected a slug"),
    f"scenarios:\n- id: {'a' * 101}\n  prompt: {{en: x}}\n": (2, "up to 100"),
    "scenarios:\n- id: 7\n  prompt: {en: x}\n": (2, "got 7"),
    "scenarios:\n- id: a\n  prompt:\n    en: ' '\n": (4, "prompt.en: expected a text that is not empty"),
    "scenarios:\n- id: a\n  prompt:\n    en:\n": (4, "got nothing"),
    "scenarios:\n- id: a\n  prompt: hello\n": (3, "one text per language"),
    "scenarios:\n- id: a\n  prompt: {}\n": (3, "one text per language"),
    "scenarios:\n- id: a\n  prompt:\n    en: x\n    english: x\n": (5, 'like en or ko, got "english"'),
    "scenarios:\n- id: a\n  prompt: {en: 42}\n": (3, "quote it to make it a text"),
    ONE + "  tgas: [a]\n": (4, "did you mean tags?"),
    ONE + "  tags: a\n": (4, "tags: expected a list"),
    ONE + "  tags:\n  - ok\n  - Not Ok\n": (6, 'tags: expected a slug'),
    ONE + "  category: 1\n": (4, "category: expected a slug"),
    ONE + "  system: ''\n": (4, "system: expected a text"),
    ONE + "  answer:\n    code: Python 3\n": (5, "answer.code: expected the name of a programming language"),
    ONE + "  answer:\n    requires: [f]\n": (5, "answer: {code: python}"),
    ONE + "  answer:\n    code: sql\n    requires: [f]\n": (6, "answer: {code: python}"),
    ONE + "  answer: {code: rust}\n  checks:\n  - {call: f(), equals: 1}\n": (5, "rust can't be executed"),
    ONE + "  answer: {code: python, require: [f]}\n": (4, "did you mean requires?"),
    ONE + "  answer:\n    code: python\n    requires:\n    - fib(n)\n    - a function\n": (8, "like fib(n)"),
    ONE + "  answer:\n    code: python\n    requires: ['fib(n']\n": (6, "like fib(n)"),
    ONE + "  answer:\n    code: python\n    requires: ['Stack.push.twice']\n": (6, "like fib(n)"),
    ONE + "  checks: [{call: f(), equals: 1}]\n": (4, "add answer: {code: python}"),
    CODE + "  checks:\n  - call: f()\n": (6, "either equals:"),
    CODE + "  checks:\n  - {call: f(), equals: 1, raises: E}\n": (6, "either equals:"),
    CODE + "  checks:\n  - equals: 1\n": (6, "either equals:"),
    CODE + "  checks:\n  - {call: 'f(', equals: 1}\n": (6, "call: expected a Python expression"),
    CODE + "  checks:\n  - {call: x = f(), equals: 1}\n": (6, "call: expected a Python expression"),
    CODE + "  checks:\n  - {call: f(), raises: a b}\n": (6, "the name of an exception"),
    ONE + "  checks:\n  - {contains: a, words: 5}\n": (5, "one of contains, lacks, section, comp"),
    ONE + "  checks:\n  - contain: a\n": (5, "did you mean contains?"),
    ONE + "  checks:\n  - contains: 7\n": (5, "quote it to make it a text"),
    ONE + "  checks:\n  - contains: [a, ' ']\n": (5, "contains: expected a text that is not empty"),
    ONE + "  checks:\n  - contains: []\n": (5, "one text or several, got a list"),
    ONE + "  checks:\n  - words: 0\n": (5, "words: expected a whole number of at least 1"),
    ONE + "  checks:\n  - words: [9, 3]\n": (5, "the least and the most, like [20, 60]"),
    ONE + "  checks:\n  - sentences: [1, 2, 3]\n": (5, "the least and the most"),
    CODE + "  checks:\n  - contains: a\n": (6, "a check of code has no key"),
    REGEX + "  checks:\n  - {matches: a, rejects: b}\n": (6, "one of matches or rejects"),
    REGEX + "  checks:\n  - matches: 7\n": (6, "matches: expected a text, got 7"),
    REGEX + "  given: a\n": (3, "prompt.en must say {given} once"),
    QUERY + "  checks:\n  - {insert: X}\n": (6, "says the rows unless"),
    QUERY + "  checks:\n  - {rows: [[1]]}\n": (6, "a check of a query inserts"),
    QUERY + "  checks:\n  - {insert: X, rows: [1]}\n": (6, "a list of values for each row"),
    QUERY + "  given: CREATE TABLE t (a)\n": (3, "prompt.en must say {given} once"),
    ONE + "  checks:\n  - section: []\n": (5, "section: expected one text or several"),
    ONE + "  checks:\n  - {defect: a, line: 3}\n": (5, "has defect:, line: and words:"),
    ONE + "  checks:\n  - {defect: a, line: 0, words: [b]}\n": (5, "line: expected a whole number"),
    ONE + "  checks:\n  - {defect: a, line: 1, words: []}\n": (5, "a list of groups"),
    ONE + "  checks:\n  - {defect: a, line: 1, words: [[]]}\n": (5, "words: expected one text or several"),
    ONE + "  checks:\n  - {defect: a, line: 1, words: [b]}\n  - contains: a\n": (6, 'no key "contains"'),
    ONE + "  checks:\n  - {defect: a, line: 1, words: [b]}\n  - clean: a\n": (4, "only check"),
    ONE + "  asks: [explanation]\n": (4, "this answer has none"),
    CODE + "  asks: [essay]\n": (5, 'asks: expected "explanation" or "docstring"'),
    REGEX + "  asks: [docstring]\n": (5, "docstrings are Python's"),
    ONE + "  rubric: {style: 1}\n": (4, "known are correctness, quality, clarity"),
    ONE + "  rubric: {clarity: -1}\n": (4, "rubric.clarity: expected a number of at least 0"),
    ONE + "  rubric: {clarity: 0}\n": (4, "weighs nothing"),
    ONE + "  rubric:\n    correctness: 1\n    quality: 1\n": (6, "no code of their own"),
    "rubric: {quality: 1}\n" + ONE: (1, "no code of their own"),
    ONE + "  gate: sometimes\n": (4, "gate: expected true or false"),
    ONE + "  load: {requests: 5}\n": (4, "either concurrency: or rate:"),
    ONE + "  load: {concurrency: 5}\n": (4, "load has requests:"),
    ONE + "  load:\n    concurrency: 5\n    requests: 4\n": (6, "4 can't keep 5 under way"),
    ONE + "  load: {concurrency: 0, requests: 4}\n": (4, "load.concurrency: expected a whole number"),
    ONE + "  load: {rate: 0, requests: 4}\n": (4, "load.rate: expected a number above 0"),
    ONE + "  load: {concurrency: 1, requests: 4, arrivals: poisson}\n": (4, "load.arrivals needs a rate:"),
    ONE + "  load: {rate: 1, requests: 4, arrivals: often}\n": (4, '"poisson" or "constant"'),
    ONE + "  load:\n    rate: 1\n    requests: 4\n    slo: {ttft: 1}\n": (7, "did you mean ttft_s?"),
    ONE + "  load: {rate: 1, requests: 4, slo: {ttft_s: 0}}\n": (4, "load.slo.ttft_s: expected a number"),
    ONE + "  load: {rate: 1, requests: 4, speed: 1}\n": (4, 'load has no key "speed"'),
    ONE + "  cold: yes\n": (4, "cold: expected true or false"),
    ONE + "  load: {rate: 1, requests: 4}\n  cold: true\n": (5, "exclude each other"),
    ONE + "  finish: length\n": (4, 'finish: expected "stop"'),
    ONE + "  floor:\n    load_tps: 5\n": (5, "only where the scenario says load:"),
    ONE + "  floor: {cold_start_s: 5}\n": (4, "only where the scenario says cold:"),
    ONE + "  parameters: {temperature: -1}\n": (4, "parameters.temperature: expected a number of at least 0"),
    ONE + "  parameters: {temperature: .inf}\n": (4, ".inf is not a finite number"),
    ONE + "  parameters: {temperature: 1e999}\n": (4, "far too large"),
    ONE + "  parameters: {max_tokens: 0}\n": (4, "at least 1, or -1 for as much as fits, got 0"),
    ONE + "  parameters: {max_tokens: true}\n": (4, "got true"),
    ONE + "  parameters:\n    max_token: 5\n": (5, "did you mean max_tokens?"),
    ONE + "  parameters:\n": (4, "parameters: expected a mapping"),
    ONE + "  floor: {speed: 5}\n": (4, "known are output_tps"),
    ONE + "  floor: {quality: 11}\n": (4, "at most 10"),
    ONE + "  floor: {ttft_s: 0}\n": (4, "a number above 0"),
    ONE + "- id: a\n  prompt: {en: y}\n": (4, "the id a is used on line 2 already"),
    "scenarios: [{id: a, prompt: {en: x}}, {id: a, prompt: {en: y}}]\n": (1, "is used on line 1 already"),
    ONE + "  id: b\n": (4, 'the key "id" is on line 2 already'),
    ONE + "  tags: &t [a]\n": (4, 'alias "t" is not allowed'),
    ONE + "  tags: *t\n": (4, 'alias "t" is not allowed'),
    ONE + "  tags: !!set {a}\n": (4, 'the tag "tag:yaml.org,2002:set" is not allowed'),
    ONE + "---\n" + ONE: (5, "second document"),
    ONE + "\tcategory: a\n": (4, "a tab in the indentation"),
    ONE + "  category: a: b\n": (4, "needs quotes"),
    ONE + "  system: 'x\n": (4, "not YAML"),
    ONE + "  system: \x1b[31m\n": (4, "U+001B is not allowed"),
    ONE + "  system: " + "[" * 40: (4, "nested more than 32 deep"),
    ONE + "  ? [a]\n  : b\n": (4, "a key can't be a list"),
    ONE + "  system: '\u2028 \x85'\n  oops: 1\n": (5, "oops"),
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_line(write, text):
    line, words = MISTAKES[text]
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(write(text))
    assert words in str(caught.value)
    assert caught.value.line == line


def test_bytes_that_are_not_utf8_are_told_with_their_line(write):
    with pytest.raises(ScenarioError, match=r"x\.eval\.yaml:2: byte 13 is not UTF-8"):
        scenarios.load(write(b"scenarios:\n- \xff\n"))


def test_a_utf8_signature_is_no_mistake(write):
    assert scenarios.load(write(b"\xef\xbb\xbf" + ONE.encode())).scenarios[0].line == 2


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ScenarioError, match="can't be read: No such file") as caught:
        scenarios.load(tmp_path / "gone.eval.yaml", root=tmp_path)
    assert str(caught.value).startswith("gone.eval.yaml:"), "paths are shown below the root"
    with pytest.raises(ScenarioError, match="can't be read: Is a directory"):
        scenarios.load(tmp_path)


@pytest.mark.parametrize(
    "requirement",
    [
        "fib",
        "fib(n)",
        "def fib(n: int) -> int:",
        "async def f()",
        "class Stack",
        "Stack.push(item)",
        "피보(n)",
    ],
)
def test_a_requirement_is_written_as_people_write_signatures(write, requirement):
    path = write(ONE + f"  answer: {{code: python, requires: [{json.dumps(requirement)}]}}\n")
    assert scenarios.load(path).scenarios[0].answer.requires == (requirement,)


def test_a_name_that_is_no_slug_asks_for_suite(write):
    with pytest.raises(ScenarioError, match="say suite: at the top"):
        scenarios.load(write(ONE, "My Suite.eval.yaml"))


def test_ids_are_unique_per_suite_across_files(write):
    first, second = write("suite: s\n" + ONE, "a.yaml"), write("suite: s\n\n" + ONE, "b.yaml")
    other = write("suite: other\n" + ONE, "c.yaml")
    scenarios.check_unique([scenarios.load(first), scenarios.load(other)])
    with pytest.raises(ScenarioError) as caught:
        scenarios.check_unique([scenarios.load(first), scenarios.load(second)])
    assert f"{second}:4: suite s has the id a already, at {first}:3" in str(caught.value)


# -- properties --------------------------------------------------------------------------------------------

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@example(b"\xff\xfea\x00")
@example(b"? ")
@example(b"%YAML 9.9\n---\na")
@QUICK
def test_any_bytes_are_a_suite_or_a_scenario_error(tmp_path, data):
    load_or_refuse(tmp_path, data)


@given(st.data())
@QUICK
def test_any_small_damage_to_a_good_file_is_a_suite_or_a_scenario_error(tmp_path, data):
    text = FULL
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 8)))
        text = (
            text[:start]
            + data.draw(st.text("[]{}:,-#&*!|>'\"%@`?~ \t\n\r\0a1.é가\u2028", max_size=3))
            + text[end:]
        )
    load_or_refuse(tmp_path, text.encode())


def load_or_refuse(folder: Path, data: bytes) -> None:
    path = folder / "any.eval.yaml"
    path.write_bytes(data)
    try:
        suite = scenarios.load(path)
    except ScenarioError as error:
        suite = None
        line, message = error.line, str(error)
    if suite is None:
        assert line is not None
        assert 1 <= line <= data.count(b"\n") + 1
        assert "any.eval.yaml" in message
    else:
        assert isinstance(suite, Suite)
        assert suite.scenarios


printable = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"), exclude_characters="\ufffe\uffff"
    )
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | printable
)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(printable, inner, max_size=4)
)


@given(documents)
@QUICK
def test_json_is_read_as_json(tmp_path, document):
    path = tmp_path / "any.yaml"
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8", newline="")
    assert lined.load(path).plain() == document


@given(
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.lists(scalars, max_size=3), min_size=1), min_size=1)
)
@QUICK
def test_every_line_is_where_an_editor_shows_it(tmp_path, document):
    """The dump's own keys are one a line; each node's text must start on the line that the node names."""
    path = tmp_path / "any.yaml"
    text = yaml.safe_dump(document, allow_unicode=True, width=10**6, default_flow_style=False)
    path.write_text(text, encoding="utf-8", newline="")
    lines = text.split("\n")
    for item in lined.load(path).value:
        for key, node in item.value.items():
            assert lines[node.key_line - 1].lstrip("- ").startswith(f"{key}:")
            for entry in node.value:
                assert lines[entry.line - 1].lstrip().startswith("- ")
