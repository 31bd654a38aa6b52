"""Arithmetic, well formed or with a bracket too many. The suite's file has the other texts to refuse."""

from hypothesis import strategies as st

NUMBERS = st.integers(0, 20).map(str)
NEGATIVE = NUMBERS.map(lambda number: f"-{number}") | NUMBERS.map(lambda number: f"- {number}")


@st.composite
def chains(draw, operators, operands, least=3):
    """Operands with operators between them, with spaces or without."""
    parts = [draw(operands)]
    for _ in range(draw(st.integers(least - 1, 4))):
        parts += [draw(st.sampled_from(operators)), draw(operands)]
    return draw(st.sampled_from(["", " "])).join(parts)


BRACKETED = chains("+-*", NUMBERS, least=2).map(lambda text: f"({text})")
NESTED = chains("+-*", NUMBERS | BRACKETED, least=2)
NEGATED = st.one_of(BRACKETED.map(lambda text: f"-{text}"), NEGATIVE.map(lambda text: f"-{text}"), NEGATIVE)
FORMULAS = [
    chains("+-", NUMBERS),
    chains("+-*", NUMBERS),
    NESTED,
    chains("+-*", NUMBERS | NEGATED, least=2),
    chains("+-*", NUMBERS).map(lambda text: f"{text}) + 1"),
]
CALLS = {"calculate": [one.map(lambda text: (text,)) for one in FORMULAS]}
