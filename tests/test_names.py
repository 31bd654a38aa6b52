"""A name that becomes a file's name, a node id or a key is a slug, whoever chose it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_llmeval import scenarios, settings
from pytest_llmeval.errors import BaselineError, ScenarioError, SettingsError
from pytest_llmeval.judge import baselines
from pytest_llmeval.measure.recording import Recorder, load
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.model import Facts, Parameters, Request
from pytest_llmeval.plugin import fixture

ATTACKS = json.loads((Path(__file__).parent / "attacks.json").read_text(encoding="utf-8"))
NAMES = {
    name: text
    for group in ("files", "hidden", "terminal")
    for name, text in ATTACKS[group].items()
    if text != "-rf"  # a slug: behind a folder or a node id it is no option
}
SLUG = re.compile(r"(?!\.+$)[a-z0-9._-]{1,100}")
every = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
SENDABLE = {name: text for name, text in NAMES.items() if name != "lone surrogate"}  # a prompt is UTF-8


@every
def test_of_a_scenario(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.eval.yaml"
    path.write_text(f"scenarios:\n- {{id: {json.dumps(name)}, prompt: {{en: hi}}}}\n")
    with pytest.raises(ScenarioError):
        scenarios.load(path)


@every
def test_of_an_endpoint(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError):
        settings.resolve({"endpoint": [f"{name}=http://x"]}, environ={}, rootdir=tmp_path)
    (tmp_path / "llmeval.toml").write_text(
        f'[endpoints.{json.dumps(name)}]\nurl = "http://x"\n', "utf-8", "replace"
    )
    with pytest.raises(SettingsError):
        settings.resolve({"endpoint": ["all"]}, environ={}, rootdir=tmp_path)


@every
def test_of_a_baseline(tmp_path: Path, name: str) -> None:
    """Of one that a run file names, which may be longer than a slug, and in capitals."""
    if re.fullmatch(r"\w+", name, re.ASCII):
        assert baselines.path_of(tmp_path, name).parent == tmp_path
        return
    with pytest.raises(BaselineError):
        baselines.path_of(tmp_path, name)


@every
def test_of_a_test(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9._-]+", fixture._slug(name))
    assert fixture._slug(name) not in (".", "..")


@pytest.mark.parametrize("name", SENDABLE.values(), ids=SENDABLE)
def test_of_a_recording(tmp_path: Path, name: str) -> None:
    request = Request(messages=(("user", name), ("user", name)))
    tape = Tape(started_ns=1, ended_ns=2, status=200)
    Recorder(tmp_path / "kept", Facts(kind="openai"))(request, tape)
    (path,) = (tmp_path / "kept").iterdir()
    assert SLUG.fullmatch(path.name)
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]
    assert load(tmp_path / "kept").next(request.messages, Parameters()) is not None
