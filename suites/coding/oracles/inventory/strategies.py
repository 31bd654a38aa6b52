"""Operations on one inventory, in one expression that yields what is left of each and what is listed."""

from hypothesis import strategies as st

NAMES = st.sampled_from(["bolt", "nut", "gear"])
COUNTS = st.integers(1, 4)


@st.composite
def histories(draw):
    """Adds, and removals of what is there."""
    left = {}
    steps = []
    for _ in range(draw(st.integers(0, 6))):
        name, count = draw(NAMES), draw(COUNTS)
        if left.get(name, 0) and draw(st.booleans()):
            count = draw(st.integers(1, left[name]))
            left[name] -= count
            steps.append(f"box.remove({name!r}, {count})")
        else:
            left[name] = left.get(name, 0) + count
            steps.append(f"box.add({name!r}, {count})" if count > 1 else f"box.add({name!r})")
    return steps


def observed(steps, last="box.names()"):
    """The expression: a new inventory, the steps, then what it holds."""
    counts = "[box.count(name) for name in ('bolt', 'nut', 'gear')]"
    told = "".join(f"{step}, " for step in steps)
    return f"(lambda box: ({told}{counts}, {last}))(Inventory())[-2:]"


FAILING = ["box.remove('axle')", "box.remove('bolt', 99)", "box.add('nut', 0)", "box.add('nut', -2)"]
APART = [
    "(lambda one, two: (one.add('bolt', 3), two.names(), two.count('bolt')))(Inventory(), Inventory())[1:]",
    "(lambda one, two: (two.add('nut'), one.add('nut', 2), one.count('nut'), two.count('nut')))"
    "(Inventory(), Inventory())[2:]",
]
CALLS = [
    st.sampled_from(APART),
    st.builds(observed, histories()),
    st.builds(observed, histories(), st.sampled_from(["box.names()", "box.count('axle')", *FAILING])),
]
