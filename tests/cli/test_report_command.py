"""``llmeval report``: a file from run files, and pictures."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any

import pytest

from pytest_llmeval.report import picture


def test_the_last_run_with_its_answers(folder_of_runs: Any) -> None:
    path = folder_of_runs.run("awq", "gptq")
    lines = [
        {"endpoint": "awq", "cell": "s/a/en", "round": 0, "text": "<b>answer</b>", "reasoning": ""},
        "no line",
    ]
    path.with_name("answers.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    said = folder_of_runs.llmeval("report")
    assert said.code == 0
    assert re.fullmatch(r"llmeval\.html: \d\d kB\n", said.out)
    text = (folder_of_runs.path / "llmeval.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;answer&lt;/b&gt;" in text
    assert "awq against gptq: speed the same within noise (" in text
    assert "awq has no sessions in a baseline to be shown beside." in text
    assert folder_of_runs.llmeval("--report-language=ko", "report", "--html", "ko.html").code == 0
    assert '<html lang="ko">' in (folder_of_runs.path / "ko.html").read_text(encoding="utf-8")


def test_the_sessions_of_the_baseline(folder_of_runs: Any) -> None:
    for tps in (50.0, 51.0, 49.5):
        folder_of_runs.run(tps=tps)
        assert folder_of_runs.llmeval("baseline", "update").code == 0
    run = folder_of_runs.run(tps=40.0)
    assert folder_of_runs.llmeval("report", str(run), "--html", "out/report.html").code == 0
    text = (folder_of_runs.path / "out" / "report.html").read_text(encoding="utf-8")
    assert "box: speed, tok/s" in text
    assert "3 sessions, and this run at 40.0." in text
    assert "in 19 of 20 cases; this one does not." in text


@pytest.mark.parametrize("font", ["A Font", None])
def test_plots_as_pictures_say_their_font(
    folder_of_runs: Any, monkeypatch: pytest.MonkeyPatch, font: str | None
) -> None:
    monkeypatch.setattr(picture, "font_with", lambda letter: font and "DejaVu Sans")
    folder_of_runs.run()
    said = folder_of_runs.llmeval("report", "--png", "plots")
    assert said.code == 0
    assert said.out.startswith("plots: 1 plot, its text in DejaVu Sans\n")
    assert ("no font with Hangul" in said.out) is (font is None)
    assert (folder_of_runs.path / "plots" / "speed.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder_of_runs.path / "llmeval.html").exists()


def test_a_font_is_looked_for_by_its_letters() -> None:
    assert picture.font_with("a")
    assert picture.font_with("\U0010fffd") is None


def test_wrong_usage(folder_of_runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(folder_of_runs.run())
    said = folder_of_runs.llmeval("report", path, path)
    assert said.code == 2
    assert "run-1 is named twice" in said.err
    said = folder_of_runs.llmeval("report", "--html", str(folder_of_runs.path))
    assert (said.code, said.err) == (2, f"llmeval: {folder_of_runs.path}: Is a directory\n")
    said = folder_of_runs.llmeval("merge", path, "-o", f"{folder_of_runs.path}/llmeval.toml/run.json")
    assert said.code == 2
    assert "llmeval.toml" in said.err
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jinja2" else found(name))
    said = folder_of_runs.llmeval("report")
    assert said.code == 2
    assert "llmeval report: a report is drawn with jinja2 and matplotlib; not installed: jinja2" in said.err
    assert "pip install 'pytest-llmeval-suite[report]'" in said.err
