SIGNS = {"paid": 1, "open": 1, "refunded": -1}


def summarize(orders):
    amounts = {status: [] for status in SIGNS}
    for order in orders:
        if order["status"] in amounts:
            amounts[order["status"]].append(order["amount"])
    return {
        status: {"count": len(found), "total": SIGNS[status] * sum(found), "biggest": max(found)}
        for status, found in amounts.items()
        if found
    }
