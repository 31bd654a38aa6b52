class ExpiringCache:
    def __init__(self, capacity: int, lifetime: int) -> None:
        self.capacity = capacity
        self.lifetime = lifetime
        self.slots = []  # [key, value, put at], the least recently used first

    def put(self, key, value, now) -> None:
        self.slots = [slot for slot in self.slots if slot[0] != key]
        self.slots.append([key, value, now])
        if len(self.slots) > self.capacity:
            self.slots = self.alive(now)
        while len(self.slots) > self.capacity:
            self.slots.pop(0)

    def get(self, key, now):
        for slot in self.alive(now):
            if slot[0] == key:
                self.slots.remove(slot)
                self.slots.append(slot)
                return slot[1]
        return None

    def keys(self, now) -> list:
        return [slot[0] for slot in self.alive(now)]

    def alive(self, now):
        return [slot for slot in self.slots if now < slot[2] + self.lifetime]
