"""The project file, ``llmeval.toml`` or ``[tool.llmeval]`` of ``pyproject.toml``, read and checked."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import servertable, template, tomllines, urls, values
from .errors import SettingsError
from .model import METRICS, SCORES, SLO, Endpoint, ManagedServer, MetricPolicy, Policy, Price, Timeouts
from .servertable import NO_KEYS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .values import Kind

FILE = "llmeval.toml"
KINDS = ("openai", "ollama", "http", "function", "local", "replay")
_VARIABLE = values.text_kind("the name of an environment variable", re.compile("[A-Za-z_][A-Za-z0-9_]*"))
ENDPOINT_KEYS: dict[str, Kind] = {
    "kind": values.choice_kind(*KINDS),
    "url": values.TEXT,
    "model": values.TEXT,
    "path": values.PATH,
    "api_key": values.choice_kind(*NO_KEYS),
    "api_key_env": _VARIABLE,
    "api_key_file": values.PATH,
    "context_window": values.whole_kind(1),
    "max_tokens": values.MAX_TOKENS,
    "temperature": values.TEMPERATURE,
    "seed": values.SEED,
    "concurrency": values.whole_kind(1),
    "cache": values.choice_kind("cold", "warm"),
    "metrics": values.TEXT,
    "gpu_metrics": values.TEXT,
    "api": values.choice_kind("chat", "completions"),
    "request": template.KIND,
    "text": values.TEXT,
    "call": values.text_kind("a callable, like package.module:name", re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")),
}
TABLES = ("price", "server", "timeouts")
_URLS = ("url", "metrics", "gpu_metrics")
_NEEDED = {
    "openai": ("url",),
    "ollama": ("url",),
    "http": ("url", "request"),
    "function": ("call",),
    "replay": ("path",),
}
_EXAMPLES = {
    "url": f'like url = "{urls.EXAMPLE}"',
    "request": 'like request = { input = { prompt = "{prompt}" } }',
    "call": 'like call = "package.module:name"',
    "path": "the folder that --llm-record=FOLDER wrote",
}
_SERVICE = ("request", "text")
_KEYS = ("api_key", "api_key_env", "api_key_file")
_ONLY_OVER_HTTP = ("api", "metrics", "gpu_metrics", "timeouts")
_MEANINGLESS = {
    "openai": ("path", "call", *_SERVICE),
    "ollama": ("path", "call", "api", *_SERVICE),
    "http": ("path", "call", "api"),
    "function": ("url", *_KEYS, "server", *_ONLY_OVER_HTTP, *_SERVICE),
    "local": ("url", "server", "call", *_SERVICE),
    "replay": ("url", "server", "call", *_ONLY_OVER_HTTP, *_SERVICE),
}
POLICY_KEYS: dict[str, Kind] = {
    "alpha": values.number_kind(0, 0.5, above=True),
    "compare_hardware": values.SWITCH,
    "max_pause_s": values.number_kind(0),
}
_SHARE = values.number_kind(0, 1)
_SCORE = values.number_kind(0, 10)
PRICE_KEYS = {"input": values.number_kind(0), "output": values.number_kind(0)}
TIMEOUTS_KEYS = {name: values.number_kind(0, above=True) for name in ("connect", "first", "between")}
SLO_KEYS = {"ttft_s": values.number_kind(0, above=True), "tpot_s": values.number_kind(0, above=True)}


def metric_keys(metric: str) -> dict[str, Kind]:
    """What a policy may say of a metric."""
    is_score = metric in SCORES
    return {
        "gate": values.SWITCH,
        "allowance": _SCORE if is_score else _SHARE,
        "floor": _SCORE if is_score else values.number_kind(0, above=True),
        "weight": values.number_kind(0, above=True),
    }


@dataclass(frozen=True)
class Project:
    """What the project file says; empty where there is none. ``options`` are values by option name."""

    options: dict[str, Any] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)


def read(rootdir: Path, option_kinds: Mapping[str, Kind], endpoint_kinds: Collection[str] = ()) -> Project:
    """The project file of ``rootdir``. Raises ``SettingsError`` with file, line and dotted key.

    ``endpoint_kinds`` are the kinds that extensions have registered, beside our own.
    """
    own, shared = rootdir / FILE, rootdir / "pyproject.toml"
    table = _toml(shared).get("tool", {}).get("llmeval") if shared.is_file() else None
    if own.is_file():
        if table is not None:
            raise SettingsError(
                "the project is configured twice",
                where=f"{FILE} and [tool.llmeval] of {shared.name}",
                hint="move everything into one of them",
            )
        return _File(own, (), endpoint_kinds).project(_toml(own), option_kinds)
    if table is not None:
        return _File(shared, ("tool", "llmeval"), endpoint_kinds).project(table, option_kinds)
    return Project()


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig") + "\n")  # "at end of document" is no line
    except OSError as error:
        raise SettingsError(f"can't be read: {error.strerror or error}", where=path.name) from error
    except UnicodeDecodeError:
        raise SettingsError("is not UTF-8", where=path.name, hint="save the file as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        line = re.search(r"at line (\d+)", str(error))
        where = f"{path.name}:{line[1]}" if line else path.name
        raise SettingsError(f"not TOML: {str(error) or type(error).__name__}", where=where) from None


class _File:
    """One file's table on its way to a ``Project``. Keys are paths of names below the file's own table."""

    def __init__(self, path: Path, prefix: tuple[str, ...], endpoint_kinds: Collection[str] = ()) -> None:
        self.path = path
        self.prefix = prefix
        self.endpoint_keys = {**ENDPOINT_KEYS, "kind": values.choice_kind(*KINDS, *endpoint_kinds)}

    def project(self, table: Any, option_kinds: Mapping[str, Kind]) -> Project:
        entries = self.table(table, (), [*option_kinds, "endpoints", "policy"])
        endpoints = self.table(entries.pop("endpoints", {}), ("endpoints",))
        policy = self.table(
            entries.pop("policy", {}),
            ("policy",),
            [*POLICY_KEYS, "slo", "endpoints", *METRICS],
        )
        return Project(
            options={name: self.value(value, (name,), option_kinds[name]) for name, value in entries.items()},
            endpoints={name: self._endpoint(name, value) for name, value in endpoints.items()},
            policy=self._policy(policy),
        )

    def _endpoint(self, name: str, value: Any) -> Endpoint:
        where = ("endpoints", name)
        if name == "all" or not values.SLUG_PATTERN.fullmatch(name):
            self.fail(where, f'an endpoint\'s name is {values.SLUG.expected}, and not "all"')
        entries = self.table(value, where, (*self.endpoint_keys, *TABLES))
        self._check_keys(where, entries)
        tables = {key: entries.pop(key) for key in TABLES if key in entries}
        checked = {
            key: self.value(entry, (*where, key), self.endpoint_keys[key]) for key, entry in entries.items()
        }
        kind = checked.get("kind", "openai")
        self._check_kind(where, kind, {*checked, *tables})
        first, *others = [key for key in _KEYS if key in checked] or [""]
        if others:
            self.fail((*where, first), f"{first} and {others[0]} are both set", "keep one of them")
        if "api_key_file" in checked:
            checked["api_key_file"] = str(self.path.parent / Path(checked["api_key_file"]).expanduser())
        for key in _URLS:
            if key in checked and (wrong := urls.mistake(checked[key])):
                self.fail((*where, key), *wrong)
        if "path" in checked or kind == "function":
            checked["path"] = str(self.path.parent / checked.get("path", ""))
        if "price" in tables:
            checked["price"] = self._price(tables["price"], (*where, "price"))
        if "server" in tables:
            checked["server"] = self._server(tables["server"], (*where, "server"), checked.get("url"))
        if "timeouts" in tables:
            limits = self.values(tables["timeouts"], (*where, "timeouts"), TIMEOUTS_KEYS)
            checked["timeouts"] = Timeouts(**{f"{key}_s": limit for key, limit in limits.items()})
        return Endpoint(name=name, **checked)

    def _check_keys(self, where: tuple[str, ...], entries: dict[str, Any]) -> None:
        """No secret is written out; what is refused is not shown."""
        if entries.get("api_key", "") not in NO_KEYS:
            hint = 'put the key into an environment variable and name it: api_key_env = "MY_KEY"'
            self.fail((*where, "api_key"), "a key does not belong in a file", hint)
        try:
            _VARIABLE.accept(entries.get("api_key_env", "UNSAID"))
        except values.UnexpectedError:
            hint = "it is not shown here, in case it is the key itself"
            self.fail((*where, "api_key_env"), f"expected {_VARIABLE.expected}, like MY_KEY", hint)
        if name := template.secret(entries.get("request")):
            hint = 'api_key_env = "MY_KEY" sends that environment variable as a bearer token'
            self.fail((*where, "request"), f"a key does not belong in a file ({name} = …)", hint)

    def _check_kind(self, where: tuple[str, ...], kind: str, said: Collection[str]) -> None:
        """Nothing that the kind needs is missing, and nothing is said that means nothing to it."""
        for key in _MEANINGLESS.get(kind, ()):
            if key in said:
                self.fail((*where, key), f"means nothing for an endpoint of kind {kind}", "remove it")
        for key in _NEEDED.get(kind, ()):
            if key not in said and not (key == "url" and "server" in said and kind != "http"):
                self.fail(where, f"an endpoint of kind {kind} needs {key}", _EXAMPLES[key])

    def _price(self, value: Any, where: tuple[str, ...]) -> Price:
        checked = self.values(value, where, PRICE_KEYS)
        for key in PRICE_KEYS:
            if key not in checked:
                self.fail(
                    where, f"{key} is missing", "price = {input = 0.5, output = 1.5} is per million tokens"
                )
        return Price(**checked)

    def _server(self, value: Any, where: tuple[str, ...], url: str | None) -> ManagedServer:
        checked = self.values(value, where, servertable.KEYS)
        if "command" not in checked:
            self.fail(where, "command is missing", f"expected {servertable.KEYS['command'].expected}")
        checked["cwd"] = str(self.path.parent / checked.get("cwd", ""))
        server = servertable.build(checked)
        if wrong := servertable.mistake(server, url):
            key, what, hint = wrong
            self.fail((*where, key), what, hint)
        return server

    def _policy(self, table: dict[str, Any]) -> Policy:
        endpoints = self.table(table.pop("endpoints", {}), ("policy", "endpoints"))
        own = {key: table.pop(key) for key in POLICY_KEYS if key in table}
        return Policy(
            **self.values(own, ("policy",), POLICY_KEYS),
            slo=SLO(**self.values(table.pop("slo", {}), ("policy", "slo"), SLO_KEYS)),
            metrics={name: self._metric(name, entry, ("policy", name)) for name, entry in table.items()},
            endpoints={name: self._own_policy(name, entry) for name, entry in endpoints.items()},
        )

    def _own_policy(self, endpoint: str, value: Any) -> dict[str, MetricPolicy]:
        where = ("policy", "endpoints", endpoint)
        if not values.SLUG_PATTERN.fullmatch(endpoint):
            self.fail(where, f"an endpoint's name is {values.SLUG.expected}")
        table = self.table(value, where, METRICS)
        return {name: self._metric(name, entry, (*where, name)) for name, entry in table.items()}

    def _metric(self, name: str, value: Any, where: tuple[str, ...]) -> MetricPolicy:
        return MetricPolicy(**self.values(value, where, metric_keys(name)))

    # -- the forms of TOML ---------------------------------------------------------------------------------

    def table(self, value: Any, where: tuple[str, ...], known: Any = None) -> dict[str, Any]:
        """A copy of the table, its keys all ``known``, or any where that is None."""
        if not isinstance(value, dict):
            self.fail(where, str(values.UnexpectedError("a table", value)))
        for key in value:
            if known is not None and key not in known:
                self.fail((*where, key), "no such key", values.did_you_mean(key, known))
        return dict(value)

    def values(self, value: Any, where: tuple[str, ...], kinds: Mapping[str, Kind]) -> dict[str, Any]:
        """The table's entries, each of its kind."""
        table = self.table(value, where, kinds)
        return {key: self.value(entry, (*where, key), kinds[key]) for key, entry in table.items()}

    def value(self, value: Any, where: tuple[str, ...], kind: Kind) -> Any:
        try:
            return kind.accept(value)
        except values.UnexpectedError as wrong:
            self.fail(where, str(wrong))

    def fail(self, key: tuple[str, ...], what: str, hint: str | None = None) -> NoReturn:
        path = (*self.prefix, *key)
        line = tomllines.nearest(self.path.read_text(encoding="utf-8-sig"), path)
        where = f"{self.path.name}:{line}" if line else self.path.name
        raise SettingsError(f"{'.'.join(path)}: {what}", where=where, hint=hint) from None


def policy_place(rootdir: Path, endpoint: str, metric: str) -> tuple[Path, int] | None:
    """File and line (1-based) that say what may be lost of a metric; None where the project says nothing.

    The endpoint's own table, else the metric's, else the whole policy's.
    """
    tables = (("endpoints", endpoint, metric), (metric,), ())
    for path, prefix in ((rootdir / FILE, ()), (rootdir / "pyproject.toml", ("tool", "llmeval"))):
        text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
        for table in tables:
            if (line := tomllines.exactly(text, (*prefix, "policy", *table))) is not None:
                return path, line
    return None
