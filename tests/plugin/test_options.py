"""Options on pytest's command line: each of the table, what was given, and what limits a run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_llmeval import shipped
from pytest_llmeval.model import Endpoint
from pytest_llmeval.optiontable import OPTIONS
from pytest_llmeval.plugin import options
from pytest_llmeval.plugin.view import View
from pytest_llmeval.settings import Settings

SOURCE = pytest.Config.ArgsSource


def parsed(*arguments: str) -> Any:
    """What is read of a ``Config``, after pytest's own parser with this plugin's options."""
    parser = pytest.Parser(_ispytest=True)
    options.add(parser)
    return SimpleNamespace(option=parser.parse(list(arguments)))


def test_every_option_is_there_and_not_given(pytester: pytest.Pytester) -> None:
    assert options.values(pytester.parseconfig("-pno:cacheprovider")) == options.values(parsed())
    given = options.values(parsed())
    assert list(given) == [option.name for option in OPTIONS]
    assert set(given.values()) == {None}, "a default here would beat environment and project file"


def test_what_is_given_comes_by_its_name() -> None:
    config = parsed("--llm-endpoint=a=http://x", "--llm-endpoint=local", "--llm-rounds=5", "--no-llm-strict")
    given = {name: value for name, value in options.values(config).items() if value is not None}
    assert given == {"endpoint": ["a=http://x", "local"], "rounds": "5", "strict": False}
    assert options.values(parsed("--llm-strict"))["strict"] is True
    assert options.values(parsed("--llm-no-answers"))["answers"] is False
    assert options.given_endpoints(config) == ["--llm-endpoint=a=http://x", "--llm-endpoint=local"]
    assert options.given_endpoints(parsed()) == []


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_any_option_or_variable_wakes_the_plugin(option: Any) -> None:
    assert not options.any_given(parsed(), {})
    assert options.any_given(parsed(), {option.variable: "x"})
    assert not options.any_given(parsed(), {option.variable: " "})
    arguments = [flag for flag, _ in option.flags] or [f"{option.option}=1"]
    for argument in arguments:
        assert options.any_given(parsed(argument), {}), argument


def test_help_has_every_option_with_its_default(pytester: pytest.Pytester) -> None:
    text = " ".join(pytester.runpytest_inprocess("--help").stdout.str().split())
    for option in OPTIONS:
        value = f"[{option.metavar}]" if option.alone else option.metavar
        written = option.option if option.flags else f"{option.option}={value}"
        assert written in text
        assert option.default in text
    assert "%%" not in text


# -- suites ------------------------------------------------------------------------------------------------


def test_a_suite_that_is_not_shipped_is_wrong_usage() -> None:
    options.check_suites(Settings(suites=tuple(shipped.names())))
    with pytest.raises(pytest.UsageError, match="there is no shipped suite 'smok'"):
        options.check_suites(Settings(suites=("smok",)))


@pytest.mark.parametrize(
    ("source", "suites", "left"),
    [
        (SOURCE.INVOCATION_DIR, ("smoke",), []),
        (SOURCE.TESTPATHS, ("smoke",), []),
        (SOURCE.ARGS, ("smoke",), ["tests"]),
        (SOURCE.TESTPATHS, (), ["tests"]),
    ],
)
def test_a_suite_runs_alone_unless_paths_are_named(source: Any, suites: Any, left: list[str]) -> None:
    config: Any = SimpleNamespace(args_source=source, args=["tests"])
    options.only_suites(config, Settings(suites=suites, endpoints=(Endpoint(name="box"),)))
    assert config.args == left


# -- what limits a run -------------------------------------------------------------------------------------


def limited(root: Path, *args: str, source: Any = SOURCE.ARGS, folder: str = ".", **known: Any) -> Any:
    params = SimpleNamespace(dir=root / folder)
    option = SimpleNamespace(**known)
    return SimpleNamespace(
        args=list(args), args_source=source, rootpath=root, invocation_params=params, option=option
    )


def test_a_run_is_of_everything_where_nothing_limits_it(tmp_path: Path) -> None:
    everything = options.everything
    assert everything(limited(tmp_path, source=SOURCE.INVOCATION_DIR))
    assert everything(limited(tmp_path, source=SOURCE.TESTPATHS, folder="sub", lf=False))
    assert not everything(limited(tmp_path, "tests"))
    assert not everything(limited(tmp_path, source=SOURCE.INVOCATION_DIR, folder="sub"))
    assert not everything(limited(tmp_path, source=SOURCE.TESTPATHS, lf=True))


def test_a_node_id_names_a_part_of_its_module(tmp_path: Path) -> None:
    view = View(tmp_path)
    args = ("tests/a.py::test_x", "tests/b.py", "c.py::T::test_y[1::2]")
    assert options.narrowed(limited(tmp_path, *args), view) == {"tests/a.py", "c.py"}
    assert options.narrowed(limited(tmp_path, "a.py::test_x", folder="tests"), view) == {"tests/a.py"}
    absolute = f"{tmp_path}/tests/a.py::test_x"
    assert options.narrowed(limited(tmp_path, absolute), view) == {"tests/a.py"}


def test_last_failed_names_a_part_of_every_module(tmp_path: Path) -> None:
    view = View(tmp_path)
    view.functions |= {("a.py", "test_x"), ("a.py", "test_y"), ("b.py", "test_z")}
    assert options.narrowed(limited(tmp_path, lf=True), view) == {"a.py", "b.py"}
    assert options.narrowed(limited(tmp_path, lf=False), view) == set()


# -- the command -------------------------------------------------------------------------------------------


def test_pytest_without_our_options_says_nothing_of_us(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_x(): pass")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    assert "llmeval:" not in result.stdout.str()
    assert not (pytester.path / ".llmeval").exists()


def test_the_console_script_is_installed() -> None:
    script = shutil.which("llmeval", path=Path(sys.executable).parent)
    assert script, "the entry point of the installed package"
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("llmeval ")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LLMEVAL_ENDPONT", "LLMEVAL_ENDPOINT"),
        ("LLMEVAL_ROUND", "LLMEVAL_ROUNDS"),
        ("LLMEVAL_MAXTOKENS", "LLMEVAL_MAX_TOKENS"),
        ("LLMEVAL_CACHEDIR", "LLMEVAL_CACHE_DIR"),
        ("LLMEVAL_ROUNDS", None),
        ("LLMEVAL_API_KEY", None),
        ("LLMEVAL_API_KEY_OF_STAGING", None),
        ("LLMEVAL_BOX_API_KEY", None),
        ("LLMEVAL_OURS", None),
        ("ENDPOINT", None),
    ],
)
def test_a_variable_that_is_almost_ours_is_named(name: str, meant: str | None) -> None:
    said = f"llmeval: {name} is set and read by nobody; did you mean {meant}?"
    assert list(options.misspelt({name: "1"})) == ([said] if meant else [])
    assert list(options.misspelt({name: " "})) == [], "an empty one counts as not set"


def test_the_header_names_it_where_nothing_else_is_asked(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMEVAL_ENDPONT", "http://x")
    shown = pytester.runpytest_subprocess("-pno:cacheprovider").stdout.str()
    assert "llmeval: LLMEVAL_ENDPONT is set and read by nobody; did you mean LLMEVAL_ENDPOINT?" in shown
