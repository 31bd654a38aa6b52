"""The lines of pytest's header: what is measured, where the promises lie, how often the gate may err."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from pytest_llmeval import values
from pytest_llmeval.language import _, ngettext
from pytest_llmeval.report import terminal

if TYPE_CHECKING:
    from .context import Context


def text(context: Context) -> str | None:
    """One line, as wide as the terminal, and one more where a run is resumed; None where nobody is asked."""
    settings = context.settings
    if not settings.candidates:
        return None
    names = ", ".join(endpoint.name for endpoint in settings.candidates)
    baselines = os.path.relpath(settings.baselines, context.config.invocation_params.dir)
    kept = _("baselines in {folder}", folder=baselines)
    if settings.reference is not None:
        names = _("{endpoints}, each in turn with {reference}", endpoints=names, reference=settings.reference)
        kept = _("no baselines")
    parts = [f"llmeval: {names}"]
    if settings.shard:
        parts.append(_("shard {shard}", shard=settings.shard))
    rounds = ngettext("{count} round", "{count} rounds", settings.rounds)
    parts.append(_("{rounds}, {warmup} warm-up", rounds=rounds, warmup=settings.warmup))
    alpha = settings.policy.alpha * len(settings.candidates)
    parts += [kept, _("false alarms ≤ {alpha}", alpha=f"{alpha:.0%}")]
    if settings.max_time_s:
        parts.append(_("at most {time}", time=values.duration(settings.max_time_s)))
    if settings.sandbox == "none":
        parts.append(_("answers run without a sandbox"))
    return terminal.joined(parts, shutil.get_terminal_size().columns) + _resumed(context)


def _resumed(context: Context) -> str:
    told = context.unfinished
    if told is None:
        return ""
    said = ngettext(
        "resuming run {run}, which finished {count} test",
        "resuming run {run}, which finished {count} tests",
        len(told.cells),
        run=context.run_id,
    )
    torn = f" ({_('its torn last line was dropped')})" if told.torn else ""
    return f"\nllmeval: {said}{torn}"
