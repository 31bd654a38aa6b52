def shipping_cost(zone, weight, express):
    if weight <= 0:
        raise ValueError("weight must be positive")
    if zone == "domestic":
        base, rate = 4.5, 1.5
    elif zone == "europe":
        base, rate = 9, 3
    else:
        raise ValueError("unknown zone")
    extra = 6 if express else 0
    return base + rate * max(weight - 2, 0) + extra
