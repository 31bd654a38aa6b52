"""``llmeval weights``: what local endpoints need, and the key of a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.measure import weights

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("LLMEVAL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_the_project_needs_each_once(folder_of_runs: Any) -> None:
    assert folder_of_runs.llmeval("weights").out == "no local endpoint needs weights to be fetched\n"
    (folder_of_runs.path / "llmeval.toml").write_text(
        '[endpoints.a]\nkind = "local"\n[endpoints.b]\nkind = "local"\ntemperature = 0.5\n'
        '[endpoints.c]\nurl = "http://gpu:8000"\napi_key_env = "NOT_SET"\n'
    )
    said = folder_of_runs.llmeval("weights")
    assert (said.code, said.err) == (0, "")
    assert said.out.split()[:6] == ["qwen05", "491", "MB", "not", "fetched", "yet"]
    assert said.out.count("\n") == 1


def test_the_key_is_of_the_bytes(folder_of_runs: Any, cache: Path) -> None:
    def told(*specs: str) -> dict[str, str]:
        lines = folder_of_runs.llmeval("weights", "--cache", *specs).out.splitlines()
        return dict(line.split("=", 1) for line in lines)

    assert told("local")["path"] == str(cache / "models")
    assert told("local")["key"] == told("x=local:qwen05", "local")["key"]
    assert told("local")["key"] != told("local:smollm2")["key"]
    assert told("local:smollm2", "local") == told("local", "local:smollm2")
    assert told("http://gpu:8000") == {}


def test_fetching_is_asked_for(folder_of_runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []
    monkeypatch.setattr(weights, "fetch", lambda one, _on_progress: fetched.append(one.name))
    folder_of_runs.llmeval("weights", "local")
    assert fetched == []
    assert folder_of_runs.llmeval("weights", "local", "--fetch").code == 0
    assert fetched == ["qwen05"]
