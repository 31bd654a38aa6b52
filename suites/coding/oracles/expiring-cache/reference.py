from collections import OrderedDict


class ExpiringCache:
    """At most `capacity` values, each for `lifetime` seconds.

    Every method is told the time `now` in seconds; it never goes back. A value has expired once at least
    `lifetime` seconds have passed since it was put.
    """

    def __init__(self, capacity: int, lifetime: int) -> None:
        """Begin empty."""
        self.capacity = capacity
        self.lifetime = lifetime
        self._entries = OrderedDict()

    def put(self, key, value, now) -> None:
        """Store a value under a key, in place of one that is there.

        If there are then more than `capacity` values, drop all that have expired; if there are still too
        many, drop the one that was not used for the longest time. Both `put` and `get` use a value.
        """
        self._drop_expired(now)
        self._entries[key] = (value, now)
        self._entries.move_to_end(key)
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)

    def get(self, key, now):
        """Return the value of a key; None if there is none or it has expired."""
        self._drop_expired(now)
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def keys(self, now) -> list:
        """Return the keys of all values that have not expired, the least recently used one first."""
        self._drop_expired(now)
        return list(self._entries)

    def _drop_expired(self, now) -> None:
        """Forget whatever was put too long ago."""
        expired = [key for key, (_, put_at) in self._entries.items() if now - put_at >= self.lifetime]
        for key in expired:
            del self._entries[key]
