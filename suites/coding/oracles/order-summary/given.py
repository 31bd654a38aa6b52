def summarize(orders):
    paid_count = 0
    paid_total = 0
    paid_biggest = None
    for order in orders:
        if order["status"] == "paid":
            paid_count = paid_count + 1
            paid_total = paid_total + order["amount"]
            if paid_biggest is None:
                paid_biggest = order["amount"]
            elif order["amount"] > paid_biggest:
                paid_biggest = order["amount"]
    open_count = 0
    open_total = 0
    open_biggest = None
    for order in orders:
        if order["status"] == "open":
            open_count = open_count + 1
            open_total = open_total + order["amount"]
            if open_biggest is None:
                open_biggest = order["amount"]
            elif order["amount"] > open_biggest:
                open_biggest = order["amount"]
    refunded_count = 0
    refunded_total = 0
    refunded_biggest = None
    for order in orders:
        if order["status"] == "refunded":
            refunded_count = refunded_count + 1
            refunded_total = refunded_total - order["amount"]
            if refunded_biggest is None:
                refunded_biggest = order["amount"]
            elif order["amount"] > refunded_biggest:
                refunded_biggest = order["amount"]
    result = {}
    if paid_count > 0:
        result["paid"] = {"count": paid_count, "total": paid_total, "biggest": paid_biggest}
    if open_count > 0:
        result["open"] = {"count": open_count, "total": open_total, "biggest": open_biggest}
    if refunded_count > 0:
        result["refunded"] = {"count": refunded_count, "total": refunded_total, "biggest": refunded_biggest}
    return result
