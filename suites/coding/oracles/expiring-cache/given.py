class ExpiringCache:
    """At most `capacity` values, each for `lifetime` seconds.

    Every method is told the time `now` in seconds; it never goes back. A value has expired once at least
    `lifetime` seconds have passed since it was put.
    """

    def __init__(self, capacity: int, lifetime: int) -> None:
        """Begin empty."""

    def put(self, key, value, now) -> None:
        """Store a value under a key, in place of one that is there.

        If there are then more than `capacity` values, drop all that have expired; if there are still too
        many, drop the one that was not used for the longest time. Both `put` and `get` use a value.
        """

    def get(self, key, now):
        """Return the value of a key; None if there is none or it has expired."""

    def keys(self, now) -> list:
        """Return the keys of all values that have not expired, the least recently used one first."""
