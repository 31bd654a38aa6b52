import heapq


def build_order(needs):
    """Return every task after those that it needs, the alphabetically first wherever there is a choice."""
    waiting = {name: set() for before in needs.values() for name in before}
    waiting |= {task: set(before) for task, before in needs.items()}
    ready = [task for task, before in waiting.items() if not before]
    heapq.heapify(ready)
    order = []
    while ready:
        done = heapq.heappop(ready)
        order.append(done)
        for task, before in waiting.items():
            if done in before:
                before.remove(done)
                if not before:
                    heapq.heappush(ready, task)
    if len(order) < len(waiting):
        raise ValueError("tasks need each other in a circle")
    return order
