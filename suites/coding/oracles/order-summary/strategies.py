"""Orders of the three statuses and of one that counts for nothing; amounts may be 0 or, as credits, below."""

from hypothesis import strategies as st

ORDERS = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["paid", "open", "refunded", "draft"]),
        "amount": st.one_of(st.integers(1, 500), st.integers(-20, 20)),
    }
)
CALLS = {"summarize": st.tuples(st.lists(ORDERS, max_size=7))}
