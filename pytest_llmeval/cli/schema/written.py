"""The schemas of the files that the plugin writes, made of the types that it reads and writes them with.

Fields that they do not name may come with a newer version of the same schema number: they refuse none.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from pytest_llmeval.evaluate import AnswerLine
from pytest_llmeval.judge.sessions import Baseline
from pytest_llmeval.model import Run
from pytest_llmeval.oracle import Vectors

TYPES: dict[str, type[msgspec.Struct]] = {
    "run": Run,
    "answer": AnswerLine,
    "baseline": Baseline,
    "vectors": Vectors,
}
_NULL = {"type": "null"}


def schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of a type. A file that tells its own ``schema`` must tell just that one."""
    made = msgspec.json.schema(kind)
    for part in made["$defs"].values():
        if "description" in part:
            part["description"] = cleandoc(part["description"])
        for field in part.get("properties", {}).values():
            field.get("anyOf", []).sort(key=_NULL.__eq__)  # versions of msgspec say it first, or last
    whole = made["$defs"][kind.__name__]
    if "schema" in whole["properties"]:
        whole["properties"]["schema"] = {"const": whole["properties"]["schema"]["default"]}
        whole["required"] = ["schema", *whole["required"]]
    return made
