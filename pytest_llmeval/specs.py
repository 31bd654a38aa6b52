"""``--llm-endpoint=[NAME=]SPEC`` -> endpoints, with their keys.

SPEC is a configured name, a URL, ``local[:MODEL]`` or ``replay:FOLDER``. Without NAME an endpoint has its
configured name, ``local`` (``local-smollm2`` for ``local:smollm2``), ``replay``, or ``default`` for a URL.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from . import project, urls, values
from .errors import SettingsError
from .model import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

URL_KEY = "LLMEVAL_API_KEY"
"""The variable with the key of a URL that stands on the command line."""
_LONGEST_KEY_BYTES = 1 << 16


def select(
    texts: Sequence[str], configured: Mapping[str, Endpoint], *, cwd: Path, where: str
) -> tuple[Endpoint, ...]:
    """The endpoints that the specs name, in their order. Paths are relative to ``cwd``.

    Raises ``SettingsError``, with ``where`` as its place, for a spec that means nothing or two of one name.
    """
    if "all" in texts and not configured:
        raise SettingsError(
            "all means every configured endpoint, and none is configured",
            where=where,
            hint=f'add [endpoints.NAME] with url = "{urls.EXAMPLE}" to llmeval.toml, or name a URL',
        )
    every = [name for text in texts for name in (configured if text == "all" else [text])]
    specs = [_Spec(text, configured, cwd, where) for text in every]
    unnamed = [spec.spec for spec in specs if spec.is_url and spec.name is None]
    chosen = tuple(spec.endpoint() for spec in specs)
    if len(unnamed) > 1:
        example = f"--llm-endpoint=a={unnamed[0]} --llm-endpoint=b={unnamed[1]}"
        raise SettingsError(f"{len(unnamed)} URLs have no name", where=where, hint=f"name them: {example}")
    for number, endpoint in enumerate(chosen):
        if any(other.name == endpoint.name for other in chosen[:number]):
            hint = f"name one: --llm-endpoint=other={specs[number].spec}"
            raise SettingsError(f"two endpoints are called {endpoint.name}", where=where, hint=hint)
    return chosen


def reference(
    text: str, chosen: Sequence[Endpoint], configured: Mapping[str, Endpoint], *, cwd: Path, where: str
) -> Endpoint:
    """The endpoint that those chosen are compared with: one of them by its name, else a spec of its own.

    A URL without a name is called ``reference``. Raises ``SettingsError`` where it means nothing, or where
    nothing is left to be compared or can be asked in turn with it.
    """
    found = next((endpoint for endpoint in chosen if endpoint.name == text), None)
    others = [endpoint for endpoint in chosen if endpoint is not found]
    if found is None:
        if text == "all":
            raise SettingsError("one endpoint is the reference, not all", where=where)
        spec = _Spec(text, configured, cwd, where)
        found = spec.endpoint()
        if spec.is_url and spec.name is None:
            found = structs.replace(found, name="reference")
    if any(endpoint.name == found.name for endpoint in others):
        hint = f"name the reference: {where}=old={text}"
        raise SettingsError(f"two endpoints are called {found.name}", where=where, hint=hint)
    if not others:
        raise SettingsError(
            f"nothing is there to be compared with {found.name}",
            where=where,
            hint="name what to compare with it, like --llm-endpoint=new=http://localhost:8000/v1",
        )
    group = found.server.exclusive if found.server else None
    for other in others:
        if group is not None and other.server is not None and other.server.exclusive == group:
            raise SettingsError(
                f"{other.name} and {found.name} can't be asked in turn: their servers are both of the "
                f"exclusive group {group}, of which only one is up at a time",
                where=where,
                hint="give one of them another group if both fit; else compare with a baseline",
            )
    return found


def key_of(endpoint: Endpoint, environ: Mapping[str, str]) -> str | None:
    """The key to send to a selected endpoint, None for none.

    Raises ``SettingsError`` where the variable that holds it is not set, the file can't be read or can be by
    others, or the key is nothing that can be sent. Only the variable of a URL on the command line may be
    unset.
    """
    if endpoint.api_key_file is not None:
        return _sendable(_in_file(Path(endpoint.api_key_file)), endpoint.api_key_file)
    variable = endpoint.api_key_env
    if variable is None:
        return endpoint.api_key or None
    key = environ.get(variable, "").strip()
    if not key and variable == URL_KEY:
        return None
    if not key:
        raise SettingsError(
            f"its key should be in the environment variable {variable}, which is not set",
            where=f"endpoint {endpoint.name}",
            hint=f"set {variable}, or remove api_key_env if the server wants no key",
        )
    return _sendable(key, variable)


def _sendable(key: str, where: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        hint = "a key is one word of ASCII characters; see what was pasted into it"
        raise SettingsError("its value can't be sent in an HTTP header", where=where, hint=hint)
    return key


def _in_file(path: Path) -> str:
    """What the file holds, without blanks around it. Others may not read it, where the system knows that."""
    try:
        with path.open("rb") as file:
            rights = os.fstat(file.fileno()).st_mode
            text = file.read(_LONGEST_KEY_BYTES)
    except OSError as error:
        raise SettingsError(f"the key can't be read: {error.strerror}", where=str(path)) from None
    if os.name == "posix" and rights & 0o077:
        raise SettingsError(
            "others may read the key in this file",
            where=str(path),
            hint=f"chmod 600 {shlex.quote(str(path))}",
        )
    return text.decode("utf-8", "replace").strip()


class _Spec:
    """One ``[NAME=]SPEC``."""

    def __init__(self, text: str, configured: Mapping[str, Endpoint], cwd: Path, where: str) -> None:
        named = re.fullmatch(r"([^=/:?\[\]]*)=(.*)", text, re.DOTALL)
        self.text = text
        self.name = named[1] if named else None
        self.spec = named[2] if named else text
        self.configured = configured
        self.cwd = cwd
        self.where = where

    @property
    def is_url(self) -> bool:
        return "://" in self.spec and self.spec.partition(":")[0] not in ("local", "replay")

    def endpoint(self) -> Endpoint:
        if self.name is None:
            return self._found()
        if self.name == "all" or not values.SLUG_PATTERN.fullmatch(self.name):
            raise self.error(
                f"{values.shown(self.name)} can't be an endpoint's name", f"it takes {values.SLUG.expected}"
            )
        return structs.replace(self._found(), name=self.name)

    def _found(self) -> Endpoint:
        if self.spec in self.configured:
            return self.configured[self.spec]
        if self.is_url:
            if wrong := urls.mistake(self.spec):
                raise self.error(*wrong)
            return Endpoint(name="default", url=self.spec, api_key_env=URL_KEY)
        kind, _, rest = self.spec.partition(":")
        if kind == "local":
            return self._local(rest)
        if kind == "replay":
            if not rest:
                raise self.error(
                    "replay names no folder", "say which: replay:FOLDER, as --llm-record=FOLDER wrote it"
                )
            return Endpoint(name="replay", kind="replay", path=self._path(rest))
        raise self.error(*self._unknown())

    def _local(self, model: str) -> Endpoint:
        if not model:
            return Endpoint(name="local", kind="local")
        if "/" in model or "\\" in model or model.endswith(".gguf"):
            slug = re.sub(r"[^a-z0-9._-]+", "-", Path(model).stem.lower()).strip("-.")[:80] or "file"
            return Endpoint(name=f"local-{slug}", kind="local", path=self._path(model))
        if not values.SLUG_PATTERN.fullmatch(model):
            raise self.error(
                f"local has no model {values.shown(model)}",
                "say local:smollm2, or local:/path/to/file.gguf for a file of your own",
            )
        return Endpoint(name=f"local-{model}", kind="local", model=model)

    def _path(self, written: str) -> str:
        return str(self.cwd / Path(written).expanduser())

    def _unknown(self) -> tuple[str, str]:
        if "@" in self.spec:  # perhaps a password, which no message repeats
            return urls.HOLDS_A_USER, urls.ADVICE
        what = f"{values.shown(self.spec)} is no endpoint"
        if re.match(r"[\w.-]+:\d+(/|$)|\[[0-9a-fA-F:]+\]", self.spec):
            return what, f"is it a URL? http://{self.spec}"
        close = values.close_to(self.spec, self.configured)
        names = f"configured are {', '.join(self.configured)}" if self.configured else self._none_configured()
        hint = f"{f'did you mean {close}? ' if close else ''}{names}; else name a URL like {urls.EXAMPLE}, "
        return what, f"{hint}local, local:MODEL or replay:FOLDER"

    def _none_configured(self) -> str:
        """Perhaps because pytest's root folder is not the one that was meant: it follows its own files."""
        above = next((one for one in self.cwd.parents if (one / project.FILE).is_file()), None)
        if above is None:
            return "none is configured"
        there = shlex.quote(str(above))
        return f"none is configured here, and {above / project.FILE} is read with --rootdir={there} only"

    def error(self, what: str, hint: str) -> SettingsError:
        return SettingsError(what, where=self.where, hint=hint)
