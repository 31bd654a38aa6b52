"""What ends a run before its first cell: it would be lost after the last one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.model import Endpoint, Price
from pytest_llmeval.plugin import preparation
from pytest_llmeval.plugin.context import Context
from pytest_llmeval.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

BOX = Endpoint(name="box", url="http://box")


def context(root: Path, **chosen: Any) -> Context:
    """Of a run in an empty project."""
    here = object.__new__(Context)
    here.config = SimpleNamespace(rootpath=root)  # type: ignore[assignment]
    vars(here)["settings"] = Settings(**{"endpoints": (BOX,), "baselines": root / "baselines"} | chosen)
    return here


def refusal(here: Context) -> str:
    with pytest.raises(pytest.UsageError) as refused:
        preparation.prepare(here)
    return str(refused.value)


def test_an_empty_project_is_ready(tmp_path: Path) -> None:
    preparation.prepare(context(tmp_path, json=tmp_path / "new" / "run.json", record=tmp_path / "recorded"))
    assert (tmp_path / ".llmeval" / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_nothing_is_prepared_where_nobody_is_asked(tmp_path: Path) -> None:
    preparation.prepare(context(tmp_path, endpoints=()))
    assert list(tmp_path.iterdir()) == []


def test_a_broken_baseline_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "box.json").write_text("{")
    assert "box.json:1: is not JSON" in refusal(context(tmp_path))


def test_baselines_are_those_of_the_beginning(tmp_path: Path) -> None:
    """A checkout in the middle of a run of hours neither changes nor ends it."""
    here = context(tmp_path)
    preparation.prepare(here)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "box.json").write_text("<<<<<<< HEAD")
    assert here.baselines == {}


def test_a_ceiling_needs_a_price(tmp_path: Path) -> None:
    assert "nothing says what box costs" in refusal(context(tmp_path, max_cost=1.0))
    priced = Endpoint(name="box", url="http://box", price=Price(input=1, output=2))
    preparation.prepare(context(tmp_path, max_cost=1.0, endpoints=(priced,)))


def test_a_report_that_can_not_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    preparation.prepare(context(tmp_path))
    said = refusal(context(tmp_path, html=tmp_path / "report.html"))
    assert said.startswith("--llm-html: ")
    assert "not installed: jinja2, matplotlib" in said
