"""What people configure that almost fits: ``llmeval.toml`` by value, options and variables of odd text.

It is refused in words, or every endpoint can be given a client.
"""

from __future__ import annotations

import copy
import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fuzz_mutations import VALUES, alter

from pytest_llmeval import settings, wire
from pytest_llmeval.errors import EndpointError, SettingsError, UsageError
from pytest_llmeval.measure import endpoints
from pytest_llmeval.optiontable import OPTIONS

if TYPE_CHECKING:
    from random import Random

PROJECT: dict[str, Any] = {
    "rounds": 3,
    "warmup": 1,
    "timeout": 90,
    "max_cost": 1.5,
    "max_time": "1h",
    "seed": 1,
    "strict": True,
    "prompt_language": ["en", "ko"],
    "baselines": "b",
    "json": "run.json",
    "temperature": 0.5,
    "endpoints": {
        "a": {
            "kind": "openai",
            "url": "http://h:1/v1",
            "model": "m",
            "api_key_env": "KEY",
            "cache": "warm",
            "context_window": 8192,
            "max_tokens": -1,
            "concurrency": 2,
            "metrics": "http://h:1/metrics",
            "price": {"input": 0, "output": 1.5},
            "timeouts": {"connect": 3, "first": 2.5, "between": 1},
            "server": {
                "command": ["x", "{port}"],
                "env": {"A": "b"},
                "ready": "/health",
                "timeout": 9,
                "exclusive": "gpu",
                "stop_signal": "SIGINT",
                "install": "pip install x",
                "cwd": ".",
            },
        },
        "o": {"kind": "ollama", "url": "http://h:2", "context_window": 4096},
        "h": {
            "kind": "http",
            "url": "http://h/x",
            "request": {"p": "{prompt}", "n": 1},
            "text": "data.0.text",
        },
        "f": {"kind": "function", "call": "json:dumps", "path": "."},
        "r": {"kind": "replay", "path": "recorded"},
        "l": {"kind": "local", "model": "qwen2.5-coder-0.5b", "context_window": 2048},
    },
    "policy": {
        "alpha": 0.02,
        "compare_hardware": True,
        "max_pause_s": 60,
        "output_tps": {"gate": True, "allowance": 0.03, "floor": 20, "weight": 2},
        "slo": {"ttft_s": 1, "tpot_s": 0.05},
        "endpoints": {"a": {"ttft_s": {"allowance": 0.1}}},
    },
}
SPECS = (
    *("a", "all", "a,b", "x=http://h:1", "http://h:1/v1", "h:1", "localhost", "http://[::1]:8/v1", "local"),
    *("local:qwen2.5-coder-0.5b", "local:x.gguf", "replay:recorded", "replay:", "=", "x=", "=x", "x=x=x"),
    *(
        "http://u:p@h/v1",
        "http://h/v1?key=sk-12345678",
        "ftp://h",
        "//h",
        "1",
        "999999999999999999999",
        "h:99999",
    ),
)
WORDS = (
    *(spec for spec in SPECS if "sk-" not in spec),
    *(str(value) for value in VALUES),
    "2/5",
    "0/0",
    "10m",
    "1e400",
    "auto",
    "none",
    "en",
    "last",
    "~",
    "-",
)
SWITCHES = (True, False)


class Case(NamedTuple):
    """``options`` by name, as the command line gives them."""

    project: bytes
    options: dict[str, object]
    environ: dict[str, str]


def make(chance: Random) -> Case:
    """One example: mostly of the file or of what stands over it, so that not all are refused."""
    project = copy.deepcopy(PROJECT)
    if chance.random() < 0.6:
        alter(chance, project)
    options = chance.sample(OPTIONS, chance.choice((0, 0, 1, 2)))
    given = {option.name: _given(chance, option) for option in options}
    words = ([chance.choice(WORDS)], [chance.choice(SPECS)], [chance.choice(SPECS)] * 2)
    given["endpoint"] = chance.choice((["all"], ["all"], ["all"], *words))
    variables = {
        option.variable: chance.choice(WORDS) for option in chance.sample(OPTIONS, chance.choice((0, 0, 1)))
    }
    return Case(toml(project).encode("utf-8", "surrogatepass"), given, {"KEY": "sk-12345678", **variables})


def _given(chance: Random, option: Any) -> object:
    if option.flags:
        return chance.choice(SWITCHES)
    return [chance.choice(WORDS)] if option.repeatable else chance.choice(WORDS)


def toml(document: dict[str, Any]) -> str:
    """As TOML, a line for each key at the top."""
    return "".join(
        f"{_inline(key)} = {_inline(value)}\n" for key, value in document.items() if value is not None
    )


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        known = (f"{_inline(str(key))} = {_inline(item)}" for key, item in value.items() if item is not None)
        return f"{{{', '.join(known)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(item) for item in value if item is not None)}]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf"
    return json.dumps(value)


def check(case: Case) -> None:
    """It is resolved or refused in words; what was resolved can be told to another process, and asked."""
    with tempfile.TemporaryDirectory(prefix="llmeval-fuzz-") as name:
        root = Path(name)
        (root / "llmeval.toml").write_bytes(case.project)
        try:
            known = settings.resolve(case.options, environ=case.environ, rootdir=root, cwd=root)
        except SettingsError as error:
            said = str(error)
            assert "sk-12345678" not in said, said
            said.encode()
            return
        wire.plain(known)
        for endpoint in known.endpoints:
            try:
                endpoints.connect(endpoint)
            except (EndpointError, UsageError) as error:
                str(error).encode()
