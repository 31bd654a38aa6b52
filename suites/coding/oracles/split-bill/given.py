def split_bill(total_cents, people, tip_percent=0):
    if people < 1:
        raise ValueError("at least one person has to pay")
    with_tip = total_cents + total_cents * tip_percent // 100
    share, rest = divmod(with_tip, people)
    return [share + 1] * rest + [share] * (people - rest)
