"""Arithmetic that is well formed, and texts that are not: cut short, closed twice, of other characters."""

from hypothesis import strategies as st

NUMBERS = st.integers(0, 20).map(str)


def _joined(parts):
    left, operator, right = parts
    return f"{left} {operator} {right}"


FORMULAS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(_joined),
        inner.map(lambda text: f"({text})"),
        st.tuples(st.just("-"), NUMBERS, st.sampled_from("+-*"), NUMBERS).map(" ".join),
    ),
    max_leaves=6,
)
CHAINS = st.lists(NUMBERS, min_size=3, max_size=5).flatmap(
    lambda numbers: st.sampled_from(
        [" - ".join(numbers), "-".join(numbers), " - ".join(numbers[:-1]) + " + " + numbers[-1]]
    )
)
BROKEN = st.sampled_from(
    [
        "",
        "1 +",
        "* 2",
        "(1 + 2",
        "1 + 2)",
        "1 2",
        "()",
        "(4",
        "2 * (3 + 1",
        "7 & 1",
        "2 / 1",
        "1 + a",
        "3 (4)",
        "--",
        "+ 1",
    ]
)
NEGATIONS = st.sampled_from(
    ["-2 + 3", "-(1 + 2) * 3", "2 * -3 + 4", "--5", "1 - -1", "-4 - 4", "-2 * -2 - 1"]
)
CALLS = {"calculate": st.one_of(CHAINS, NEGATIONS, FORMULAS, BROKEN).map(lambda text: (text,))}
