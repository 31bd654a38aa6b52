"""``[endpoints.NAME.server]``, prices, pages of metrics: what is accepted, and what is said of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import project, servertable, wire
from pytest_llmeval.errors import SettingsError
from pytest_llmeval.model import SLO, Endpoint, ManagedServer, Price
from pytest_llmeval.values import UnexpectedError

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "[endpoints.e.server]\n"
COMMAND = 'command = ["serve", "--port={port}"]\n'
KEY = "sk-very-secret"


def endpoint(folder: Path, text: str) -> Endpoint:
    (folder / "llmeval.toml").write_text(text)
    return project.read(folder, {}).endpoints["e"]


def refused(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as wrong:
        endpoint(folder, text)
    return str(wrong.value)


def test_everything_that_a_table_may_say(tmp_path):
    found = endpoint(
        tmp_path,
        """
        [endpoints.e]
        url = "http://127.0.0.1:8000/v1"
        price = {input = 0.5, output = 2}
        metrics = "http://127.0.0.1:8000/metrics"
        gpu_metrics = "http://127.0.0.1:9400/metrics"
        [endpoints.e.server]
        install = "pip install vllm"
        command = ["vllm", "serve", "m", "--max-num-seqs", 8, "--gpu-memory-utilization", 0.9]
        env = {OMP_NUM_THREADS = 1, HF_HUB_OFFLINE = "1"}
        cwd = "deploy"
        ready = "/v1/models"
        ready_status = 204
        timeout = 600
        stop_signal = "SIGINT"
        grace = 30
        exclusive = "gpu0"
        """,
    )
    assert found.price == Price(input=0.5, output=2.0)
    assert found.metrics == "http://127.0.0.1:8000/metrics"
    assert found.gpu_metrics == "http://127.0.0.1:9400/metrics"
    assert found.server == ManagedServer(
        install="pip install vllm",
        command=("vllm", "serve", "m", "--max-num-seqs", "8", "--gpu-memory-utilization", "0.9"),
        env={"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        cwd=str(tmp_path / "deploy"),
        ready="/v1/models",
        ready_status=204,
        timeout_s=600.0,
        stop_signal="SIGINT",
        grace_s=30.0,
        exclusive="gpu0",
    )
    assert wire.build(wire.plain(found), Endpoint) == found


def test_a_command_is_enough_where_it_takes_a_port(tmp_path):
    found = endpoint(tmp_path, SERVER + COMMAND)
    assert found.url is None
    assert found.server == ManagedServer(command=("serve", "--port={port}"), cwd=str(tmp_path))
    assert endpoint(tmp_path, SERVER + 'command = ["x"]\nenv = {PORT = "{port}"}\n').server
    assert endpoint(tmp_path, SERVER + 'command = ["x"]\nport = 8000\n').server


def test_limits_of_a_load_are_the_projects(tmp_path):
    (tmp_path / "llmeval.toml").write_text("[policy.slo]\nttft_s = 0.5\ntpot_s = 0.05\n")
    assert project.read(tmp_path, {}).policy.slo == SLO(ttft_s=0.5, tpot_s=0.05)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server = 3", "llmeval.toml:3: endpoints.e.server: expected a table, got 3"),
        (SERVER, "llmeval.toml:2: endpoints.e.server: command is missing\n  -> expected a list of texts"),
        (SERVER + 'command = "serve"', 'server.command: expected a list of texts and numbers, like ["vllm"'),
        (SERVER + "command = []", "server.command: expected a list of texts"),
        (SERVER + 'command = [""]', "server.command: expected a list of texts"),
        (SERVER + 'command = ["x", true]', "server.command: expected a list of texts"),
        (SERVER + 'command = ["x"]', "nothing says where the server will listen\n  -> write {port} where"),
        (SERVER + COMMAND + "comand = 1", "llmeval.toml:4: endpoints.e.server.comand: no such key\n  -> did"),
        (SERVER + COMMAND + "env = 'A=1'", "server.env: expected a table of texts and whole numbers"),
        (SERVER + COMMAND + "env = {A = true}", "server.env: expected a table of texts"),
        (SERVER + COMMAND + "env = {'A=B' = '1'}", 'server.env: expected a table of texts and whole'),
        (SERVER + COMMAND + "port = 0", "a whole number of at least 1 and at most 65535, got 0"),
        (SERVER + COMMAND + "port = 65536", "at most 65535, got 65536"),
        (SERVER + COMMAND + "ready = 'health'", 'server.ready: expected a path like "/health", or a URL'),
        (SERVER + COMMAND + "ready = 'ftp://h/'", "server.ready: expected a path"),
        (SERVER + COMMAND + "ready_status = 42", "server.ready_status: expected a whole number"),
        (SERVER + COMMAND + "timeout = 0", "server.timeout: expected a number above 0"),
        (SERVER + COMMAND + "grace = -1", "server.grace: expected a number of at least 0"),
        (SERVER + COMMAND + "stop_signal = 'TERM'", 'server.stop_signal: expected "SIGTERM", "SIGINT"'),
        (SERVER + COMMAND + "exclusive = 'GPU 0'", "server.exclusive: expected a slug"),
        ("price = 3", "endpoints.e.price: expected a table"),
        ("price = {input = 1}", "endpoints.e.price: output is missing\n  -> price = {input"),
        ("price = {input = -1, output = 1}", "endpoints.e.price.input: expected a number of at least 0"),
        ("price = {input = 1, ouput = 1}", "did you mean output?"),
        ("metrics = 'localhost'", "endpoints.e.metrics: 'localhost' is not an http URL"),
        ("gpu_metrics = 'http://u:p@h/'", "endpoints.e.gpu_metrics: a URL must not hold a user or a key"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_key(tmp_path, text, message):
    url = "" if text.startswith("[") else "url = 'http://h'\n"
    assert message in refused(tmp_path, f"[endpoints.e]\n{url}{text}")


def test_one_port_and_not_two(tmp_path):
    text = f"[endpoints.e]\nurl = 'http://127.0.0.1:8000'\n{SERVER}{COMMAND}port = 8000\n"
    assert "llmeval.toml:5: endpoints.e.server.port: the endpoint's url names a port" in refused(
        tmp_path, text
    )


@pytest.mark.parametrize("kind", ["local", "replay"])
def test_kinds_that_have_no_server_of_their_own(tmp_path, kind):
    text = f"[endpoints.e]\nkind = '{kind}'\npath = 'p'\n{SERVER}{COMMAND}"
    assert f"endpoints.e.server: means nothing for an endpoint of kind {kind}" in refused(tmp_path, text)


@pytest.mark.parametrize(
    "line",
    [
        f'command = ["serve", "{{port}}", "--api-key", "{KEY}"]',
        f'command = ["serve", "{{port}}", "--api-key={KEY}"]',
        f'command = ["serve", "{{port}}"]\nenv = {{VLLM_API_KEY = "{KEY}"}}',
        f'command = ["serve", "{{port}}"]\nenv = {{hf_token = "{KEY}"}}',
    ],
)
def test_a_key_in_a_servers_table_is_refused_unseen_with_advice(tmp_path, line):
    message = refused(tmp_path, SERVER + line)
    assert "a key does not belong in a file" in message
    assert "in the environment of pytest, which the server inherits" in message
    assert KEY not in message


def test_words_that_mean_no_key_are_none(tmp_path):
    line = 'command = ["serve", "{port}", "--api-key", "EMPTY"]\nenv = {HF_TOKEN = ""}\n'
    assert endpoint(tmp_path, SERVER + line).server


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_a_value_is_accepted_for_good_or_refused_in_words(value):
    for kind in servertable.KEYS.values():
        try:
            accepted = kind.accept(value)
        except UnexpectedError:
            continue
        assert kind.accept(list(accepted) if isinstance(accepted, tuple) else accepted) == accepted
