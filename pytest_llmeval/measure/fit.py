"""Does a model fit? Its weights and KV cache against a device's memory. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from .shapes import Shape

MARGIN = 0.1
"""The share of the memory left for activations, graphs and fragments: vLLM's own default uses 0.9 as well."""


class Fit(Struct, frozen=True, kw_only=True):
    """The answer. ``usable_bytes`` is the memory less the margin.

    ``largest_context``: tokens for each stream that still fit; 0 where the weights alone do not.
    """

    weights_bytes: int
    cache_bytes: int
    usable_bytes: int
    largest_context: int

    @property
    def needed_bytes(self) -> int:
        """Weights and cache."""
        return self.weights_bytes + self.cache_bytes

    @property
    def fits(self) -> bool:
        """Whether it does."""
        return self.needed_bytes <= self.usable_bytes


def fit(
    shape: Shape,
    *,
    memory_bytes: int,
    context: int,
    streams: int = 1,
    element_bytes: float = 2.0,
    margin: float = MARGIN,
) -> Fit:
    """Hold a model with ``streams`` streams of ``context`` tokens against a memory."""
    usable = int(memory_bytes * (1 - margin))

    def cache(tokens: int) -> int:
        return shape.cache_bytes(tokens, streams=streams, element_bytes=element_bytes)

    low, high = 0, shape.trained_context or max(context, 1 << 24)
    while low < high:  # the largest context whose cache fits: the cache grows with the context
        middle = (low + high + 1) // 2
        if shape.weights_bytes + cache(middle) <= usable:
            low = middle
        else:
            high = middle - 1
    return Fit(
        weights_bytes=shape.weights_bytes,
        cache_bytes=cache(context),
        usable_bytes=usable,
        largest_context=low,
    )
