from itertools import groupby


def longest_quiet(levels, limit):
    runs = groupby(level <= limit for level in levels)
    return max((len(list(run)) for quiet, run in runs if quiet), default=0)
