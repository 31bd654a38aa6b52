"""Every option, once: command line, environment, project file and documentation come from here.

An option ``x_y`` is ``--llm-x-y=`` on the command line, ``LLMEVAL_X_Y`` in the environment, ``x_y`` in the
project file. Read by every pytest run, so it imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import language, values

if TYPE_CHECKING:
    from .values import Kind


@dataclass(frozen=True)
class Option:
    """One option. ``flags`` are the switches of a yes-or-no option, with what each one means.

    ``default`` is a text for people; the value is in ``Settings``. ``in_file``: the project file may hold it.
    ``alone``: what the option means on the command line without a value; empty where it needs one.
    """

    name: str
    kind: Kind
    help: str
    metavar: str = ""
    default: str = ""
    repeatable: bool = False
    in_file: bool = True
    alone: str = ""
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
    Option(
        "reference",
        values.TEXT,
        "an endpoint to ask in turn with the others, which are compared with it instead of their baselines",
        "[NAME=]SPEC",
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
        "markdown",
        values.PATH,
        "write the run as Markdown that fits into a comment on GitHub",
        "PATH",
        "appended to `$GITHUB_STEP_SUMMARY` where that is set",
    ),
    Option(
        "report_language",
        values.choice_kind(*language.LANGUAGES),
        f"the language in which the run is told: {' or '.join(language.LANGUAGES)}",
        "CODE",
        "en, whatever the machine's own language is",
    ),
    Option(
        "html",
        values.PATH,
        "write the run as one HTML file with plots, answers and scores; needs the extra `report`",
        "PATH",
    ),
    Option(
        "strict",
        values.SWITCH,
        "fail for what could not be checked: no endpoint, no sandbox, stale cells, cells cut off in time",
        default="on when CI is set",
        flags=(("--llm-strict", True), ("--no-llm-strict", False)),
    ),
    Option(
        "confirm",
        values.whole_kind(0),
        "rounds that suspected cells are measured once more before anything is red; 0: not at all",
        "N",
        "as many as rounds, at least 3",
    ),
    Option(
        "fail_inconclusive",
        values.SWITCH,
        "fail for what the gate can't tell: too little history, a client that could not keep up",
        default="it is shown",
        flags=(("--llm-fail-inconclusive", True),),
    ),
    Option(
        "timeout", values.number_kind(0, above=True), "seconds that one request may take", "SECONDS", "120"
    ),
    Option(
        "temperature", values.TEMPERATURE, "sampling temperature, over every scenario's own", "NUMBER", "0"
    ),
    Option("max_tokens", values.MAX_TOKENS, "tokens an answer may have; -1: as much as fits", "N", "1024"),
    Option("seed", values.SEED, "sampling seed", "N", "0"),
    Option(
        "max_cost",
        values.number_kind(0),
        "what the run may cost by the endpoints' prices; cells that could pass it are skipped",
        "AMOUNT",
        "no ceiling",
    ),
    Option(
        "max_time",
        values.duration_kind(),
        "how long the run may take, like 10m; every endpoint and category comes first once, what is cut off "
        "is named",
        "TIME",
        "no limit",
    ),
    Option(
        "install",
        values.SWITCH,
        "run the install command of a server whose own command is not there",
        default="it is only shown",
        in_file=False,
        flags=(("--llm-install", True),),
    ),
    Option(
        "sandbox",
        values.choice_kind("auto", "landlock", "bubblewrap", "none"),
        "what answers are executed in; none: without protection, as you",
        "KIND",
        "auto: the first of landlock and bubblewrap that works here; else they are not executed",
        in_file=False,
    ),
    Option(
        "shard",
        values.shard_kind(),
        "run only this part of the cells, the second of five; llmeval merge puts the parts together",
        "2/5",
        "all of them",
        in_file=False,
    ),
    Option(
        "resume",
        values.TEXT,
        "take up a run that broke off (alone, behind the paths: the last one) and run only what it misses",
        "RUN",
        in_file=False,
        alone="last",
    ),
    Option("record", values.PATH, "record every stream here, for replay:FOLDER", "FOLDER", in_file=False),
    Option(
        "answers",
        values.SWITCH,
        "keep no answers beside the run file",
        default="answers are kept",
        flags=(("--llm-no-answers", False),),
    ),
)


def markdown() -> str:
    """The table of all options for the documentation."""
    lines = ["| option | variable | in the file | meaning | default |", "|---|---|---|---|---|"]
    for option in OPTIONS:
        value = "" if option.flags else f"={option.metavar}"
        value = f"[{value}]" if option.alone else value
        flags = ", ".join(f"`{flag}`" for flag, _ in option.flags) or f"`{option.option}{value}`"
        in_file = f"`{option.name}`" if option.in_file else ""
        again = " (repeatable)" if option.repeatable else ""
        lines.append(
            f"| {flags} | `{option.variable}` | {in_file} | {option.help}{again} | {option.default} |"
        )
    return "\n".join(lines)
