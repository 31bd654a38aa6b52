"""What a run was asked to do: command line > environment > project file > default, resolved once.

The options themselves are described in ``optiontable``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs

from . import language, project, specs, values
from .errors import SettingsError
from .model import Endpoint, Parameters, Policy
from .optiontable import OPTIONS
from .secret import Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .model import Scenario


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that was asked for. ``secrets``: endpoint name -> key.

    ``over`` are the sampling parameters that the command line or the environment gave, ``under`` the project
    file's and the defaults; scenarios and endpoints have theirs between them. ``rounds_given``: by the
    command line or the environment, so that scenarios have no say. Paths are absolute. ``max_cost`` is in the
    currency of the endpoints' prices. ``sandbox``: a kind of ``score.sandbox.choice``. ``reference``: the
    name of the one of the ``endpoints`` with which the others are compared. ``resume``: the id of a run, or
    ``last``. ``shard``: like ``2/5``. ``step_summary``: GitHub's file for it.
    """

    endpoints: tuple[Endpoint, ...] = ()
    secrets: dict[str, Secret] = field(default_factory=dict)
    suites: tuple[str, ...] = ()
    rounds: int = 3
    rounds_given: bool = False
    warmup: int = 1
    prompt_languages: tuple[str, ...] = ()
    reference: str | None = None
    update_baselines: bool = False
    baselines: Path = Path("baselines")
    json: Path | None = None
    markdown: Path | None = None
    html: Path | None = None
    step_summary: Path | None = None
    report_language: str = language.LANGUAGES[0]
    strict: bool = False
    confirm: int = 3
    fail_inconclusive: bool = False
    timeout_s: float = 120.0
    over: Parameters = Parameters()
    under: Parameters = Parameters(temperature=0.0, seed=0, max_tokens=1024)
    record: Path | None = None
    resume: str | None = None
    shard: str | None = None
    answers: bool = True
    max_cost: float | None = None
    max_time_s: float | None = None
    install: bool = False
    sandbox: str = "auto"
    policy: Policy = Policy()

    @property
    def candidates(self) -> tuple[Endpoint, ...]:
        """The endpoints that are judged: all but the reference."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.name != self.reference)

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of that name."""
        return next(endpoint for endpoint in self.endpoints if endpoint.name == name)


def resolve(
    options: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    rootdir: Path,
    cwd: Path | None = None,
    kinds: Collection[str] = (),
) -> Settings:
    """The run's settings. ``options`` are the command line's by option name, None where not given.

    Paths of the command line and the environment are relative to ``cwd`` (default: the process's), those of
    the project file to ``rootdir``. ``kinds`` are endpoint kinds that extensions have registered.
    Raises ``SettingsError``, which names the option, variable or key at fault.
    """
    here = cwd or Path.cwd()
    file = project.read(rootdir, {option.name: option.kind for option in OPTIONS if option.in_file}, kinds)
    given, places = _given(options, environ)
    endpoints, reference = _endpoints(given, places, file, here)
    if reference is not None and given.get("update_baselines"):
        raise SettingsError(
            "endpoints that were asked in turn with a reference are no session of a baseline",
            where=places["update_baselines"],
            hint=f"update in a run of its own, without {places['reference']}",
        )
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
        rounds_given="rounds" in given,
        warmup=chosen.get("warmup", default.warmup),
        prompt_languages=chosen.get("prompt_language", ()),
        reference=reference,
        update_baselines=chosen.get("update_baselines", False),
        baselines=path("baselines") or rootdir / default.baselines,
        json=path("json"),
        markdown=path("markdown"),
        html=path("html"),
        step_summary=Path(summary) if (summary := environ.get("GITHUB_STEP_SUMMARY", "").strip()) else None,
        report_language=chosen.get("report_language", default.report_language),
        strict=chosen.get("strict", _in_ci(environ)),
        confirm=chosen.get("confirm", max(default.confirm, chosen.get("rounds", default.rounds))),
        fail_inconclusive=chosen.get("fail_inconclusive", default.fail_inconclusive),
        timeout_s=chosen.get("timeout", default.timeout_s),
        over=Parameters(**{one.name: given.get(one.name) for one in sampling}),
        under=Parameters(
            **{one.name: file.options.get(one.name, getattr(default.under, one.name)) for one in sampling}
        ),
        record=path("record"),
        resume=chosen.get("resume"),
        shard=chosen.get("shard"),
        answers=chosen.get("answers", default.answers),
        max_cost=chosen.get("max_cost"),
        max_time_s=chosen.get("max_time"),
        install=chosen.get("install", default.install),
        sandbox=chosen.get("sandbox", default.sandbox),
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


def rounds(settings: Settings, scenario: Scenario) -> int:
    """Samples of a cell: command line or environment, scenario, project file, default."""
    return settings.rounds if settings.rounds_given else scenario.rounds or settings.rounds


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
) -> tuple[tuple[Endpoint, ...], str | None]:
    """Every endpoint of the run, and the name of the one that is the reference."""
    chosen = specs.select(
        given.get("endpoint", ()), file.endpoints, cwd=cwd, where=places.get("endpoint", "--llm-endpoint")
    )
    if model := given.get("model"):
        chosen = tuple(structs.replace(endpoint, model=model) for endpoint in chosen)
    if "reference" not in given:
        return chosen, None
    reference = specs.reference(
        given["reference"], chosen, file.endpoints, cwd=cwd, where=places["reference"]
    )
    if model and reference.model is None:
        reference = structs.replace(reference, model=model)
    others = tuple(endpoint for endpoint in chosen if endpoint.name != reference.name)
    return (*others, reference), reference.name


def _in_ci(environ: Mapping[str, str]) -> bool:
    return environ.get("CI", "").strip().lower() not in ("", "0", "false", "no")
