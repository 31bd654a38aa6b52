RATES = {"domestic": (4.5, 1.5), "europe": (9, 3)}
INCLUDED_WEIGHT = 2
EXPRESS = 6


def shipping_cost(zone, weight, express):
    if weight <= 0:
        raise ValueError("weight must be positive")
    if zone not in RATES:
        raise ValueError("unknown zone")
    base, per_kilo = RATES[zone]
    cost = base + max(0, weight - INCLUDED_WEIGHT) * per_kilo
    return cost + EXPRESS if express else cost
