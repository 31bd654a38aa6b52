class Inventory:
    stock = {}

    def add(self, name, count=1):
        if count < 1:
            raise ValueError("count must be at least 1")
        self.stock[name] = count

    def remove(self, name, count=1):
        if count >= self.stock.get(name, 0):
            raise KeyError(name)
        self.stock[name] -= count

    def count(self, name):
        return self.stock.get(name, 0)

    def names(self):
        return sorted(self.stock)
