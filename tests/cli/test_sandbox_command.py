"""``llmeval sandbox``: what it says of a sandbox that holds, of one that leaks, and where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import cli
from pytest_llmeval.score.sandbox import attacks, choice
from pytest_llmeval.score.sandbox.protocol import DEFAULT, Limits, Raised, Result, Returned

if TYPE_CHECKING:
    from collections.abc import Callable

GROUPS = {
    "files": {name: attacks.ATTACKS[name] for name in ("read a secret", "write outside")},
    "new processes": {"fork": attacks.ATTACKS["fork"]},
}


class Leaky:
    """A sandbox that runs nothing; a fork works in it, as its program tells."""

    name = "leaky"

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:
        return (Returned("17\x1b[31m") if "os.fork()" in code else Raised(("PermissionError",), "no"),)


@pytest.fixture(autouse=True)
def _few_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks, "GROUPS", GROUPS)


@pytest.fixture
def llmeval(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["sandbox", *arguments])
        return (code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("kind", ["landlock", "bubblewrap"])
def test_a_sandbox_that_holds(llmeval: Callable[..., tuple[int, str, str]], kind: str) -> None:
    if isinstance(found := choice.usable(kind), choice.Unusable):
        with pytest.raises(choice.SandboxError) as error:
            found.run("", ())
        pytest.skip(str(error.value))
    code, out, err = llmeval(f"--kind={kind}", "-v")
    assert (code, err) == (0, "")
    first, *lines = out.splitlines()
    assert first.startswith(f"sandbox: {kind}, ")
    assert first.endswith(" ms a program")
    assert lines[0].startswith("  held         read a secret: raised ")
    assert lines[2] == "files             2 of 2 attacks held"
    assert lines[-1] == "new processes     1 of 1 attacks held"


def test_an_attack_that_gets_through(
    llmeval: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "choose", lambda kind: Leaky())
    code, out, err = llmeval()
    assert code == 1
    assert out.splitlines()[1:] == [
        "files             2 of 2 attacks held",
        "new processes     0 of 1 attacks held",
    ]
    assert err == "GOT THROUGH: fork: 17␛[31m\n"


def test_where_there_is_none(
    llmeval: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "missing", lambda way: f"no {way.name}")
    code, out, err = llmeval()
    assert (code, out) == (2, "")
    assert err.startswith("llmeval: generated code is not run: no landlock; no bubblewrap\n  -> ")


def test_the_attacks_are_never_tried_without_a_sandbox(llmeval: Callable[..., tuple[int, str, str]]) -> None:
    with pytest.raises(SystemExit):
        llmeval("--kind=none")
