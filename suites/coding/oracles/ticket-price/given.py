def ticket_price(age, weekend=False):
    """Price of one museum ticket in euros."""
    if age < 0:
        raise ValueError("age can't be negative")
    if age < 6:
        return 0
    price = 12
    if age < 18 or age >= 65:
        price = 7
    if weekend:
        price += 2
    return price
