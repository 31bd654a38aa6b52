STEPS = {
    "new": {"confirm": "confirmed", "pay": "new"},
    "confirmed": {"pack": "packed", "pay": "confirmed"},
    "packed": {"ship": "shipped"},
    "shipped": {"deliver": "delivered", "return": "refunding"},
    "delivered": {"return": "refunding"},
    "refunding": {"refund": "cancelled"},
    "cancelled": {},
}


def next_status(status, event, paid=False):
    if event == "cancel":
        return cancel(status, paid)
    steps = STEPS[status]
    if event not in steps:
        raise ValueError("unexpected " + event)
    if event == "pack" and not paid:
        raise ValueError("not paid")
    return steps[event]


def cancel(status, paid):
    if status in ("cancelled", "refunding"):
        return status
    if status == "shipped":
        raise ValueError("too late to cancel")
    if status not in ("new", "confirmed", "packed"):
        raise ValueError("cannot cancel")
    return "refunding" if paid else "cancelled"
