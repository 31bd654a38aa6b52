import time


class TokenBucket:
    """A limiter that lets bursts through and bounds the average rate.

    Tokens trickle into the bucket until it is full; whatever should be limited takes some out first.
    """

    def __init__(self, capacity, refill_rate, clock=time.monotonic):
        """Start with a full bucket.

        Args:
            capacity: The most tokens that the bucket holds, and so the largest burst.
            refill_rate: How many tokens are added per second.
            clock: Called without arguments to tell the time in seconds; replace it in tests.

        Raises:
            ValueError: If capacity or refill_rate is zero or negative.
        """
        if capacity <= 0 or refill_rate <= 0:
            raise ValueError("capacity and refill_rate must be positive")
        self.capacity = capacity
        self._refill_rate = refill_rate
        self._clock = clock
        self._tokens = capacity
        self._updated = clock()

    def take(self, amount=1):
        """Take tokens out if there are enough of them now.

        Args:
            amount: How many tokens are needed.

        Returns:
            True if they were taken; False if too few were left, which leaves the bucket as it is.
        """
        self._refill()
        if amount > self._tokens:
            return False
        self._tokens -= amount
        return True

    def wait_time(self, amount):
        """Tell how long it takes until so many tokens are available, without taking any.

        Args:
            amount: How many tokens are needed.

        Returns:
            The seconds to wait, 0 if they are there already.

        Raises:
            ValueError: If the amount exceeds the capacity, so that waiting would never end.
        """
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
