"""A pytest plugin that measures, scores and gates the coding models you serve.

Nothing below is imported until its name is used (PEP 562): the module is loaded by every pytest run in an
environment that has the plugin installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Answer": "pytest_llmeval.answer",
    "Endpoint": "pytest_llmeval.model",
    "LLMEvalError": "pytest_llmeval.errors",
    "Policy": "pytest_llmeval.model",
    "Record": "pytest_llmeval.model",
    "Run": "pytest_llmeval.model",
    "Sample": "pytest_llmeval.model",
    "Scenario": "pytest_llmeval.model",
    "Score": "pytest_llmeval.model",
    "Verdict": "pytest_llmeval.model",
}

__all__ = sorted([*_HOME, "__version__"])  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
