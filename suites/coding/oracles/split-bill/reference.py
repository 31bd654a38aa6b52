def split_bill(total_cents, people, tip_percent=0):
    """Divide a bill and its tip among people, to the cent.

    Args:
        total_cents: The amount on the bill, in cents and without a tip.
        people: How many people share the bill.
        tip_percent: The tip as a percentage of the bill, rounded down to whole cents. No tip if left out.

    Returns:
        A list with what each person pays, in cents. It adds up to the bill with its tip; where it can't be
        divided evenly, those who come first pay one cent more.

    Raises:
        ValueError: If fewer than one person shares the bill.
    """
    if people < 1:
        raise ValueError("at least one person has to pay")
    with_tip = total_cents + total_cents * tip_percent // 100
    share, rest = divmod(with_tip, people)
    return [share + 1] * rest + [share] * (people - rest)
