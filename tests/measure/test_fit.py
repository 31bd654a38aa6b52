"""Does it fit: the arithmetic by hand, and its largest context for any numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure import fit, shapes

GIB = 1 << 30


def test_it_fits_or_not():
    shape = shapes.uniform(
        weights_bytes=16 * GIB, layers=32, kv_heads=8, head_dim=128, trained_context=131072
    )
    asked = {"memory_bytes": 24 * GIB, "margin": 0.0}
    small = fit.fit(shape, context=32768, **asked)
    assert small.fits
    assert small.cache_bytes == 4 * GIB
    assert small.largest_context == 65536  # 8 GiB are left, a token takes 128 KiB
    assert not fit.fit(shape, context=32768, streams=3, **asked).fits
    assert fit.fit(shape, context=32768, streams=3, **asked).largest_context == 65536 // 3
    assert fit.fit(shape, context=32768, streams=4, element_bytes=1, **asked).fits
    assert fit.fit(shape, context=1, memory_bytes=80 * GIB).largest_context == 131072
    assert fit.fit(shape, context=1, memory_bytes=80 * GIB).usable_bytes == int(72 * GIB)
    assert fit.fit(shape, context=0, memory_bytes=8 * GIB).largest_context == 0


@given(
    weights=st.integers(0, 10**12),
    layers=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 10**6)), min_size=1, max_size=100),
    memory=st.integers(0, 10**13),
    streams=st.integers(1, 1000),
    trained=st.integers(1, 10**7),
)
def test_the_largest_context_is_the_largest(weights, layers, memory, streams, trained):
    elements, windows = zip(*layers, strict=True)
    shape = shapes.Shape(weights_bytes=weights, elements=elements, windows=windows, trained_context=trained)

    def held(context: int) -> fit.Fit:
        return fit.fit(shape, memory_bytes=memory, context=context, streams=streams)

    largest = held(1).largest_context
    assert 0 <= largest <= trained
    assert largest == 0 or held(largest).fits
    assert largest == trained or not held(largest + 1).fits
