"""Sequences of calls on one cache as a single expression: a tuple of what each call returned."""

from hypothesis import strategies as st

KEYS = "abcd"


@st.composite
def sessions(draw, least, most, pauses):
    """The cache is filled, then used; ``pauses`` are the seconds between two calls."""
    capacity, lifetime = draw(st.sampled_from([1, 2, 2, 3])), draw(st.integers(4, 12))
    now, calls = 0, []
    for number in range(capacity + draw(st.integers(least, most))):
        now += draw(st.sampled_from(pauses))
        key = KEYS[number] if number < capacity else draw(st.sampled_from(KEYS[: capacity + 1]))
        kind = "put" if number < capacity else draw(st.sampled_from(["put", "get", "get", "keys"]))
        arguments = {"put": f"{key!r}, {number}, {now}", "get": f"{key!r}, {now}", "keys": f"{now}"}
        calls.append(f"c.{kind}({arguments[kind]})")
    calls.append(f"c.keys({now})")
    return f"(c := ExpiringCache({capacity}, {lifetime}), {', '.join(calls)})[1:]"


@st.composite
def expiries(draw):
    """The first value is used last but expires first: it has to go when there is one too many."""
    capacity, lifetime = draw(st.integers(2, 3)), draw(st.integers(5, 12))
    start, keys = draw(st.integers(0, 9)), draw(st.permutations(KEYS))
    later = start + draw(st.integers(1, 3))
    calls = [f"c.put({keys[0]!r}, 10, {start})"]
    calls += [f"c.put({key!r}, 11, {later})" for key in keys[1:capacity]]
    calls.append(f"c.get({keys[0]!r}, {start + lifetime - 1})")
    now = start + lifetime - draw(st.sampled_from([0, 0, 1]))
    calls += [f"c.put({keys[capacity]!r}, 12, {now})", f"c.keys({now})"]
    calls.append(f"c.{draw(st.sampled_from(['keys(', f'get({keys[1]!r}, ']))}{later + lifetime})")
    return f"(c := ExpiringCache({capacity}, {lifetime}), {', '.join(calls)})[1:]"


CALLS = [
    sessions(least=1, most=4, pauses=[0, 1]),
    sessions(least=3, most=8, pauses=[0, 1, 1]),
    sessions(least=3, most=8, pauses=[1, 2, 4]),
    expiries(),
]
