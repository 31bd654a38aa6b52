"""The main job on a real model: a run, a baseline, a green run, and a red one at half speed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import throttle

from pytest_llmeval.measure import engine, weights

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("xllamacpp", reason="needs pytest-llmeval-suite[local]")
pytestmark = pytest.mark.e2e

SMOKE = ("--llm-suite=smoke", "--llm-max-tokens=24", "-Wignore::pytest.PytestWarning", "-n0")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A llama.cpp server behind a plain URL."""
    folder = tmp_path_factory.mktemp("engine")
    with engine.start(weights.resolve("smollm2"), log=folder / "log", threads=1) as server:
        yield server.url


def run_of(pytester: pytest.Pytester) -> dict[str, Any]:
    last = json.loads((pytester.path / ".llmeval" / "last-run.json").read_text(encoding="utf-8"))
    run: dict[str, Any] = json.loads((pytester.path / last["run"]).read_text(encoding="utf-8"))
    return run


ATTEMPTS = 3
"""A machine that starves this client voids a run's timings, and says so; a person would run again."""
STARVED = f"this machine is too busy to measure on: {ATTEMPTS} runs were void"


@pytest.mark.alone
def test_update_green_and_red_at_half_speed(
    pytester: pytest.Pytester, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path = pytester.path / "baselines" / "box.json"
    for _ in range(ATTEMPTS):
        update = pytester.runpytest_subprocess(f"--llm-endpoint=box={url}", "--llm-update-baselines", *SMOKE)
        update.assert_outcomes(passed=4)
        if path.exists():
            break
    else:
        pytest.skip(STARVED)
    baseline = path.read_text(encoding="utf-8")
    assert len(json.loads(baseline)["epochs"][0]["sessions"]) == 1
    run = run_of(pytester)
    assert run["endpoints"]["box"]["model"] == "smollm2-135m-instruct"
    for cell in run["cells"]:
        for sample in cell["samples"]:
            assert sample["ok"]
            assert sample["cache"] == "cold"
            assert sample["ttft_s"] > 0
            assert sample["output_tps"] > 1
            assert 0 < sample["completion_tokens"] <= 24

    green = pytester.runpytest_subprocess(f"--llm-endpoint=box={url}/v1", *SMOKE)
    assert green.ret == 0

    with throttle.running(url, factor=2) as slow:
        for _ in range(ATTEMPTS):
            red = pytester.runpytest_subprocess(f"--llm-endpoint=box={slow}", "--junitxml=junit.xml", *SMOKE)
            [verdict] = [
                one
                for one in run_of(pytester)["verdicts"]
                if one["metric"] == "output_tps" and not one.get("cell")
            ] or [None]
            if verdict is not None and verdict["verdict"] != "inconclusive":
                break
        else:
            pytest.skip(STARVED)
    assert verdict["verdict"] == "regressed"
    assert -0.75 < verdict["effect"] < -0.2  # half, and the drift of the machine between the runs
    assert red.ret == 1
    red.stdout.fnmatch_lines(["FAILED llmeval/box::output_tps - *box*slower*"])
    red.stdout.fnmatch_lines(["*llmeval baseline accept box*"])
    refused = pytester.run(sys.executable, "-m", "pytest_llmeval.cli", "baseline", "update")
    assert refused.ret == 1
    assert "the run is red on box" in refused.stdout.str()
    assert path.read_text(encoding="utf-8") == baseline
    assert "slower" in (pytester.path / "junit.xml").read_text(encoding="utf-8")


@pytest.mark.parametrize("workers", [0, 2])
def test_local_and_its_replay(pytester: pytest.Pytester, workers: int) -> None:
    """``local`` starts the engine once, whatever the number of workers; its recording replays without it."""
    options = ("--llm-rounds=1", "--llm-max-tokens=32", f"-n{workers}", "-Wignore::pytest.PytestWarning")
    live = pytester.runpytest_subprocess("--llm-endpoint=local:smollm2", "--llm-record=recorded", *options)
    live.assert_outcomes(passed=4)
    run = run_of(pytester)
    assert run["endpoints"]["local-smollm2"]["server"].startswith("llama.cpp xllamacpp-")
    again = pytester.runpytest_subprocess("--llm-endpoint=replay:recorded", *options)
    again.assert_outcomes(passed=4)
    replayed = run_of(pytester)
    assert {sample["transport"] for cell in replayed["cells"] for sample in cell["samples"]} == {"replay"}
    figures = [
        [(sample["completion_tokens"], sample["answer_sha256"]) for sample in cell["samples"]]
        for one in (run, replayed)
        for cell in one["cells"]
    ]
    assert figures[:4] == figures[4:]
