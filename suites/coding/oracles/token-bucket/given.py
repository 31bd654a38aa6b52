import time


class TokenBucket:
    def __init__(self, capacity, refill_rate, clock=time.monotonic):
        if capacity <= 0 or refill_rate <= 0:
            raise ValueError("capacity and refill_rate must be positive")
        self.capacity = capacity
        self._refill_rate = refill_rate
        self._clock = clock
        self._tokens = capacity
        self._updated = clock()

    def take(self, amount=1):
        self._refill()
        if amount > self._tokens:
            return False
        self._tokens -= amount
        return True

    def wait_time(self, amount):
        if amount > self.capacity:
            raise ValueError("the bucket never holds that many tokens")
        self._refill()
        missing = max(0, amount - self._tokens)
        return missing / self._refill_rate

    def _refill(self):
        now = self._clock()
        gained = (now - self._updated) * self._refill_rate
        self._tokens = min(self.capacity, self._tokens + gained)
        self._updated = now
