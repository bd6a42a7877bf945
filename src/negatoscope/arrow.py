"""Arrow's arrays, made without `pa.array`, which loads pandas to ask whether what it is given is one of its own."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from jaxtyping import Shaped


def arrow_numbers(values: Shaped[np.ndarray, " n"], kind: pa.DataType) -> pa.Array:
    """Numbers as an array of some type.

    Raises:
        pyarrow.ArrowException: The values are no numbers, or one does not fit the type.
    """
    whole = np.ascontiguousarray(values)
    made = pa.from_numpy_dtype(whole.dtype)
    if not pa.types.is_primitive(made):
        raise pa.ArrowTypeError(f"expected numbers, got {made}")
    return pa.Array.from_buffers(made, len(whole), [None, pa.py_buffer(whole)]).cast(kind)


def arrow_texts(texts: Sequence[str | None]) -> pa.StringArray:
    """Texts as an array; None is null."""
    encoded = [(text or "").encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    there = np.packbits(np.array([text is not None for text in texts], dtype=bool), bitorder="little")
    return pa.StringArray.from_buffers(len(texts), *map(pa.py_buffer, (ends, b"".join(encoded), there)))
