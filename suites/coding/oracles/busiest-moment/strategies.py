"""Short visits within a short time: they meet, touch and repeat."""

from itertools import pairwise

from hypothesis import strategies as st


def visits(latest, longest, most):
    visit = st.tuples(st.integers(0, latest), st.integers(1, longest))
    return st.lists(visit.map(lambda drawn: (drawn[0], sum(drawn))), max_size=most)


@st.composite
def two_peaks(draw):
    """Two equally large groups of visitors, the later one first in the list, and one who is always there."""
    early, late, people = draw(st.integers(0, 5)), draw(st.integers(10, 20)), draw(st.integers(1, 3))
    length = draw(st.integers(2, 5))
    groups = [(late, late + length)] * people + [(early, early + length)] * people
    return [*groups, *draw(st.sampled_from([[], [(0, 30)]]))]


@st.composite
def relays(draw):
    """One leaves at the minute at which the next arrives."""
    minutes = sorted(draw(st.sets(st.integers(0, 20), min_size=3, max_size=6)))
    relay = list(pairwise(minutes))
    return draw(st.permutations([*relay, *draw(st.lists(st.sampled_from(relay), max_size=2))]))


CALLS = {
    "busiest": [
        st.tuples(visits(8, 4, 4)),
        st.tuples(visits(12, 5, 9)),
        st.tuples(visits(600, 240, 8)),
        st.tuples(two_peaks()),
        st.tuples(relays()),
    ]
}
