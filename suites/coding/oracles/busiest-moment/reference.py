def busiest(visits):
    """Return the largest number of visitors at once and the first minute at which that many are inside."""
    changes = {}
    for arrival, departure in visits:
        changes[arrival] = changes.get(arrival, 0) + 1
        changes[departure] = changes.get(departure, 0) - 1
    inside, people, moment = 0, 0, None
    for minute in sorted(changes):
        inside += changes[minute]
        if inside > people:
            people, moment = inside, minute
    return people, moment
