"""Durations, and texts that are nearly durations. Leading zeros and signs are left out."""

from hypothesis import strategies as st

number = st.one_of(st.integers(0, 9), st.integers(0, 250)).map(str)


def parts(units):
    return st.lists(number, min_size=len(units), max_size=len(units)).map(
        lambda numbers: "".join(digits + unit for digits, unit in zip(numbers, units, strict=True))
    )


right = st.sampled_from(["h", "m", "s", "hm", "hs", "ms", "hms"]).flatmap(parts)
swapped = st.sampled_from(["mh", "sh", "sm", "hh", "ss", "msm", "hsm", "d", "hd", "H"]).flatmap(parts)
broken = st.one_of(
    st.sampled_from(["", "h", "s", "hm", "m5", "h30m", "1h m", "1.5h", "1h, 5m", "ten s"]),
    number,
    st.builds("{}{}".format, right, number),
    st.builds("{} {}".format, right, right),
    st.builds("{}{}".format, right, st.sampled_from([" ", "x", "hours", "."])),
)
CALLS = {"read_duration": [st.tuples(right), st.tuples(right), st.tuples(swapped), st.tuples(broken)]}
