def moving_average(values, window):
    if window < 1:
        raise ValueError("window must be at least 1")
    sums = [0]
    for value in values:
        sums.append(sums[-1] + value)
    return [(after - before) / window for before, after in zip(sums, sums[window:])]
