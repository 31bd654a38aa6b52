"""A failed cell in words."""

from __future__ import annotations

from typing import NamedTuple

from pytest_llmeval.model import Failure, Record, Sample
from pytest_llmeval.report import cell


class Said(NamedTuple):
    round: int
    text: str


def record(**fields) -> Record:
    sample = Sample(round=0, at_s=0.0, **fields)
    return Record(
        endpoint="local",
        suite="s",
        scenario="a",
        language="en",
        category="chat",
        prompt_sha256="",
        parameters_sha256="",
        samples=(sample,),
    )


def test_a_failure_is_a_sentence_with_status_and_what_had_arrived():
    failed = Sample(
        round=0, at_s=0.0, ok=False, partial_tokens=41, error=Failure("http_5xx", "no GPU", status=503)
    )
    assert cell.failure(failed) == "http_5xx (HTTP 503): no GPU; 41 tokens had arrived"
    reset = Sample(round=0, at_s=0.0, ok=False, error=Failure("interrupted", "connection reset", status=200))
    assert cell.failure(reset) == "interrupted: connection reset"


def test_what_a_server_says_reaches_no_terminal_as_an_escape():
    failed = Sample(
        round=0, at_s=0.0, ok=False, error=Failure("http_4xx", "\x1b[2J\u202ebad\nmodel", status=404)
    )
    assert cell.failure(failed) == "http_4xx (HTTP 404): ␛[2J\ufffdbad\nmodel"


def test_details_show_reasons_the_first_lines_and_where_the_whole_is():
    answers = [Said(0, ""), Said(1, "\n".join(f"line {number}\x1b[31m" for number in range(1, 12)))]
    text = cell.details(record(ok=True, reasons=("a\x07b", "a\x07b")), answers, "answers.jsonl", "pytest x")
    assert text.splitlines()[:3] == ["cell      s/a/en on local", "reason    a␇b", "answer    line 1␛[31m"]
    assert "          … 3 more lines" in text
    assert text.endswith("whole     answers.jsonl\nagain     pytest x")


def test_details_without_an_answer_name_no_file():
    text = cell.details(
        record(ok=False, error=Failure("connect", "refused")), [], "answers.jsonl", "pytest x"
    )
    assert text == "cell      s/a/en on local\nagain     pytest x"
