"""What may stand as an endpoint's URL."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

EXAMPLE = "http://localhost:8000/v1"
_KEY_NAMES = re.compile(
    r"(api|access|auth|subscription)?[-_]?(key|token|secret|password|sig|signature)", re.IGNORECASE
)

HOLDS_A_USER = "a URL must not hold a user or a key"
ADVICE = (
    "put the key into the environment: LLMEVAL_API_KEY for a URL on the command line, "
    'any variable named by api_key_env = "…" for an endpoint of the project file'
)


def mistake(url: str) -> tuple[str, str] | None:
    """What is wrong with a URL and what to do; None where nothing is. Secrets in it are not repeated."""
    try:
        parts = urlsplit(url)
        if "@" in (parts.netloc or url):
            return HOLDS_A_USER, ADVICE
        parts.port  # noqa: B018  raises for a port that is no port
    except ValueError:  # its text would repeat what may be a password
        return "this is no URL: its host or its port is wrong", f"a URL looks like {EXAMPLE}"
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if _KEY_NAMES.fullmatch(name):
            return f"a URL must not hold a key ({name}=…)", ADVICE
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{url!r} is not an http URL with a host", f"a URL looks like {EXAMPLE}"
    if parts.fragment or not url.isprintable() or " " in url:
        return f"{url!r} holds what a URL can't", f"a URL looks like {EXAMPLE}"
    return None
