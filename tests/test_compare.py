"""Who wins what: sure where it is, within noise where not, silent where nothing can be told."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from msgspec import structs

from pytest_llmeval import compare
from pytest_llmeval.model import Analysers, Host, Record, Run, Sample, Score
from pytest_llmeval.report.compare import sides


def run(run_id: str = "r", reference: str | None = None, **endpoints: Any) -> Run:
    """Endpoint -> (tokens a second, correctness): twelve cells of three rounds, 1 % and 0.3 points apart."""
    return Run(
        id=run_id,
        started="",
        finished="",
        complete=True,
        plugin="0",
        reference=reference,
        host=Host(cpus=2, os="o", python="p"),
        cells=tuple(
            _record(name, number, *level) for name, level in endpoints.items() for number in range(12)
        ),
    )


def _record(endpoint: str, number: int, tps: float, correctness: float, **known: Any) -> Record:
    rng = random.Random(f"{endpoint} {number}")
    return Record(
        endpoint=endpoint,
        suite="s",
        scenario=f"x{number:02}",
        language="en",
        category="c",
        prompt_sha256="p",
        parameters_sha256="q",
        samples=tuple(
            Sample(
                round=at, at_s=float(at), ok=True, cache="cold", transport="measured",
                output_tps=tps * rng.gauss(1, 0.01),
                score=Score(correctness=min(10.0, max(0.0, correctness + rng.gauss(0, 0.3)))),
            )
            for at in range(3)
        ),
        **known,
    )  # fmt: skip


def test_the_winner_with_how_sure_and_the_rest_within_noise() -> None:
    told = compare.told(sides([run(awq=(50.0, 7.0), gptq=(60.0, 7.0))]))
    assert told[0].startswith("gptq against awq: ")
    faster, correct = told[0].removeprefix("gptq against awq: ").split("; ")
    assert re.match(r"(19|20)\.\d % faster \(1\d\.\d to \d+\.\d %", faster)
    assert faster.endswith(" %, 12 cells)")
    assert correct.startswith("correctness the same within noise (−0.")
    assert told[2].startswith("not asked in turn")


def test_who_comes_first_does_not_decide() -> None:
    one, other = run("1", a=(50.0, 9.0)), run("2", b=(60.0, 4.0))
    forth, back = compare.told(sides([one, other]))[0], compare.told(sides([other, one]))[0]
    assert forth.startswith("a against b: 16.")
    assert "% slower (" in forth
    assert "correctness 5" in forth
    assert "points higher (" in forth
    assert back.startswith("b against a: ")
    assert "% faster (" in back
    assert "points lower (" in back


def test_what_drift_explains_is_no_difference_unless_asked_in_turn() -> None:
    levels: Any = {"new": (51.0, 7.0), "old": (50.0, 7.0)}
    assert "speed the same within noise" in compare.told(sides([run(**levels)]))[0]
    told = compare.told(sides([run(reference="old", **levels)]))
    assert told[0].startswith("new against old: ")
    assert "% faster (" in told[0]
    assert not any("not asked in turn" in line for line in told)
    levels = {"aaa": (51.0, 7.0), "zzz": (50.0, 7.0)}
    told = compare.told(sides([run(reference="aaa", **levels)]))
    assert told[0].startswith("aaa against zzz: ")
    assert "% faster (" in told[0]


def test_an_endpoint_of_two_runs_has_the_run_in_its_name() -> None:
    told = compare.told(sides([run("1", a=(50.0, 7.0)), run("2", a=(80.0, 7.0))]))
    assert told[0].startswith("a (2) against a (1): 60")


def test_the_best_of_several_stands_against_each() -> None:
    told = compare.told(sides([run(a=(50.0, 7.0), b=(90.0, 7.0), c=(70.0, 7.0))]))
    assert [line.partition(":")[0] for line in told[:2]] == ["b against a", "b against c"]


def test_alike_is_the_same_within_noise_in_nearly_all_comparisons() -> None:
    wrong = 0
    for number in range(60):
        alike: Any = {f"a{number}": (50.0, 7.0), f"b{number}": (50.0, 7.0)}
        told = compare.told(sides([run(**alike)]))
        wrong += told[0].count("within noise") != 2
    assert wrong <= 8


def test_what_was_not_asked_alike_is_not_compared() -> None:
    other = run("2", b=(60.0, 7.0))
    cells = tuple(_record("b", number, 60.0, 7.0) for number in range(12))
    cells = tuple(structs.replace(one, prompt_sha256="another") for one in cells)
    told = compare.told(sides([run("1", a=(50.0, 7.0)), structs.replace(other, cells=cells)]))
    assert told[0] == "a against b: nothing that both were asked alike and can tell"


def test_a_few_cells_say_nothing_about_scores_and_that_is_said() -> None:
    few = [
        _record(name, number, 50.0, level) for name, level in (("a", 9.0), ("b", 1.0)) for number in range(4)
    ]
    without = [structs.replace(_record(name, 5, 50.0, 9.0), samples=()) for name in "ab"]
    told = compare.told(sides([structs.replace(run(), cells=(*few, *without))]))
    assert "correctness" not in told[0]
    assert "scores are compared over 5 and more cells that both have" in told
    assert "scores are compared" not in "".join(compare.told(sides([run(a=(50.0, 7.0), b=(50.0, 7.0))])))


def test_of_many_endpoints_not_every_pair_is_compared() -> None:
    many: Any = {f"e{number}": (50.0 + number, 7.0) for number in range(13)}
    assert compare.told(sides([run(**many)])) == [
        "13 endpoints are too many to say who wins what; of 12 and fewer it is said"
    ]


def test_scores_of_other_analysers_are_not_compared() -> None:
    versions = Analysers(pylint="1", astroid="1", radon="1", python="3.11", rules="x")
    told = compare.told(
        sides([run("1", a=(5.0, 7.0)), structs.replace(run("2", b=(6.0, 2.0)), analysers=versions)])
    )
    assert "correctness" not in told[0]
    assert any("different analysers" in line for line in told)


@pytest.mark.parametrize("cells", [1, 4])
def test_few_cells_tell_nothing_about_scores(cells: int) -> None:
    whole = run(a=(50.0, 9.0), b=(50.0, 1.0))
    few = structs.replace(whole, cells=tuple(one for one in whole.cells if int(one.scenario[1:]) < cells))
    told = compare.told(sides([few]))
    assert "correctness" not in told[0]
    assert "scores are compared over 5 and more cells that both have" in told


def test_one_alone() -> None:
    assert compare.told(sides([run(a=(5.0, 7.0))])) == [
        "one endpoint alone: there is nothing to compare it with"
    ]
