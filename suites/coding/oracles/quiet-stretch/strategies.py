"""Readings close to the limit, so that "above" and "at" are told apart."""

from hypothesis import strategies as st

near = st.lists(st.integers(39, 42), min_size=1, max_size=12)
CALLS = {
    "longest_quiet": [
        st.tuples(near, st.sampled_from([40, 41])),
        st.tuples(near.map(lambda levels: [*levels, 40, 40, 40]), st.just(40)),
        st.tuples(st.lists(st.integers(0, 99), max_size=8), st.integers(0, 99)),
    ]
}
