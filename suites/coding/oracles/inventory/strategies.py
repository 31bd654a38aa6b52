"""Operations on one inventory, in one expression that yields what is left of each and what is listed.

Every expression has pieces of its own, so that code which shares its stock fails on what tests that alone.
"""

from hypothesis import strategies as st

KINDS = ("bolt", "nut", "gear")


@st.composite
def sessions(draw, most, last):
    """Adds, removals of what is there, and a last operation on any piece."""
    names = [f"{kind}-{draw(st.integers(10, 999))}" for kind in KINDS]
    left = dict.fromkeys(names, 0)
    steps = []
    for _ in range(draw(st.integers(1, most))):
        name, count = draw(st.sampled_from(names)), draw(st.integers(1, 4))
        if left[name] and draw(st.integers(0, 2)):
            count = draw(st.integers(1, left[name]) | st.just(left[name]))
            left[name] -= count
            steps.append(f"box.remove({name!r}, {count})" if count > 1 else f"box.remove({name!r})")
        else:
            left[name] += count
            steps.append(f"box.add({name!r}, {count})" if count > 1 else f"box.add({name!r})")
    steps += [last.format(name=draw(st.sampled_from(names)), more=9 * most)] if last else []
    told = "".join(f"{step}, " for step in steps)
    seen = f"[(name, box.count(name), name in box.names()) for name in {names}]"
    return f"(lambda box: ({told}{seen}))(Inventory())" + ("[-1]" if steps else "")


FAILING = (
    "box.remove('axle')",
    "box.remove('{name}', {more})",
    "box.add('{name}', 0)",
    "box.add('{name}', -2)",
)
APART = (
    "(lambda one, two: (one.add('rod-1', 3), two.names(), two.count('rod-1')))(Inventory(), Inventory())[1:]",
    "(lambda one, two: (two.add('rod-2'), one.add('rod-2', 2), one.count('rod-2'), two.count('rod-2')))"
    "(Inventory(), Inventory())[2:]",
    "(lambda box: (box.add('b'), box.add('a'), box.names(), box.remove('b'), box.names()))(Inventory())[2:]",
)
CALLS = [
    st.sampled_from(APART),
    sessions(3, ""),
    sessions(7, ""),
    st.sampled_from(FAILING).flatmap(lambda failing: sessions(3, failing)),
]
