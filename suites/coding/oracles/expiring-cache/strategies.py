"""Sequences of calls on one cache as a single expression: a tuple of what each call returned."""

from hypothesis import strategies as st

KEYS = "abcd"


@st.composite
def sessions(draw, least, most, pauses):
    """The cache is filled first, then used; ``pauses`` are the seconds between two calls."""
    capacity, lifetime = draw(st.integers(1, 3)), draw(st.integers(4, 12))
    now, calls = 0, []
    for number in range(capacity + draw(st.integers(least, most))):
        now += draw(st.sampled_from(pauses))
        key = draw(st.sampled_from(KEYS[: capacity + 1]))
        kind = "put" if number < capacity else draw(st.sampled_from(["put", "get", "get", "keys"]))
        arguments = {"put": f"{key!r}, {number}, {now}", "get": f"{key!r}, {now}", "keys": f"{now}"}
        calls.append(f"c.{kind}({arguments[kind]})")
    calls.append(f"c.keys({now})")
    return f"(c := ExpiringCache({capacity}, {lifetime}), {', '.join(calls)})[1:]"


CALLS = [
    sessions(least=0, most=4, pauses=[0, 1]),
    sessions(least=3, most=8, pauses=[0, 1, 1]),
    sessions(least=3, most=8, pauses=[1, 2, 4]),
]
