"""An endpoint as its table of ``llmeval.toml``."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from msgspec import structs

from pytest_llmeval import project
from pytest_llmeval.model import Endpoint


def name(model: str) -> str:
    """A model, a host or a file as an endpoint's name: a slug, ``server`` where nothing of it is left."""
    return re.sub(r"[^a-z0-9._-]+", "-", model.lower().rpartition("/")[2]).strip("-.")[:80] or "server"


def text(endpoint: Endpoint, *, wants_key: bool = False) -> str:
    """The table: the kind, and every key that does not have its default.

    The variable of a key is left out where it is not set and nothing ``wants_key``.
    """
    written, blank = structs.asdict(endpoint), structs.asdict(Endpoint())
    lines = [f"[endpoints.{_key(endpoint.name)}]"]
    for key in project.ENDPOINT_KEYS:
        value = written.get(key)
        is_set = wants_key or bool(os.environ.get(endpoint.api_key_env or ""))
        unused_key = key == "api_key_env" and not is_set
        if value is not None and not unused_key and (key == "kind" or value != blank.get(key)):
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    """A value as TOML writes it in one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_toml(entry)}' for key, entry in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _key(written: str) -> str:
    return written if re.fullmatch("[A-Za-z0-9_-]+", written) else json.dumps(written, ensure_ascii=False)
