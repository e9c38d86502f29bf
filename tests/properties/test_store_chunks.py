"""Chunks of a store lie in one part each, and none is tiny or huge.

Truth: the definition.
"""

from hypothesis import given
from hypothesis import strategies as st

from doseline.store_layout import LEAST, MOST, chunk_shape


@given(
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 60_000), st.integers(1, 20_000)),
    each=st.integers(1, 60_000),
    itemsize=st.sampled_from([1, 4, 8]),
)
def test_no_chunk_lies_in_two_parts(sizes, each, itemsize):
    """No file is beyond the limit, nor below the other one where the part is large enough."""
    each = min(each, sizes[1])
    chunk = chunk_shape(("meal", "subject", "time"), sizes, itemsize, {"subject": each})
    size = itemsize * chunk[0] * chunk[1] * chunk[2]
    assert each % chunk[1] == 0
    assert size <= MOST
    assert size >= min(LEAST, itemsize * sizes[0] * each * sizes[2])
    assert all(1 <= part <= full for part, full in zip(chunk, sizes, strict=True))
