def free_slots(busy, start, end, minimum=1):
    """Gaps of at least `minimum` minutes between meetings, within start..end.

    `busy` is a list of (begin, end) pairs in minutes, in any order; they may overlap.
    """
    if start >= end:
        raise ValueError("start must be before end")
    slots = []
    cursor = start
    for begin, finish in sorted(busy):
        if finish <= start or begin >= end:
            continue
        if begin - cursor >= minimum:
            slots.append((cursor, begin))
        cursor = max(cursor, finish)
    if end - cursor >= minimum:
        slots.append((cursor, end))
    return slots
