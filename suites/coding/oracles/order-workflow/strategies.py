"""Every status with every event, and a status that does not exist."""

from hypothesis import strategies as st

STATUSES = st.sampled_from(
    ["new", "confirmed", "packed", "shipped", "delivered", "refunding", "cancelled", "lost"]
)
EVENTS = st.sampled_from(["confirm", "pay", "pack", "ship", "deliver", "return", "refund", "cancel"])
PAIRS = st.sampled_from(
    [
        ("new", "confirm"),
        ("new", "pay"),
        ("confirmed", "pack"),
        ("confirmed", "pay"),
        ("packed", "ship"),
        ("shipped", "deliver"),
        ("shipped", "return"),
        ("delivered", "return"),
        ("refunding", "refund"),
    ]
)
CALLS = {
    "next_status": st.one_of(
        st.tuples(STATUSES, EVENTS),
        st.tuples(STATUSES, EVENTS, st.booleans()),
        PAIRS,
        st.tuples(PAIRS, st.booleans()).map(lambda one: (*one[0], one[1])),
        st.tuples(STATUSES, st.just("cancel"), st.booleans()),
    )
}
