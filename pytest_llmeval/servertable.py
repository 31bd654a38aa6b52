"""The table ``[endpoints.NAME.server]`` of the project file: its keys, and what they may hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import urls, values
from .model import ManagedServer
from .values import Kind, UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = "{port}"
"""Stands for the server's port in its command, environment and ready check."""
NO_KEYS = ("", "NA", "EMPTY", "none")
"""What may stand where a key belongs: the words by which people say that a server wants none."""
_KEY_VARIABLE = re.compile(r".*(KEY|TOKEN|SECRET|PASSWORD)", re.IGNORECASE)
_KEY_ARGUMENT = re.compile(
    r"--?(api[-_]?key|token|hf[-_]token|password)(?:=(.*))?", re.IGNORECASE | re.DOTALL
)


def _command() -> Kind:
    expected = 'a list of texts and numbers, like ["vllm", "serve", "MODEL"]'

    def accept(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not str(value[0]).strip():
            raise UnexpectedError(expected, value)
        for part in value:
            if not isinstance(part, (str, int, float)) or isinstance(part, bool) or "\0" in str(part):
                raise UnexpectedError(expected, part)
        return tuple(str(part) for part in value)

    schema = {"type": "array", "minItems": 1, "items": {"type": ["string", "number"]}}
    return Kind(expected, accept, accept, schema)


def _environment() -> Kind:
    expected = 'a table of texts and whole numbers, like {OMP_NUM_THREADS = 1, HF_HUB_OFFLINE = "1"}'

    def accept(value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise UnexpectedError(expected, value)
        for name, entry in value.items():
            if not name or re.search(r"[=\0]", name):
                raise UnexpectedError(expected, name)
            if not isinstance(entry, (str, int)) or isinstance(entry, bool) or "\0" in str(entry):
                raise UnexpectedError(expected, entry)
        return {name: str(entry) for name, entry in value.items()}

    schema = {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}
    return Kind(expected, accept, accept, schema)


def _ready() -> Kind:
    expected = 'a path like "/health", or a URL'

    def accept(value: object) -> str:
        if not isinstance(value, str) or not value.isprintable() or " " in value:
            raise UnexpectedError(expected, value)
        if not value.startswith("/") and urls.mistake(value.replace(PORT, "1")):
            raise UnexpectedError(expected, value)
        return value

    return Kind(expected, accept, accept, {"type": "string"})


KEYS: dict[str, Kind] = {
    "command": _command(),
    "env": _environment(),
    "cwd": values.PATH,
    "port": values.whole_kind(1, most=65535),
    "install": values.TEXT,
    "ready": _ready(),
    "ready_status": values.whole_kind(100, most=599),
    "timeout": values.number_kind(0, above=True),
    "stop_signal": values.choice_kind("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGKILL"),
    "grace": values.number_kind(0),
    "exclusive": values.SLUG,
}
_FIELDS = {"timeout": "timeout_s", "grace": "grace_s"}


def build(checked: Mapping[str, Any]) -> ManagedServer:
    """The struct of a table whose values are accepted already."""
    return ManagedServer(**{_FIELDS.get(key, key): value for key, value in checked.items()})


def mistake(server: ManagedServer, url: str | None) -> tuple[str, str, str | None] | None:
    """What is wrong with the whole: ``(key, what, hint)``. ``url`` is the endpoint's own."""
    if key := _key_in(server):
        hint = (
            "set it in the environment of pytest, which the server inherits "
            "(vLLM reads VLLM_API_KEY, llama.cpp LLAMA_API_KEY, both HF_TOKEN)"
        )
        return key, "a key does not belong in a file", hint
    if url is not None and server.port is not None:
        return "port", "the endpoint's url names a port already", "keep one of them"
    told = any(PORT in text for text in (*server.command, *server.env.values()))
    if url is None and server.port is None and not told:
        hint = f'write {PORT} where its command takes the port, like "--port={PORT}", or say port = 8000'
        return "command", "nothing says where the server will listen", hint
    return None


def _key_in(server: ManagedServer) -> str | None:
    """The place of a key that is written out, not its text."""
    for name, value in server.env.items():
        if _KEY_VARIABLE.fullmatch(name) and value not in NO_KEYS:
            return "env"
    for argument, after in zip(server.command, (*server.command[1:], ""), strict=True):
        if match := _KEY_ARGUMENT.fullmatch(argument):
            value = after if match[2] is None else match[2]
            if value not in NO_KEYS and not value.startswith("-"):
                return "command"
    return None
