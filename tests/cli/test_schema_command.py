"""Schemas: real files keep them, wrong ones do not."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from pytest_llmeval import cli, optiontable, oracle, project, runfile, servertable, values
from pytest_llmeval.cli.schema import FILES, text
from pytest_llmeval.errors import SettingsError
from pytest_llmeval.judge import baselines
from pytest_llmeval.model import Facts, Host, Run

ROOT = Path(cli.__file__).parents[2]
KINDS = {option.name: option.kind for option in optiontable.OPTIONS if option.in_file}
RUN = Run(id="r", started="s", finished="f", complete=True, plugin="0", host=Host(cpus=1, os="o", python="p"))


def check(name: str, data: Any) -> None:
    """Raises ``jsonschema.ValidationError``."""
    Draft202012Validator(json.loads(text(name))).validate(data)


@pytest.mark.parametrize("name", FILES)
def test_the_command_prints_a_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", name]) == 0
    printed = capsys.readouterr().out
    assert printed == text(name)
    Draft202012Validator.check_schema(json.loads(printed))


def test_the_shipped_vectors_keep_theirs() -> None:
    paths = list(ROOT.glob("suites/*/oracles/*/vectors.json"))
    assert paths
    for path in paths:
        check("vectors", json.loads(path.read_bytes()))
    with pytest.raises(ValidationError, match="'call' is a required property"):
        check(
            "vectors",
            json.loads(oracle.dump(oracle.Vectors(made_by={}, sources={}, vectors=())))
            | {"vectors": [{"returns": "1"}]},
        )


def test_a_run_keeps_its_schema_and_a_newer_number_does_not() -> None:
    data = json.loads(runfile.dump(RUN))
    check("run", data)
    check("run", data | {"of_a_newer_version": 1})
    with pytest.raises(ValidationError, match=re.escape("'llmeval-run/1' was expected")):
        check("run", data | {"schema": "llmeval-run/2"})
    with pytest.raises(ValidationError, match="'schema' is a required property"):
        check("run", {key: value for key, value in data.items() if key != "schema"})
    with pytest.raises(ValidationError, match="'many' is not of type 'integer'"):
        check("run", data | {"host": data["host"] | {"cpus": "many"}})


def test_a_baseline_keeps_its_schema(tmp_path: Path) -> None:
    entry = baselines.Baseline(endpoint="box", epochs=(baselines.sessions.Epoch(facts=Facts(kind="openai")),))
    data = json.loads(baselines.dumps(entry))
    check("baseline", data)
    with pytest.raises(ValidationError, match="'endpoint' is a required property"):
        check("baseline", {"schema": data["schema"]})


def examples() -> list[str]:
    """Every example of a project file in the documentation."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    found = [example for text in texts for example in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("example", examples())
def test_the_examples_of_the_documentation_keep_the_schema(example: str, tmp_path: Path) -> None:
    data = tomllib.loads(example)
    check("project", data.get("tool", {}).get("llmeval", data))


ACCEPTED = """\
rounds = 3
prompt_language = ["en", "ko"]
max_time = "1h30m"
max_tokens = -1
[endpoints.awq]
url = "http://box:8000/v1"
api_key = ""
price = { input = 0, output = 0.5 }
timeouts = { first = 60 }
[endpoints.own]
max_tokens = -1
[endpoints.own.server]
command = ["serve", "--port={port}", 3]
env = { OMP_NUM_THREADS = 2 }
[endpoints.any]
kind = "http"
url = "http://box/run"
request = { input = { prompt = "{prompt}" } }
[policy]
alpha = 0.5
slo = { ttft_s = 1 }
[policy.ttft_s]
allowance = 0.1
[policy.endpoints.awq.quality]
allowance = 2.5
"""


def test_what_the_reader_takes_keeps_the_schema(tmp_path: Path) -> None:
    (tmp_path / project.FILE).write_text(ACCEPTED, encoding="utf-8")
    project.read(tmp_path, KINDS)
    check("project", tomllib.loads(ACCEPTED))


@pytest.mark.parametrize(
    "wrong",
    [
        "rounds = 0",
        "rouns = 3",
        'max_time = "soon"',
        'strict = "yes"',
        'max_tokens = "all"',
        "[endpoints.Box]\nurl = 'http://h'",
        "[endpoints.e]\nurl = 'http://h'\nmodle = 'm'",
        "[endpoints.e]\nurl = 'http://h'\napi_key = 'sk-1'",
        "[endpoints.e]\nurl = 'http://h'\nprice = {input = 1}",
        "[endpoints.e]\nserver = {port = 8000}",
        "[endpoints.e]\nserver = {command = []}",
        "[endpoints.e]\nurl = 'http://h'\ntimeouts = {first = 0}",
        "[policy]\nalpha = 0.6",
        "[policy.ttft_s]\nallowance = 2",
        "[policy.quality]\nfloor = 11",
        "[policy.endpoints.e.speed]\nfloor = 1",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(wrong: str, tmp_path: Path) -> None:
    (tmp_path / project.FILE).write_text(wrong, encoding="utf-8")
    with pytest.raises(SettingsError):
        project.read(tmp_path, KINDS)
    with pytest.raises(ValidationError):
        check("project", tomllib.loads(wrong))


ALL_KINDS = [
    *KINDS.values(),
    *project.ENDPOINT_KEYS.values(),
    *project.POLICY_KEYS.values(),
    *project.PRICE_KEYS.values(),
    *servertable.KEYS.values(),
]
LIKELY = [
    *project.KINDS,
    "en,ko",
    "1h30m",
    "90s",
    "KEY",
    "a.b:c",
    "/health",
    "SIGINT",
    "cold",
    "auto",
    "\n",
    -1,
    100,
]
SCALARS = st.one_of(
    st.sampled_from(LIKELY), st.text(max_size=5), st.integers(), st.floats(), st.booleans(), st.none()
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=3)


@given(VALUES | st.just({"input": "{prompt}"}))
@example(0)
def test_no_kind_takes_what_its_schema_refuses(value: object) -> None:
    for kind in ALL_KINDS:
        if takes(kind, value):
            Draft202012Validator(kind.schema).validate(value)


def takes(kind: values.Kind, value: object) -> bool:
    try:
        kind.accept(value)
    except values.UnexpectedError:
        return False
    return True


def test_every_kind_has_a_schema() -> None:
    assert all(kind.schema for kind in ALL_KINDS)
