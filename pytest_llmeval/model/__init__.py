"""The vocabulary: frozen values that cross a wing, a process or a file.

Times are seconds (``_s``) or ``time.perf_counter_ns`` stamps (``_ns``), sizes bytes (``_bytes``). A figure
that was not measured is ``None`` here and absent in files, never 0.
"""

from .endpoint import Endpoint, Facts, ManagedServer, Price, Timeouts
from .exchange import Chunk, ErrorKind, Failure, Request, Response, Timing, Usage
from .metrics import CELL_METRICS, METRICS, SCORES
from .policy import MetricPolicy, Policy
from .record import Cost, Load, Record, Sample, Score, Telemetry, score_spread
from .run import Analysers, Commit, Host, Hosted, Part, Run, Selection, Shard, Verdict, VerdictName
from .scenario import (
    SLO,
    AnswerSpec,
    Check,
    Language,
    LoadPlan,
    Parameters,
    PatternCheck,
    ProseCheck,
    QueryCheck,
    ReviewCheck,
    Scenario,
    Suite,
    cell_key,
    suite_of,
)

__all__ = [
    "CELL_METRICS",
    "METRICS",
    "SCORES",
    "SLO",
    "Analysers",
    "AnswerSpec",
    "Check",
    "Chunk",
    "Commit",
    "Cost",
    "Endpoint",
    "ErrorKind",
    "Facts",
    "Failure",
    "Host",
    "Hosted",
    "Language",
    "Load",
    "LoadPlan",
    "ManagedServer",
    "MetricPolicy",
    "Parameters",
    "Part",
    "PatternCheck",
    "Policy",
    "Price",
    "ProseCheck",
    "QueryCheck",
    "Record",
    "Request",
    "Response",
    "ReviewCheck",
    "Run",
    "Sample",
    "Scenario",
    "Score",
    "Selection",
    "Shard",
    "Suite",
    "Telemetry",
    "Timeouts",
    "Timing",
    "Usage",
    "Verdict",
    "VerdictName",
    "cell_key",
    "score_spread",
    "suite_of",
]
