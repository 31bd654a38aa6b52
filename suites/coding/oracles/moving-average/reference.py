def moving_average(values, window):
    if window < 1:
        raise ValueError("window must be at least 1")
    averages = []
    for start in range(len(values) - window + 1):
        part = values[start : start + window]
        averages.append(sum(part) / window)
    return averages
