class Account:
    """A bank account that may be overdrawn down to a limit."""

    def __init__(self, balance=0, overdraft=0):
        if overdraft < 0:
            raise ValueError("overdraft can't be negative")
        self.balance = balance
        self.overdraft = overdraft
        self.history = []

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("amount must be positive")
        self.balance += amount
        self.history.append(("deposit", amount))

    def withdraw(self, amount):
        if amount <= 0:
            raise ValueError("amount must be positive")
        if self.balance - amount < -self.overdraft:
            return False
        self.balance -= amount
        self.history.append(("withdraw", amount))
        return True

    def transfer(self, other, amount):
        if other is self or not self.withdraw(amount):
            return False
        other.deposit(amount)
        return True
