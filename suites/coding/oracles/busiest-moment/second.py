def busiest(visits):
    best = (0, None)
    for minute, _ in sorted(visits):
        people = sum(start <= minute < end for start, end in visits)
        if people > best[0]:
            best = (people, minute)
    return best
