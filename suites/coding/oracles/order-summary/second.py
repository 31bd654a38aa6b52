def summarize(orders):
    result = {}
    for status in ("paid", "open", "refunded"):
        amounts = [order["amount"] for order in orders if order["status"] == status]
        if not amounts:
            continue
        total = sum(amounts)
        if status == "refunded":
            total = -total
        result[status] = {"count": len(amounts), "total": total, "biggest": max(amounts)}
    return result
