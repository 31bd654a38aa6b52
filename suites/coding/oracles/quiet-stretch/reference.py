def longest_quiet(levels, limit):
    """Return the length of the longest stretch without a reading above the limit."""
    longest = current = 0
    for level in levels:
        current = current + 1 if level <= limit else 0
        longest = max(longest, current)
    return longest
