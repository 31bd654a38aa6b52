def next_status(status, event, paid=False):
    if event == "cancel":
        if status == "new" or status == "confirmed" or status == "packed":
            if paid:
                return "refunding"
            else:
                return "cancelled"
        elif status == "shipped":
            raise ValueError("too late to cancel")
        elif status == "cancelled" or status == "refunding":
            return status
        else:
            raise ValueError("cannot cancel")
    elif status == "new":
        if event == "confirm":
            return "confirmed"
        elif event == "pay":
            return "new"
        else:
            raise ValueError("unexpected " + event)
    elif status == "confirmed":
        if event == "pack":
            if paid:
                return "packed"
            else:
                raise ValueError("not paid")
        elif event == "pay":
            return "confirmed"
        else:
            raise ValueError("unexpected " + event)
    elif status == "packed":
        if event == "ship":
            return "shipped"
        else:
            raise ValueError("unexpected " + event)
    elif status == "shipped":
        if event == "deliver":
            return "delivered"
        elif event == "return":
            return "refunding"
        else:
            raise ValueError("unexpected " + event)
    elif status == "delivered":
        if event == "return":
            return "refunding"
        else:
            raise ValueError("unexpected " + event)
    elif status == "refunding":
        if event == "refund":
            return "cancelled"
        else:
            raise ValueError("unexpected " + event)
    elif status == "cancelled":
        raise ValueError("unexpected " + event)
    else:
        raise KeyError(status)
