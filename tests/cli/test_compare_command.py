"""``llmeval compare``: endpoints side by side, from run files."""

from __future__ import annotations

from typing import Any

import pytest


def test_the_last_runs_endpoints_side_by_side(folder_of_runs: Any) -> None:
    folder_of_runs.run("awq", "gptq")
    said = folder_of_runs.llmeval("compare")
    assert said.code == 0
    assert said.out.splitlines()[0].split() == ["measured", "awq", "gptq"]
    assert "speed, tok/s  50.0  50.0" in said.out
    assert "awq against gptq: speed the same within noise (" in said.out


def test_several_runs_of_one_endpoint_as_markdown(folder_of_runs: Any) -> None:
    slow, fast = folder_of_runs.run(tps=50.0), folder_of_runs.run(tps=80.0)
    said = folder_of_runs.llmeval("compare", "--markdown", str(slow), str(fast))
    assert said.code == 0
    assert said.out.startswith("- box (run-2) against box (run-1): 60 % faster (")
    assert "|  | box (run-1) | box (run-2) |\n| :-- | --: | --: |\n" in said.out
    assert "| speed, tok/s | 50.0 | **80.0** |" in said.out


@pytest.mark.parametrize("width", ["40", "80"])
def test_more_than_fit_go_below(folder_of_runs: Any, monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("COLUMNS", width)
    names = [f"an-endpoint-with-a-long-name-{number}" for number in range(7)]
    folder_of_runs.run(*names)
    said = folder_of_runs.llmeval("compare")
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= int(width)
    assert all(f"-{number}" in said.out for number in range(7))


def test_wrong_usage(folder_of_runs: Any) -> None:
    path = str(folder_of_runs.run())
    said = folder_of_runs.llmeval("compare", path, path)
    assert said.code == 2
    assert "run-1 is named twice" in said.err
    folder_of_runs.run(cells=())
    said = folder_of_runs.llmeval("compare")
    assert said.code == 2
    assert "no endpoint answered anything" in said.err
