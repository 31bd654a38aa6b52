"""Few tasks: graphs without a circle, and some with one of at least two tasks."""

from hypothesis import strategies as st

NAMES = ["build", "clean", "docs", "lint", "pack", "ship", "test"]


@st.composite
def graphs(draw, fewest):
    """A dict of tasks; every need is earlier in a drawn order of the names."""
    names = draw(st.permutations(NAMES[: draw(st.integers(fewest, 7))]))
    needs = {}
    for at, name in enumerate(names):
        if at and draw(st.integers(0, 3)):
            needs[name] = draw(st.lists(st.sampled_from(names[:at]), unique=True, min_size=1, max_size=3))
        elif draw(st.booleans()):
            needs[name] = []
    return needs


@st.composite
def circles(draw):
    """A graph with a circle beside whatever else is in it."""
    needs = draw(graphs(fewest=2))
    circle = draw(st.permutations(NAMES[: draw(st.integers(2, 4))]))
    for task, before in zip(circle, circle[1:] + circle[:1], strict=True):
        needs[task] = [*dict.fromkeys([*needs.get(task, []), before])]
    return needs


small, large = st.tuples(graphs(fewest=0)), st.tuples(graphs(fewest=4))
CALLS = {"build_order": [small, large, large.filter(lambda call: len(call[0]) > 4), st.tuples(circles())]}
