from collections import Counter


class Inventory:
    def __init__(self):
        self._pieces = Counter()

    def add(self, name, count=1):
        if count < 1:
            raise ValueError("count must be at least 1")
        self._pieces[name] += count

    def remove(self, name, count=1):
        left = self._pieces[name] - count
        if left < 0:
            raise KeyError(name)
        self._pieces[name] = left

    def count(self, name):
        return self._pieces[name]

    def names(self):
        return sorted(+self._pieces)
