"""Weights around the limits, in halves: their costs are exact."""

from hypothesis import strategies as st

ZONES = st.sampled_from(["domestic", "europe", "domestic", "europe", "asia", ""])
WEIGHTS = st.one_of(
    st.sampled_from([0, -1, 0.5, 1, 2, 2.5, 3]), st.integers(1, 40), st.integers(1, 40).map(lambda n: n / 2)
)
CALLS = {"shipping_cost": st.tuples(ZONES, WEIGHTS, st.booleans())}
