"""What a run was asked to do: command line > environment > project file > default, resolved once.

``OPTIONS`` describes every option: the command line, the environment, the project file and the documentation
come from it. An option ``x_y`` is ``--llm-x-y=`` on the command line, ``LLMEVAL_X_Y`` in the environment, and
``x_y`` in the project file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs

from . import project, specs, values
from .errors import SettingsError
from .model import Endpoint, Parameters, Policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Scenario
    from .values import Kind


@dataclass(frozen=True)
class Option:
    """One option. ``flags`` are the switches of a yes-or-no option, with what each one means.

    ``default`` is a text for people; the value is in ``Settings``. ``in_file``: the project file may hold it.
    """

    name: str
    kind: Kind
    help: str
    metavar: str = ""
    default: str = ""
    repeatable: bool = False
    in_file: bool = True
    flags: tuple[tuple[str, bool], ...] = ()

    @property
    def option(self) -> str:
        """As it is written on the command line."""
        return self.flags[0][0] if self.flags else f"--llm-{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Its environment variable: of a switch, the variable of its first flag."""
        return "LLMEVAL_" + self.option.removeprefix("--llm-").replace("-", "_").upper()

    def from_environment(self, text: str) -> Any:
        """The value that the variable's text means. Raises ``values.UnexpectedError``."""
        value = self.kind.read(text)
        return value if not self.flags or self.flags[0][1] else not value


OPTIONS = (
    Option(
        "endpoint",
        values.list_kind(values.TEXT, split=False),
        "what to ask: a name of the project file, a URL, local, local:MODEL, replay:FOLDER, or all",
        metavar="[NAME=]SPEC",
        repeatable=True,
        in_file=False,
    ),
    Option(
        "model",
        values.TEXT,
        "the model to ask for",
        "NAME",
        "the only one that the server offers",
        in_file=False,
    ),
    Option(
        "suite",
        values.list_kind(values.SLUG),
        "a shipped suite to run",
        metavar="NAME",
        default="smoke, where an endpoint has nothing of the project's own to run",
        repeatable=True,
        in_file=False,
    ),
    Option("rounds", values.whole_kind(1), "requests per cell", "N", "3"),
    Option(
        "warmup", values.whole_kind(0), "requests before the first cell of an endpoint, thrown away", "N", "1"
    ),
    Option(
        "prompt_language",
        values.list_kind(values.LANGUAGE),
        "a prompt language to run, like ko",
        metavar="CODE",
        default="every one that a scenario has",
        repeatable=True,
    ),
    Option(
        "update_baselines",
        values.SWITCH,
        "append this run to the baselines, unless it is red",
        default="no",
        in_file=False,
        flags=(("--llm-update-baselines", True),),
    ),
    Option("baselines", values.PATH, "the folder of the baselines", "DIR", "baselines in the root folder"),
    Option("json", values.PATH, "write the run file here too", "PATH"),
    Option(
        "strict",
        values.SWITCH,
        "fail for what could not be checked: no endpoint, stale cells, cells cut off by a time limit",
        default="on when CI is set",
        flags=(("--llm-strict", True), ("--no-llm-strict", False)),
    ),
    Option(
        "timeout", values.number_kind(0, above=True), "seconds that one request may take", "SECONDS", "120"
    ),
    Option(
        "temperature", values.TEMPERATURE, "sampling temperature, over every scenario's own", "NUMBER", "0"
    ),
    Option("max_tokens", values.MAX_TOKENS, "tokens an answer may have; -1: as much as fits", "N", "1024"),
    Option("seed", values.SEED, "sampling seed", "N", "0"),
    Option("record", values.PATH, "record every stream here, for replay:FOLDER", "FOLDER", in_file=False),
    Option(
        "answers",
        values.SWITCH,
        "keep no answers beside the run file",
        default="answers are kept",
        flags=(("--llm-no-answers", False),),
    ),
)


class Secret(str):
    """A key. It is a plain text to whoever sends it, and nothing to whoever prints a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that was asked for. ``secrets``: endpoint name -> key.

    ``over`` are the sampling parameters that the command line or the environment gave, ``under`` the project
    file's and the defaults; scenarios and endpoints have theirs between them. Paths are absolute.
    """

    endpoints: tuple[Endpoint, ...] = ()
    secrets: dict[str, Secret] = field(default_factory=dict)
    suites: tuple[str, ...] = ()
    rounds: int = 3
    warmup: int = 1
    prompt_languages: tuple[str, ...] = ()
    update_baselines: bool = False
    baselines: Path = Path("baselines")
    json: Path | None = None
    strict: bool = False
    timeout_s: float = 120.0
    over: Parameters = Parameters()
    under: Parameters = Parameters(temperature=0.0, seed=0, max_tokens=1024)
    record: Path | None = None
    answers: bool = True
    policy: Policy = Policy()


def resolve(
    options: Mapping[str, object], *, environ: Mapping[str, str], rootdir: Path, cwd: Path | None = None
) -> Settings:
    """The run's settings. ``options`` are the command line's by option name, None where not given.

    Paths of the command line and the environment are relative to ``cwd`` (default: the process's), those of
    the project file to ``rootdir``. Raises ``SettingsError``, which names option, variable or key at fault.
    """
    here = cwd or Path.cwd()
    file = project.read(rootdir, {option.name: option.kind for option in OPTIONS if option.in_file})
    given, places = _given(options, environ)
    endpoints = _endpoints(given, places, file, here)
    keys = {endpoint.name: specs.key_of(endpoint, environ) for endpoint in endpoints}
    chosen = {**file.options, **given}
    sampling = structs.fields(Parameters)

    def path(name: str) -> Path | None:
        if name not in chosen:
            return None
        return (here if name in given else rootdir) / Path(chosen[name]).expanduser()

    default = Settings()
    return Settings(
        endpoints=endpoints,
        secrets={name: Secret(key) for name, key in keys.items() if key},
        suites=chosen.get("suite", ()),
        rounds=chosen.get("rounds", default.rounds),
        warmup=chosen.get("warmup", default.warmup),
        prompt_languages=chosen.get("prompt_language", ()),
        update_baselines=chosen.get("update_baselines", False),
        baselines=path("baselines") or rootdir / default.baselines,
        json=path("json"),
        strict=chosen.get("strict", _in_ci(environ)),
        timeout_s=chosen.get("timeout", default.timeout_s),
        over=Parameters(**{one.name: given.get(one.name) for one in sampling}),
        under=Parameters(
            **{one.name: file.options.get(one.name, getattr(default.under, one.name)) for one in sampling}
        ),
        record=path("record"),
        answers=chosen.get("answers", default.answers),
        policy=file.policy,
    )


def sampling(settings: Settings, scenario: Scenario, endpoint: Endpoint) -> Parameters:
    """What to ask of the sampler: command line or environment, scenario, endpoint, project file, default."""
    sources = (settings.over, scenario.parameters, endpoint, settings.under)
    chosen = {}
    for one in structs.fields(Parameters):
        written = (getattr(source, one.name) for source in sources)
        chosen[one.name] = next(value for value in written if value is not None)
    return Parameters(**chosen)


def _given(
    options: Mapping[str, object], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Command line over environment, checked, and where each stood. An empty variable counts as not set."""
    found: dict[str, Any] = {}
    places: dict[str, str] = {}
    for option in OPTIONS:
        value, text = options.get(option.name), environ.get(option.variable, "").strip()
        place = option.option if value is not None else option.variable
        try:
            if isinstance(value, str):
                found[option.name] = option.kind.read(value)
            elif value is not None:
                found[option.name] = option.kind.accept(value)
            elif text:
                found[option.name] = option.from_environment(text)
        except values.UnexpectedError as wrong:
            raise SettingsError(str(wrong), where=place) from None
        places[option.name] = place
    return found, places


def _endpoints(
    given: dict[str, Any], places: dict[str, str], file: project.Project, cwd: Path
) -> tuple[Endpoint, ...]:
    chosen = specs.select(
        given.get("endpoint", ()), file.endpoints, cwd=cwd, where=places.get("endpoint", "--llm-endpoint")
    )
    if "model" not in given:
        return chosen
    return tuple(structs.replace(endpoint, model=given["model"]) for endpoint in chosen)


def _in_ci(environ: Mapping[str, str]) -> bool:
    return environ.get("CI", "").strip().lower() not in ("", "0", "false", "no")
