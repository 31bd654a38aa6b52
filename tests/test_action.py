"""``action.yml``: its shell steps run as GitHub would, against recorded streams and a stand-in API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import github_standin
import pytest
import yaml

ROOT = Path(__file__).parent.parent
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
RECORDED = ROOT / "fixtures" / "qwen05"


class Runner:
    """What a runner does with this composite action: expressions in ``env``, outputs."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
        self.inputs["github-token"] = github_standin.TOKEN
        self.outputs: dict[str, dict[str, str]] = {}
        own = folder / "bin"  # programs that stand in for others
        own.mkdir()
        self.environment = {
            **{name: os.environ[name] for name in ("HOME", "PYTHONPATH") if name in os.environ},
            "PATH": os.pathsep.join((str(own), str(Path(sys.executable).parent), os.environ["PATH"])),
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(folder),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            **environment,
        }

    def value(self, text: str) -> str:
        """The text with its expressions evaluated."""

        def found(match: re.Match[str]) -> str:
            kind, *names = match[1].split(".")
            if kind == "inputs":
                return str(self.inputs[names[0]])
            if kind == "steps":
                return self.outputs.get(names[0], {}).get(names[2], "")
            return {"runner.temp": str(self.folder / "temp"), "github.action_path": str(ROOT)}[match[1]]

        return re.sub(r"\$\{\{ (\S+) \}\}", found, text)

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """One step's shell, as ``shell: bash`` means it."""
        step = next(step for step in ACTION["runs"]["steps"] if step["name"] == name)
        output = self.folder / "output.txt"
        output.write_text("")
        given = {key: self.value(value) for key, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / self.value(step.get("working-directory", ".")),
            env=self.environment | given | {"GITHUB_OUTPUT": str(output)},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        lines = [line.partition("=") for line in output.read_text().splitlines()]
        self.outputs[step.get("id", name)] = {key: value for key, _, value in lines}
        return done


def steps() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ACTION["runs"]["steps"]
    return found


def test_no_expression_stands_in_a_script() -> None:
    """What an input holds would be run; in ``env`` it is a value."""
    scripts = [step["run"] for step in steps() if "run" in step]
    assert len(scripts) == 4
    assert not [script for script in scripts if "${{" in script]


@pytest.fixture
def runner(tmp_path: Path) -> Any:
    with github_standin.running() as github:
        made = Runner(tmp_path, github.environment(tmp_path / "event.json"))
        made.github = github  # type: ignore[attr-defined]
        yield made


def test_it_measures_keeps_a_report_and_comments_once(runner: Any, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    runner.inputs |= {
        "endpoint": f"\nrec=replay:{RECORDED}\n",
        "suite": "smoke",
        "args": "--llm-rounds=2 -k 'greeting or fibonacci' --no-llm-strict --junitprefix=$(touch${IFS}never)",
        "working-directory": "shop",
        "comment": "true",
    }
    assert runner.run("Find the weights of local models").returncode == 0
    assert runner.outputs["weights"] == {}
    runner.outputs["run"] = {"report": str(tmp_path)}
    said = runner.run("Comment on the pull request")
    assert said.stdout == "nothing was measured, so there is nothing to say\n"

    done = runner.run("Measure, score, judge")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(tmp_path.rglob("never")), "nothing in an input is run"
    assert "2 passed" in done.stdout
    assert runner.outputs["run"]["exit-code"] == "0"
    report = Path(runner.outputs["run"]["report"])
    assert sorted(path.name for path in report.iterdir()) == ["answers.jsonl", "junit.xml", "run.json"]
    assert (tmp_path / "summary.md").read_text().startswith("### llmeval: ⚪ 2 cells")

    for word in ("wrote", "updated"):
        said = runner.run("Comment on the pull request")
        assert (said.returncode, said.stderr) == (0, "")
        assert said.stdout.startswith(word)
    assert len(runner.github.comments) == 1

    runner.github.refuses = 403
    said = runner.run("Comment on the pull request")
    assert said.returncode == 0
    assert said.stdout.startswith("::warning title=llmeval::")
    assert "pull-requests: write" in said.stderr


def test_a_red_gate_is_a_red_step(runner: Any, tmp_path: Path) -> None:
    runner.inputs |= {"endpoint": f"rec=replay:{RECORDED}", "args": "--no-llm-strict one.eval.yaml"}
    runner.inputs["extras"] = "local,report"
    (tmp_path / "one.eval.yaml").write_text("scenarios:\n- {id: one, prompt: {en: Not recorded.}}\n")
    assert runner.run("Measure, score, judge").returncode == 1
    assert runner.outputs["run"]["exit-code"] == "1"
    report = Path(runner.outputs["run"]["report"])
    assert {"run.json", "report.html"} <= {path.name for path in report.iterdir()}


def test_weights_have_a_cache(runner: Any, tmp_path: Path) -> None:
    runner.environment["LLMEVAL_CACHE_DIR"] = str(tmp_path / "cache")
    runner.inputs["endpoint"] = "local:smollm2\nbox=http://gpu:8000"
    assert runner.run("Find the weights of local models").returncode == 0
    assert runner.outputs["weights"]["path"] == str(tmp_path / "cache" / "models")
    assert runner.outputs["weights"]["key"].startswith("llmeval-weights-")


def test_what_is_installed_is_the_actions_own(runner: Any, tmp_path: Path) -> None:
    (tmp_path / "bin" / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "bin" / "python").chmod(0o755)
    asked = {}
    for version, extras in (("", "local"), ("1.2.3", "local,fast"), ("", "")):
        runner.inputs |= {"version": version, "extras": extras}
        asked[version, extras] = runner.run("Install pytest-llmeval-suite").stdout.splitlines()[-1]
    assert asked == {
        ("", "local"): f"{ROOT}[local]",
        ("1.2.3", "local,fast"): "pytest-llmeval-suite[local,fast]==1.2.3",
        ("", ""): str(ROOT),
    }
