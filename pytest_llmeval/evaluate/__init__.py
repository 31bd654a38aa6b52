"""One cell: ask, stamp, extract, score -> Record. The one place that knows both measuring and scoring.

Two steps, because nothing may be analysed while a stream of this process runs: ``ask`` talks to the endpoint,
``assess`` turns what came back into a record.
"""

from .asking import Asking, Question, ask, ask_in_turn
from .assessing import assess, record, rescored, sha256, unreached, whole
from .cell import AnswerLine, AnswerText, Cell, Outcome

__all__ = [
    "AnswerLine",
    "AnswerText",
    "Asking",
    "Cell",
    "Outcome",
    "Question",
    "ask",
    "ask_in_turn",
    "assess",
    "record",
    "rescored",
    "sha256",
    "unreached",
    "whole",
]
