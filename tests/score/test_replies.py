"""What a sandbox's child says may be a lie of any form; it is a result or ``Broken``."""

from __future__ import annotations

import pytest

from pytest_llmeval.model import Check
from pytest_llmeval.score.sandbox import replies
from pytest_llmeval.score.sandbox.protocol import Broken, Opaque, Raised, Returned
from pytest_llmeval.score.scorers import python

LIES = {
    "a float beyond floats": '["returned", ["float", %s]]' % ("9" * 400),
    "an infinite int": '["returned", ["int", Infinity]]',
    "a complex beyond floats": '["returned", ["complex", %s]]' % ("9" * 400),
    "an int of 5,000 digits": '["returned", ["int", "%s"]]' % ("9" * 5000),
    "a set of lists": '["returned", ["set", [["list", []]]]]',
    "a type of its own": '["returned", ["file", "/etc/passwd"]]',
    "nothing": '["returned"]',
    "no list": "7",
    "no JSON": "returned",
    "brackets": "[" * 100_000,
    "values in values": '["returned", {}["int", 1]{}]'.format('["list", [' * 600, "]]" * 600),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_a_result_that_can_not_be_read(lie: str) -> None:
    assert replies.result(LIES[lie].encode()) == Broken("told a result that can't be read")


@pytest.mark.parametrize(
    ("line", "result"),
    [
        (b'["returned", ["other", ["A"], {}]]', Returned(Opaque("['A']", "{}"))),
        (b'["raised", [1, ["E"]], null]', Raised(("1", "['E']"), "None")),
    ],
)
def test_what_should_be_text_is_text(line: bytes, result: Returned | Raised) -> None:
    assert replies.result(line) == result
    assert python.failure(Check(call="f(1)", equals=1), result)
