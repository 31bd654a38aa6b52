"""Lists of small whole numbers: their sums are exact. Windows from too small to longer than the list."""

from hypothesis import strategies as st

VALUES = st.lists(st.integers(-50, 50), max_size=8)
CALLS = {"moving_average": st.tuples(VALUES, st.integers(1, 6) | st.integers(-1, 9))}
