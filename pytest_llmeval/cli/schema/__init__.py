"""``llmeval schema NAME``: the JSON Schema of a file that people or programs rely on.

The wheel holds them too, in ``pytest_llmeval/schemas/``; a test says that those are what is printed here.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILES = {
    "project": "llmeval.toml, and the table [tool.llmeval] of pyproject.toml",
    "run": ".llmeval/runs/<id>/run.json, and what --llm-json writes",
    "answer": "a line of .llmeval/runs/<id>/answers.jsonl",
    "baseline": "baselines/<endpoint>.json",
    "vectors": "vectors.json of a scenario's oracle",
}
"""Name -> what the schema of that name describes."""
_NAMES = "\n".join(f"  {name:<10}{file}" for name, file in FILES.items())
_CODES = "exit code: 0 printed, 2 there is no such schema\n"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON Schema of a file",
        description="Prints the JSON Schema (draft 2020-12) of a file, for editors and other programs.",
        epilog=f"names:\n{_NAMES}\n\nexample:\n  llmeval schema run >run.schema.json\n\n{_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=list(FILES), metavar="NAME", help="of which file, see below")
    parser.set_defaults(run=_print)


def text(name: str) -> str:
    """The schema, as its file holds it."""
    from . import projectfile, written

    schema = projectfile.schema() if name == "project" else written.schema(written.TYPES[name])
    return json.dumps({"$schema": DIALECT, **schema}, ensure_ascii=False, indent=1) + "\n"


def _print(options: argparse.Namespace) -> int:
    print(text(options.name), end="")
    return 0
