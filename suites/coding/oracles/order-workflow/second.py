NEXT = {
    ("new", "confirm"): "confirmed",
    ("new", "pay"): "new",
    ("confirmed", "pack"): "packed",
    ("confirmed", "pay"): "confirmed",
    ("packed", "ship"): "shipped",
    ("shipped", "deliver"): "delivered",
    ("shipped", "return"): "refunding",
    ("delivered", "return"): "refunding",
    ("refunding", "refund"): "cancelled",
    ("cancelled", "cancel"): "cancelled",
    ("refunding", "cancel"): "refunding",
}
KNOWN = {status for status, _ in NEXT}
CANCELLABLE = {"new", "confirmed", "packed"}


def next_status(status, event, paid=False):
    if event == "cancel" and status in CANCELLABLE:
        return "refunding" if paid else "cancelled"
    if (status, event) == ("confirmed", "pack") and not paid:
        raise ValueError("not paid")
    if (status, event) in NEXT:
        return NEXT[status, event]
    if event == "cancel":
        raise ValueError("too late to cancel" if status == "shipped" else "cannot cancel")
    if status not in KNOWN:
        raise KeyError(status)
    raise ValueError("unexpected " + event)
