"""Settings: who wins, what is refused and where the message points, and that keys show nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_llmeval import project, specs, wire
from pytest_llmeval.errors import SettingsError
from pytest_llmeval.model import Endpoint, MetricPolicy, Parameters, Scenario
from pytest_llmeval.settings import OPTIONS, Secret, Settings, resolve, rounds, sampling

CONFIGURED = """\
rounds = 5
baselines = "promises"

[endpoints.vllm-awq]
url = "http://localhost:8000/v1"
api_key_env = "VLLM_KEY"
max_tokens = -1

[endpoints.ollama]
url = "http://localhost:11434"
api_key = "EMPTY"

[policy]
alpha = 0.05
compare_hardware = true
max_pause_s = 60
[policy.output_tps]
gate = true
allowance = 0.05
floor = 20
[policy.endpoints.vllm-awq.ttft_s]
allowance = 0.15
"""
KEY = "sk-canary-1234"


@pytest.fixture
def rootdir(tmp_path: Path) -> Path:
    (tmp_path / "llmeval.toml").write_text(CONFIGURED)
    return tmp_path


def resolved(rootdir: Path, environ: dict[str, str] | None = None, **options: object) -> Settings:
    return resolve(options, environ={"VLLM_KEY": KEY, **(environ or {})}, rootdir=rootdir, cwd=Path("/here"))


def refused(rootdir: Path, environ: dict[str, str] | None = None, **options: object) -> str:
    with pytest.raises(SettingsError) as caught:
        resolved(rootdir, environ, **options)
    return str(caught.value)


# -- who wins ----------------------------------------------------------------------------------------------


def test_without_anything_the_defaults_hold(tmp_path):
    assert resolved(tmp_path) == Settings(baselines=tmp_path / "baselines")


def test_command_line_over_environment_over_file_over_default(tmp_path):
    assert resolved(tmp_path).rounds == 3
    (tmp_path / "llmeval.toml").write_text("rounds = 5")
    assert resolved(tmp_path).rounds == 5
    assert resolved(tmp_path, {"LLMEVAL_ROUNDS": "7"}).rounds == 7
    assert resolved(tmp_path, {"LLMEVAL_ROUNDS": "7"}, rounds="9").rounds == 9
    assert resolved(tmp_path, {"LLMEVAL_ROUNDS": " "}).rounds == 5, "an empty variable is not set"


def test_a_scenarios_rounds_stand_between_what_this_run_says_and_what_the_project_says(tmp_path):
    plain, own = Scenario(suite="s", id="a", prompt={}), Scenario(suite="s", id="b", prompt={}, rounds=1)
    (tmp_path / "llmeval.toml").write_text("rounds = 5")
    of_file = resolved(tmp_path)
    assert [rounds(of_file, one) for one in (plain, own)] == [5, 1]
    for of_run in (resolved(tmp_path, {"LLMEVAL_ROUNDS": "7"}), resolved(tmp_path, rounds="7")):
        assert [rounds(of_run, one) for one in (plain, own)] == [7, 7]


def test_cells_are_measured_once_more_for_as_long_as_before_and_three_rounds_at_least(tmp_path):
    assert [resolved(tmp_path, rounds=n).confirm for n in ("1", "3", "10")] == [3, 3, 10]


def test_every_option_has_one_name_everywhere(tmp_path):
    written = {
        "endpoint": ("local", ("local",)),
        "model": ("smollm2", "smollm2"),
        "suite": ("smoke, coding", ("smoke", "coding")),
        "reference": ("", None),  # it goes with no update: see below
        "rounds": ("2", 2),
        "warmup": ("0", 0),
        "prompt_language": ("ko,en", ("ko", "en")),
        "update_baselines": ("1", True),
        "baselines": ("b", Path("/here/b")),
        "json": ("out/run.json", Path("/here/out/run.json")),
        "markdown": ("out/run.md", Path("/here/out/run.md")),
        "report_language": ("ko", "ko"),
        "html": ("out/run.html", Path("/here/out/run.html")),
        "strict": ("yes", True),
        "confirm": ("0", 0),
        "fail_inconclusive": ("1", True),
        "timeout": ("1.5", 1.5),
        "temperature": ("0.25", 0.25),
        "max_tokens": ("-1", -1),
        "seed": ("42", 42),
        "max_cost": ("0.5", 0.5),
        "max_time": ("1h30m", 5400.0),
        "install": ("1", True),
        "sandbox": ("landlock", "landlock"),
        "shard": ("2/5", "2/5"),
        "resume": ("last", "last"),
        "record": ("r", Path("/here/r")),
        "answers": ("false", True),  # LLMEVAL_NO_ANSWERS=false: they are kept
    }
    assert list(written) == [option.name for option in OPTIONS]
    environ = {option.variable: written[option.name][0] for option in OPTIONS}
    found = resolved(tmp_path, environ)
    assert [endpoint.name for endpoint in found.endpoints] == ["local"]
    assert found.endpoints[0].model == "smollm2"
    assert (found.suites, found.prompt_languages) == (("smoke", "coding"), ("ko", "en"))
    assert found.over == Parameters(temperature=0.25, max_tokens=-1, seed=42)
    assert found.timeout_s == 1.5
    same = ("rounds", "warmup", "update_baselines", "baselines", "json", "strict", "record", "answers")
    for name in (
        *same,
        "markdown",
        "max_cost",
        "install",
        "reference",
        "fail_inconclusive",
        "shard",
        "resume",
    ):
        assert getattr(found, name) == written[name][1], name
    names = {option.name: (option.option, option.variable) for option in OPTIONS}
    assert names["prompt_language"] == ("--llm-prompt-language", "LLMEVAL_PROMPT_LANGUAGE")
    assert names["answers"] == ("--llm-no-answers", "LLMEVAL_NO_ANSWERS")
    assert names["strict"] == ("--llm-strict", "LLMEVAL_STRICT")


def test_the_documented_defaults_are_the_real_ones():
    default = Settings()
    real = {
        "rounds": default.rounds,
        "warmup": default.warmup,
        "timeout": default.timeout_s,
        "temperature": default.under.temperature,
        "max_tokens": default.under.max_tokens,
        "seed": default.under.seed,
    }
    assert {option.name: float(option.default) for option in OPTIONS if option.default.isdigit()} == real


def test_the_project_file_may_hold_what_describes_the_project_and_not_what_a_run_is_for(tmp_path):
    in_file = {option.name for option in OPTIONS if option.in_file}
    assert {"rounds", "baselines", "strict", "temperature"} <= in_file
    assert in_file.isdisjoint({"endpoint", "model", "suite", "update_baselines", "record", "install"})


@pytest.mark.parametrize(
    ("ci", "strict"),
    [(None, False), ("", False), ("0", False), ("false", False), ("true", True), ("1", True)],
)
def test_strict_is_on_in_ci(tmp_path, ci, strict):
    environ = {} if ci is None else {"CI": ci}
    assert resolved(tmp_path, environ).strict is strict
    assert resolved(tmp_path, environ, strict=False).strict is False
    assert resolved(tmp_path, {**environ, "LLMEVAL_STRICT": "true"}).strict is True


def test_paths_are_relative_to_whoever_wrote_them(rootdir):
    assert resolved(rootdir).baselines == rootdir / "promises"
    assert resolved(rootdir, baselines="b").baselines == Path("/here/b")
    assert resolved(rootdir, {"LLMEVAL_BASELINES": "/abs"}).baselines == Path("/abs")


def test_sampling_parameters_come_from_the_nearest(rootdir):
    scenario = Scenario(suite="s", id="a", prompt={"en": "x"}, parameters=Parameters(max_tokens=96))
    plain = Scenario(suite="s", id="a", prompt={"en": "x"})
    endpoint = Endpoint(name="e", max_tokens=-1, temperature=0.5)
    found = resolved(rootdir)
    assert sampling(found, plain, Endpoint()) == Parameters(temperature=0.0, seed=0, max_tokens=1024)
    assert sampling(found, plain, endpoint) == Parameters(temperature=0.5, seed=0, max_tokens=-1)
    assert sampling(found, scenario, endpoint) == Parameters(temperature=0.5, seed=0, max_tokens=96)
    given_too = resolved(rootdir, {"LLMEVAL_SEED": "3"}, max_tokens="16", temperature="0")
    assert sampling(given_too, scenario, endpoint) == Parameters(temperature=0.0, seed=3, max_tokens=16)
    (rootdir / "llmeval.toml").write_text("temperature = 0.9\nmax_tokens = 7")
    assert sampling(resolved(rootdir), plain, endpoint) == Parameters(temperature=0.5, seed=0, max_tokens=-1)
    assert sampling(resolved(rootdir), plain, Endpoint()) == Parameters(temperature=0.9, seed=0, max_tokens=7)


# -- wrong options and variables ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("rounds", "0", "expected a whole number of at least 1, got 0"),
        ("rounds", "1_0", 'expected a whole number of at least 1, got "1_0"'),
        ("rounds", "2.5", 'got "2.5"'),
        ("rounds", "9" * 25, "expected a whole number"),
        ("warmup", "-1", "at least 0"),
        ("timeout", "0", "expected a number above 0"),
        ("timeout", "nan", 'got "nan"'),
        ("timeout", "1e999", "expected a number above 0"),
        ("temperature", "hot", 'got "hot"'),
        ("max_tokens", "-2", "at least 1, or -1 for as much as fits"),
        ("seed", "-1", "at least 0"),
        ("prompt_language", "korean", "like en or ko"),
        ("suite", "My Suite", "expected a slug"),
        ("strict", "maybe", "expected true or false"),
        ("json", "a\0b", "expected a path"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_its_option_or_variable(tmp_path, name, text, expected):
    option = next(option for option in OPTIONS if option.name == name)
    on_the_command_line = refused(tmp_path, **{name: [text] if option.repeatable else text})
    in_the_environment = refused(tmp_path, {option.variable: text})
    assert on_the_command_line.startswith(f"{option.option}: ")
    assert in_the_environment.startswith(f"{option.variable}: ")
    assert expected in on_the_command_line
    assert expected in in_the_environment


# -- endpoints ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "name", "fields"),
    [
        ("ollama", "ollama", {"url": "http://localhost:11434", "kind": "openai"}),
        ("x=ollama", "x", {"url": "http://localhost:11434"}),
        ("http://h:1/v1", "default", {"url": "http://h:1/v1", "kind": "openai"}),
        ("https://h/v1?api-version=2", "default", {"url": "https://h/v1?api-version=2"}),
        ("a=http://[::1]:8000", "a", {"url": "http://[::1]:8000"}),
        ("local", "local", {"kind": "local", "model": None, "path": None}),
        ("local:smollm2", "local-smollm2", {"kind": "local", "model": "smollm2"}),
        ("qwen=local:smollm2", "qwen", {"kind": "local", "model": "smollm2"}),
        ("ollama=local:smollm2", "ollama", {"kind": "local", "model": "smollm2", "url": None}),
        ("local:models/My Model=1.GGUF", "local-my-model-1", {"path": "/here/models/My Model=1.GGUF"}),
        ("local:tiny.gguf", "local-tiny", {"path": "/here/tiny.gguf"}),
        ("replay:fixtures/a=b", "replay", {"kind": "replay", "path": "/here/fixtures/a=b"}),
        ("old=replay:/abs", "old", {"kind": "replay", "path": "/abs"}),
    ],
)
def test_a_spec_is_an_endpoint(rootdir, spec, name, fields):
    (endpoint,) = resolved(rootdir, endpoint=[spec]).endpoints
    assert endpoint.name == name
    assert {key: getattr(endpoint, key) for key in fields} == fields


def test_all_means_every_configured_one(rootdir):
    assert [one.name for one in resolved(rootdir, endpoint=["all"]).endpoints] == ["vllm-awq", "ollama"]
    assert resolved(rootdir, endpoint=["local", "all"]).endpoints[0].name == "local"


def test_several_endpoints_in_the_environment(rootdir):
    found = resolved(rootdir, {"LLMEVAL_ENDPOINT": "ollama, b=http://h"})
    assert [one.name for one in found.endpoints] == ["ollama", "b"]


def test_a_model_is_chosen_for_every_selected_endpoint(rootdir):
    found = resolved(rootdir, endpoint=["ollama", "http://h"], model="m")
    assert [one.model for one in found.endpoints] == ["m", "m"]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["http://a", "http://b"], ["2 URLs have no name", "--llm-endpoint=a=http://a --llm-endpoint=b=http://b"]),
        (["local", "local"], ["two endpoints are called local", "--llm-endpoint=other=local"]),
        (["a=local", "a=http://h/?x=1"], ["called a", "other=http://h/?x=1"]),
        (["all", "ollama"], ["called ollama"]),
        (["vlm-awq"], ["did you mean vllm-awq?", "configured are vllm-awq, ollama", "a URL like http://localhost:8000/v1"]),
        (["zzz"], ["configured are vllm-awq, ollama; else"]),
        (["localhost:8000/v1"], ["is it a URL? http://localhost:8000/v1"]),
        (["A b=local"], ['"A b" can\'t be an endpoint\'s name']),
        (["=local"], ['"" can\'t be']),
        (["all=local"], ['"all" can\'t be']),
        (["..=local"], ["can't be"]),
        (["replay:"], ["replay names no folder"]),
        (["local:Qwen 2"], ["local has no model", "local:/path/to/file.gguf"]),
        (["ftp://h"], ["not an http URL with a host"]),
        (["http://"], ["not an http URL with a host"]),
        (["http://h:99999"], ["its host or its port is wrong"]),
        (["http://h/a b"], ["holds what a URL can't"]),
        (["http://h/#x"], ["holds what a URL can't"]),
        ([""], ["expected a text that is not empty"]),
    ],
)  # fmt: skip
def test_a_wrong_spec_says_what_to_write(rootdir, chosen, words):
    message = refused(rootdir, endpoint=chosen)
    assert message.startswith("--llm-endpoint: ")
    for word in words:
        assert word in message


def test_all_without_configured_endpoints_says_how_to_have_one(tmp_path):
    assert "add [endpoints.NAME]" in refused(tmp_path, endpoint=["all"])
    assert "none is configured" in refused(tmp_path, endpoint=["x"])


def test_a_project_file_above_the_root_folder_is_named(tmp_path):
    (tmp_path / "llmeval.toml").write_text("[endpoints.box]\nurl = 'http://box'\n")
    below = tmp_path / "suites" / "mine"
    below.mkdir(parents=True)
    with pytest.raises(SettingsError, match="none is configured; else"):
        resolve({"endpoint": ["box"]}, environ={}, rootdir=below, cwd=Path("/"))
    with pytest.raises(SettingsError) as caught:
        resolve({"endpoint": ["box"]}, environ={}, rootdir=below, cwd=below)
    assert f"{tmp_path}/llmeval.toml is read with --rootdir={tmp_path} only; else" in str(caught.value)


def test_a_wrong_spec_of_the_environment_names_the_variable(rootdir):
    assert refused(rootdir, {"LLMEVAL_ENDPOINT": "nope"}).startswith("LLMEVAL_ENDPOINT: ")


# -- a reference -------------------------------------------------------------------------------------------

GROUPS = """\
[endpoints.new.server]
command = ["serve", "{port}"]
exclusive = "gpu0"
[endpoints.old.server]
command = ["serve", "{port}"]
exclusive = "gpu0"
[endpoints.other.server]
command = ["serve", "{port}"]
exclusive = "gpu1"
"""


@pytest.mark.parametrize(
    ("reference", "name", "names"),
    [
        ("ollama", "ollama", ["vllm-awq", "ollama"]),
        ("local", "local", ["vllm-awq", "ollama", "local"]),
        ("old=http://h", "old", ["vllm-awq", "ollama", "old"]),
        ("http://h", "reference", ["vllm-awq", "ollama", "reference"]),
    ],
)
def test_a_reference_is_one_of_the_endpoints_or_one_more(rootdir, reference, name, names):
    found = resolved(rootdir, endpoint=["ollama", "vllm-awq"], reference=reference)
    assert found.reference == name
    assert sorted(one.name for one in found.endpoints) == sorted(names)
    assert {one.name for one in found.candidates} == set(names) - {name}
    assert found.endpoint(name).name == name
    assert resolved(rootdir, endpoint=["ollama"]).reference is None


def test_a_reference_has_a_key_of_its_own(rootdir):
    assert resolved(rootdir, endpoint=["local"], reference="vllm-awq").secrets == {"vllm-awq": KEY}


def test_a_model_is_chosen_for_a_reference_that_names_none(rootdir):
    found = resolved(rootdir, endpoint=["http://h"], reference="local:smollm2", model="m")
    assert [one.model for one in found.endpoints] == ["m", "smollm2"]
    found = resolved(rootdir, endpoint=["http://h"], reference="http://h", model="m")
    assert [one.model for one in found.endpoints] == ["m", "m"]


@pytest.mark.parametrize(
    ("chosen", "reference", "words"),
    [
        (["ollama"], "ollama", "nothing is there to be compared with ollama"),
        ([], "ollama", "nothing is there to be compared with ollama"),
        (["ollama"], "all", "one endpoint is the reference, not all"),
        (["ollama"], "ollama=http://h", "two endpoints are called ollama"),
        (["ollama"], "olama", "did you mean ollama?"),
    ],
)
def test_a_wrong_reference_says_what_to_write(rootdir, chosen, reference, words):
    message = refused(rootdir, endpoint=chosen, reference=reference)
    assert message.startswith("--llm-reference: ")
    assert words in message


def test_servers_that_exclude_each_other_cannot_be_asked_in_turn(tmp_path):
    (tmp_path / "llmeval.toml").write_text(GROUPS)
    message = refused(tmp_path, endpoint=["new"], reference="old")
    assert "new and old can't be asked in turn" in message
    assert "exclusive group gpu0" in message
    assert resolved(tmp_path, endpoint=["new"], reference="other").reference == "other"


def test_what_was_asked_in_turn_is_no_session_of_a_baseline(rootdir):
    message = refused(rootdir, endpoint=["ollama"], reference="vllm-awq", update_baselines=True)
    assert message.startswith("--llm-update-baselines: ")
    assert "without --llm-reference" in message


# -- keys --------------------------------------------------------------------------------------------------


def test_keys_come_from_the_variable_that_is_meant_for_them_and_no_other(rootdir):
    environ = {"LLMEVAL_API_KEY": " url-key\n", "OPENAI_API_KEY": "never"}
    found = resolved(rootdir, environ, endpoint=["all", "default=http://h", "ollama2=ollama", "local"])
    assert found.secrets == {"vllm-awq": KEY, "ollama": "EMPTY", "ollama2": "EMPTY", "default": "url-key"}
    assert resolved(rootdir, endpoint=["http://h"]).secrets == {}, "a URL needs no key"


def test_a_url_equal_to_a_configured_one_is_still_a_url(rootdir):
    found = resolved(rootdir, {"LLMEVAL_API_KEY": "k"}, endpoint=["ollama=http://localhost:11434"])
    assert found.secrets == {"ollama": "k"}


def test_a_variable_that_is_named_but_not_set_is_an_error_once_the_endpoint_is_selected(rootdir):
    for value in ("", "  "):
        message = refused(rootdir, {"VLLM_KEY": value}, endpoint=["vllm-awq"])
        assert message.startswith("endpoint vllm-awq: ")
        assert "VLLM_KEY, which is not set" in message
        assert resolved(rootdir, {"VLLM_KEY": value}, endpoint=["ollama"])


@pytest.mark.skipif(os.name != "posix", reason="rights of files are those of POSIX")
def test_a_key_in_a_file_that_nobody_else_may_read(tmp_path):
    key = tmp_path / "keys" / "box"
    key.parent.mkdir()
    (tmp_path / "llmeval.toml").write_text("[endpoints.box]\nurl = 'http://h'\napi_key_file = 'keys/box'\n")
    assert f"{key}: the key can't be read: No such file" in refused(tmp_path, {}, endpoint=["box"])
    key.write_text(f" {KEY}\n")
    key.chmod(0o640)
    message = refused(tmp_path, {}, endpoint=["box"])
    assert "others may read the key in this file" in message
    assert f"chmod 600 {key}" in message
    key.chmod(0o600)
    assert resolved(tmp_path, {}, endpoint=["box"]).secrets == {"box": KEY}
    for wrong in ("", "sk canary", "a\nb", "sk-canary-é"):
        key.write_text(wrong)
        message = refused(tmp_path, {}, endpoint=["box"])
        assert message.startswith(f"{key}: its value can't be sent")
        assert "canary" not in message


@pytest.mark.parametrize("key", ["sk canary", "sk\r\ncanary", "sk-canary-é"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(rootdir, key):
    message = refused(rootdir, {"VLLM_KEY": key}, endpoint=["vllm-awq"])
    assert message.startswith("VLLM_KEY: ")
    assert "canary" not in message


@pytest.mark.parametrize(
    "spec",
    [
        f"http://user:{KEY}@h/v1",
        f"http://{KEY}@h/v1",
        f"user:{KEY}@h:8000",
        f"http://h/v1?api_key={KEY}",
        f"http://h/v1?x=1&API-KEY={KEY}",
        f"http://h/v1?access_token={KEY}",
        f"x=http://h/v1?key={KEY}",
        f"http://user:{KEY}@h:99999/v1",
        f"ftp://user:{KEY}@h/",
    ],
)
def test_a_key_in_a_url_is_refused_unseen_with_advice(rootdir, spec):
    for message in (refused(rootdir, endpoint=[spec]), refused(rootdir, endpoint=[spec, "http://h"])):
        assert KEY not in message
        assert "LLMEVAL_API_KEY" in message
    (rootdir / "llmeval.toml").write_text(f'[endpoints.e]\nurl = "{spec.removeprefix("x=")}"')
    assert KEY not in refused(rootdir)


@pytest.mark.parametrize("spec", [f"http://user:{KEY}@h\u2100/", f"http://user:{KEY}@[h/", f"http://u:{KEY}"])
def test_what_python_says_of_a_broken_url_is_not_repeated(rootdir, spec):
    assert KEY not in refused(rootdir, endpoint=[spec])


def test_a_key_in_the_project_file_is_refused_unseen_with_advice(rootdir):
    (rootdir / "llmeval.toml").write_text(f'[endpoints.e]\nurl = "http://h"\napi_key = "{KEY}"')
    message = refused(rootdir)
    assert message.startswith("llmeval.toml:3: endpoints.e.api_key: a key does not belong in a file")
    assert 'api_key_env = "MY_KEY"' in message
    assert KEY not in message
    (rootdir / "llmeval.toml").write_text(f'[endpoints.e]\nurl = "http://h"\napi_key = ["{KEY}"]')
    assert KEY not in refused(rootdir)


@pytest.mark.parametrize("word", ["", "NA", "EMPTY", "none"])
def test_the_words_for_no_key_are_allowed(rootdir, word):
    (rootdir / "llmeval.toml").write_text(f'[endpoints.e]\nurl = "http://h"\napi_key = "{word}"')
    assert resolved(rootdir, endpoint=["e"]).secrets == ({"e": word} if word else {})


def test_a_key_shows_in_no_repr_and_survives_the_wire(rootdir):
    found = resolved(rootdir, endpoint=["vllm-awq"])
    assert found.secrets["vllm-awq"] == KEY
    assert f"{found.secrets['vllm-awq']}" == KEY, "who sends it needs it"
    assert KEY not in repr(found) + repr(found.secrets) + repr(dict(found.secrets)) + repr([Secret(KEY)])
    plain = wire.plain(found)
    assert type(plain["secrets"]["vllm-awq"]) is str, "execnet refuses a subclass"
    assert type(plain["baselines"]) is str
    again = wire.build(plain, Settings)
    assert again == found
    assert KEY not in repr(again)


# -- the project file --------------------------------------------------------------------------------------


def test_the_project_file_is_read(rootdir):
    found = resolved(rootdir)
    assert found.rounds == 5
    assert found.policy.alpha == 0.05
    assert found.policy.compare_hardware is True
    assert found.policy.max_pause_s == 60
    assert found.policy.metrics == {"output_tps": MetricPolicy(gate=True, allowance=0.05, floor=20.0)}
    assert found.policy.of("vllm-awq", "ttft_s").allowance == 0.15
    assert found.policy.of("ollama", "ttft_s").allowance is None


KINDS = """\
[endpoints.app]
kind = "function"
call = "shop.assistant:answer"
[endpoints.flow]
kind = "http"
url = "http://localhost:8080/api/workflows/runs"
request = { input = { prompt = "{prompt}", temperature = "{temperature}" }, output_only = true }
text = "text"
[endpoints.native]
kind = "ollama"
url = "http://localhost:11434"
[endpoints.base]
url = "http://localhost:8000"
api = "completions"
"""


def test_every_kind_can_be_written(tmp_path):
    (tmp_path / "llmeval.toml").write_text(KINDS)
    found = {one.name: one for one in resolved(tmp_path, endpoint=["all"]).endpoints}
    assert found["app"] == Endpoint(
        name="app", kind="function", call="shop.assistant:answer", path=str(tmp_path)
    )
    assert found["flow"].request == {
        "input": {"prompt": "{prompt}", "temperature": "{temperature}"},
        "output_only": True,
    }
    assert (found["native"].kind, found["base"].api) == ("ollama", "completions")
    sent = wire.plain(resolved(tmp_path, endpoint=["all"]))
    assert wire.build(sent, Settings) == resolved(tmp_path, endpoint=["all"])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('kind = "http"\nurl = "http://h"', "1: endpoints.e: an endpoint of kind http needs request"),
        ('kind = "http"\nrequest = {p = "{prompt}"}', "1: endpoints.e: an endpoint of kind http needs url"),
        ('kind = "http"\nrequest = {p = "{prompt}"}\n[endpoints.e.server]\ncommand = ["x"]', "needs url"),
        ('kind = "http"\nurl = "http://h"\nrequest = "{prompt}"', "4: endpoints.e.request: expected a table"),
        ('kind = "http"\nurl = "http://h"\n[endpoints.e.request]\np = "x"', '4: endpoints.e.request: exp'),
        (f'kind = "http"\nurl = "http://h"\nrequest = {{p = "{{prompt}}", api_key = "{KEY}"}}',
         "4: endpoints.e.request: a key does not belong in a file (api_key = …)"),
        ('kind = "ollama"', "1: endpoints.e: an endpoint of kind ollama needs url"),
        ('kind = "ollama"\nurl = "http://h"\napi = "completions"', "4: endpoints.e.api: means nothing"),
        ('kind = "function"', '1: endpoints.e: an endpoint of kind function needs call\n  -> like call'),
        ('kind = "function"\ncall = "shop.answer"', "3: endpoints.e.call: expected a callable, like pack"),
        ('kind = "function"\ncall = "a:b"\nurl = "http://h"', "4: endpoints.e.url: means nothing for an"),
        ('url = "http://h"\ncall = "a:b"', "3: endpoints.e.call: means nothing for an"),
        ('url = "http://h"\napi = "responses"', '3: endpoints.e.api: expected "chat" or "completions"'),
        ('kind = "htpp"\nurl = "http://h"', '2: endpoints.e.kind: expected "openai", "ollama", "http", "fun'),
    ],
)  # fmt: skip
def test_a_kind_says_what_it_needs_and_what_means_nothing_to_it(tmp_path, table, message):
    (tmp_path / "llmeval.toml").write_text(f"[endpoints.e]\n{table}")
    said = refused(tmp_path)
    assert said.startswith("llmeval.toml:")
    assert message in said
    assert KEY not in said


def test_pyproject_holds_the_same(tmp_path):
    lines = [
        line.replace("[", "[tool.llmeval.", 1) if line.startswith("[") else line
        for line in CONFIGURED.splitlines()
    ]
    (tmp_path / "pyproject.toml").write_text("[tool.llmeval]\n" + "\n".join(lines))
    own = tmp_path / "own"
    own.mkdir()
    (own / "llmeval.toml").write_text(CONFIGURED)
    assert resolved(tmp_path, endpoint=["all"]).policy == resolved(own, endpoint=["all"]).policy
    assert resolved(tmp_path, endpoint=["all"]).endpoints == resolved(own, endpoint=["all"]).endpoints
    (tmp_path / "llmeval.toml").write_text("")
    assert "configured twice" in refused(tmp_path)


def test_a_pyproject_without_our_table_is_nobodys_business(rootdir):
    (rootdir / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert resolved(rootdir).rounds == 5


def test_a_replay_folder_of_the_project_file_lies_in_the_project(rootdir):
    (rootdir / "llmeval.toml").write_text('[endpoints.e]\nkind = "replay"\npath = "fixtures/e"')
    assert resolved(rootdir, endpoint=["e"]).endpoints[0].path == str(rootdir / "fixtures/e")


E = '[endpoints.e]\nurl = "http://h"\n'


def test_what_may_be_a_key_is_never_shown(tmp_path: Path) -> None:
    """Somebody wrote the key itself where the name of its variable belongs."""
    (tmp_path / "llmeval.toml").write_text("[endpoints.e]\nurl = 'http://h'\napi_key_env = 'sk-4711-abc'\n")
    with pytest.raises(SettingsError) as caught:
        resolve({"endpoint": ["e"]}, environ={}, rootdir=tmp_path)
    assert "llmeval.toml:3: endpoints.e.api_key_env: expected the name of an environment" in str(caught.value)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rounds = 0", "llmeval.toml:1: rounds: expected a whole number of at least 1, got 0"),
        ("\nround = 1", "llmeval.toml:2: round: no such key\n  -> did you mean rounds?"),
        ('endpoint = ["local"]', "llmeval.toml:1: endpoint: no such key"),
        ('strict = "yes"', 'strict: expected true or false, got "yes"'),
        ("timeout = inf", "timeout: expected a number above 0"),
        ("rounds = 1979-05-27", "rounds: expected a whole number of at least 1, got 1979-05-27"),
        ("rounds = ", "llmeval.toml:1: not TOML"),
        ("a = 1\na = 2", "llmeval.toml:2: not TOML"),
        ("endpoints = 5", "llmeval.toml:1: endpoints: expected a table, got 5"),
        ("[endpoints]\ne = 5", "llmeval.toml:2: endpoints.e: expected a table"),
        ("[endpoints.E]", "llmeval.toml:1: endpoints.E: an endpoint's name is a slug"),
        ("[endpoints.all]\nurl='http://h'", 'and not "all"'),
        ("[endpoints.e]\nmodel = 'm'", "llmeval.toml:1: endpoints.e: an endpoint of kind openai needs url"),
        ("[endpoints.e]\nkind = 'replay'", "kind replay needs path"),
        (E + "modle = 'm'", "llmeval.toml:3: endpoints.e.modle: no such key\n  -> did you mean model?"),
        (E + "kind = 'opnai'", 'endpoints.e.kind: expected "openai", "ollama", "http", "function", "loc'),
        (E + "concurrency = 0", "llmeval.toml:3: endpoints.e.concurrency: expected a whole number"),
        (E + "max_tokens = 0", "endpoints.e.max_tokens: expected"),
        (E + "temperature = nan", "endpoints.e.temperature: expected a number"),
        (E + "cache = 'hot'", 'expected "cold" or "warm"'),
        (E + "timeouts = {first = 0}", "llmeval.toml:3: endpoints.e.timeouts.first: expected a number"),
        (E + "timeouts = {total = 5}", "timeouts.total: no such key\n  -> known are connect, first, between"),
        ("[endpoints.e]\nkind = 'replay'\npath = 'x'\ntimeouts = {first = 1}", "timeouts: means nothing"),
        (E + "api_key_env = 'A B'", "the name of an environment variable"),
        (E + "api_key_env = ''", "llmeval.toml:3: endpoints.e.api_key_env: expected the name of"),
        (E + "kind = 'http'\nrequest = {a = '{prompt}', t = '{promt}'}", "in braces one of prompt, suffix"),
        (E + "api_key_env = 'K'\napi_key = 'NA'", "llmeval.toml:4: endpoints.e.api_key: api_key and"),
        (E + "api_key_env = 'K'\napi_key_file = 'k'", "api_key_env: api_key_env and api_key_file are both"),
        (E + "path = 'x'", "endpoints.e.path: means nothing for an endpoint of kind openai"),
        ("[endpoints.e]\nkind = 'local'\nurl = 'http://h'", "llmeval.toml:3: endpoints.e.url: means nothing"),
        ("[endpoints]\ne = {url = 'localhost:8000'}", "llmeval.toml:2: endpoints.e.url: 'localhost"),
        ('[endpoints."e.f"]\nurl = 7', "llmeval.toml:2: endpoints.e.f.url: expected a text"),
        ("[policy]\nalpha = 0", "llmeval.toml:2: policy.alpha: expected a number above 0 and at most 0.5"),
        ("[policy]\nmax_pause_s = -1", "llmeval.toml:2: policy.max_pause_s: expected a number"),
        ("[policy]\ncompare_hardware = 1", "policy.compare_hardware: expected true or false"),
        ("[policy.output_tp]", "policy.output_tp: no such key\n  -> did you mean output_tps?"),
        ("[policy]\noutput_tps = 3", "policy.output_tps: expected a table"),
        ("[policy.output_tps]\nallowance = 3", "policy.output_tps.allowance: expected a number of"),
        ("[policy.quality]\nfloor = 11", "policy.quality.floor: expected a number of at least 0"),
        ("[policy.ttft_s]\nweigth = 1", "did you mean weight?"),
        ("[policy.ttft_s]\nweigth = 1\n[policy]\nalpha = 0.1", "llmeval.toml:2: policy.ttft_s.weigth"),
        ("[policy.endpoints.e.speed]", "llmeval.toml:1: policy.endpoints.e.speed: no such key"),
        ("[policy.endpoints.E]", "policy.endpoints.E: an endpoint's name is a slug"),
        ("x = " + "[" * 3000, "llmeval.toml"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_project_file_is_told_with_file_line_and_key(tmp_path, text, message):
    (tmp_path / "llmeval.toml").write_text(text)
    assert message in refused(tmp_path)


def test_a_mistake_in_pyproject_names_its_whole_key(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n[tool.llmeval.endpoints.e]\nurl = 1\n")
    assert refused(tmp_path).startswith("pyproject.toml:4: tool.llmeval.endpoints.e.url: expected a text")
    (tmp_path / "pyproject.toml").write_text("tool.llmeval = 3")
    assert refused(tmp_path).startswith("pyproject.toml:1: tool.llmeval: expected a table, got 3")


def test_a_project_file_that_cannot_be_read(tmp_path):
    (tmp_path / "llmeval.toml").write_bytes(b"\xff")
    assert refused(tmp_path) == "llmeval.toml: is not UTF-8\n  -> save the file as UTF-8"


QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.data())
@QUICK
def test_any_small_damage_to_a_good_file_is_settings_or_a_settings_error(tmp_path, data):
    text = CONFIGURED
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 6)))
        text = text[:start] + data.draw(st.text("[]{}=,.#'\" \t\n\r\\0a1-é\x1b", max_size=3)) + text[end:]
    (tmp_path / "llmeval.toml").write_text(text, newline="")
    try:
        found = resolved(tmp_path, endpoint=["local"])
    except SettingsError as error:
        found = error
    assert isinstance(found, Settings) or "llmeval.toml" in str(found)


@given(
    st.text(max_size=40)
    | st.sampled_from(["local", "replay", "http", "a"]).flatmap(
        lambda kind: st.text(":/=@?#[]. ax1", max_size=20).map(lambda rest: kind + rest)
    )
)
@QUICK
def test_any_spec_is_an_endpoint_or_a_settings_error(text):
    configured = project.Project().endpoints
    try:
        (endpoint,) = specs.select([text], configured, cwd=Path("/here"), where="--llm-endpoint")
    except SettingsError:
        return
    assert endpoint.name
    assert all(character in "abcdefghijklmnopqrstuvwxyz0123456789._-" for character in endpoint.name)


def test_the_steps_summary_is_where_github_says(tmp_path):
    assert resolved(tmp_path).step_summary is None
    assert resolved(tmp_path, {"GITHUB_STEP_SUMMARY": "/s.md"}).step_summary == Path("/s.md")
