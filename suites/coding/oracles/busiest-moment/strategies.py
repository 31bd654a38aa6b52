"""Short visits within a short time: they meet, touch and repeat."""

from hypothesis import strategies as st


def visits(latest, longest, most):
    visit = st.tuples(st.integers(0, latest), st.integers(1, longest))
    return st.lists(visit.map(lambda drawn: (drawn[0], sum(drawn))), max_size=most)


CALLS = {"busiest": [st.tuples(visits(8, 4, 5)), st.tuples(visits(20, 6, 9)), st.tuples(visits(600, 240, 8))]}
