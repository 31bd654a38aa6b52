"""A project with runs, and the command in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from pytest_llmeval import cli, runfile
from pytest_llmeval.model import Facts, Host, Record, Run, Sample, Selection

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("a", "b", "c")


class Said(NamedTuple):
    """What a command did: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


class ProjectFolder:
    """A folder with a project file, which is the working folder."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self.baselines = path / "baselines"
        self._capsys = capsys
        self._runs = 0
        (path / "llmeval.toml").write_text("rounds = 3\n")

    def llmeval(self, *arguments: str) -> Said:
        """The command in this process."""
        self._capsys.readouterr()
        code = cli.main(arguments)
        return Said(code, *self._capsys.readouterr())

    def run(self, *endpoints: str, tps: float = 50.0, cells: tuple[str, ...] = NAMES, **known: Any) -> Path:
        """Write the run file of the latest run: every cell on every endpoint, at so many tokens a second."""
        self._runs += 1
        endpoints = endpoints or ("box",)
        fixed: dict[str, Any] = {
            "id": f"run-{self._runs}",
            "started": f"2026-11-{self._runs:02}T03:45:01Z",
            "finished": f"2026-11-{self._runs:02}T03:46:01Z",
            "complete": True,
            "plugin": "0",
            "host": Host(cpus=2, os="o", python="p"),
            "endpoints": {name: Facts(kind="openai", model="m") for name in endpoints},
            "selection": Selection(suites=("s",), cells=tuple(f"s/{name}/en" for name in cells)),
            "cells": tuple(_record(endpoint, name, tps) for endpoint in endpoints for name in cells),
        }
        path = self.path / ".llmeval" / "runs" / f"run-{self._runs}" / "run.json"
        runfile.write(path, runfile.dump(Run(**fixed | known)))
        place = path.relative_to(self.path).as_posix()
        runfile.write(self.path / ".llmeval" / "last-run.json", f'{{"run": "{place}"}}')
        return path


def _record(endpoint: str, name: str, tps: float) -> Record:
    rates = (tps, tps * 1.01, tps * 0.99)
    return Record(
        endpoint=endpoint,
        suite="s",
        scenario=name,
        language="en",
        category="c",
        prompt_sha256="p",
        parameters_sha256="q",
        samples=tuple(
            Sample(round=at, at_s=0.0, ok=True, output_tps=rate, cache="cold", transport="measured")
            for at, rate in enumerate(rates)
        ),
    )


@pytest.fixture
def folder_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> ProjectFolder:
    """A project without any run yet."""
    monkeypatch.chdir(tmp_path)
    return ProjectFolder(tmp_path, capsys)
