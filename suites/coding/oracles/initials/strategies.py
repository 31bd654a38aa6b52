"""Words of ASCII letters, and a hyphen or an apostrophe inside, apart by one to three spaces."""

from hypothesis import strategies as st

word = st.from_regex(r"[a-zA-Z][a-zA-Z]{0,6}([-'][A-Z][a-z]{1,3})?", fullmatch=True)
gap = st.sampled_from(["", " ", "  "])
name = st.builds(
    lambda before, words, gap, after: before + (gap or " ").join(words) + after,
    gap,
    st.lists(word, max_size=4),
    st.sampled_from([" ", "  ", "   "]),
    gap,
)
CALLS = {"initials": st.tuples(name)}
