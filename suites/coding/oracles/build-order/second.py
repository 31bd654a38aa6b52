def build_order(needs):
    left = sorted(set(needs).union(*needs.values()))
    order = []
    while left:
        for task in left:
            if all(before in order for before in needs.get(task, [])):
                break
        else:
            raise ValueError("circle")
        order.append(task)
        left.remove(task)
    return order
