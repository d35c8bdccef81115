"""A weight's numbers as a GGUF file keeps them: `gguf` rounds them, llama.cpp's own code K-quants.

`gguf` writes no K-quants; llama.cpp's `ggml_quantize_chunk`, in the library that serves here, does.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tasks.exporting.errors import cannot
from tasks.exporting.weights import K_QUANTS, Kind


def quantized(values: Any, kind: Kind) -> Any:
    """Return a float32 array's rows as they stand in the file, in `kind`."""
    import gguf
    import numpy as np

    wanted = gguf.GGMLQuantizationType[kind.upper()]
    if kind not in K_QUANTS:
        return gguf.quants.quantize(values, wanted)
    source = np.ascontiguousarray(values, dtype=np.float32)
    rows, row = source.size // source.shape[-1], source.shape[-1]
    out = np.empty(gguf.quant_shape_to_byte_shape(source.shape, wanted), np.uint8)
    written = _quantize_chunk()(
        int(wanted), source.ctypes.data, out.ctypes.data, 0, rows, row, None
    )
    if written != out.nbytes:
        raise cannot(f"llama.cpp wrote {written} bytes of {out.nbytes} in {kind}", "report it")
    return out


@cache
def _quantize_chunk() -> Any:
    """Return llama.cpp's function: (type, from, to, first row, rows, length of a row, weights)."""
    found = find_spec("xllamacpp")
    places = found.submodule_search_locations if found else None
    library = next(Path(places[0]).glob("*.so"), None) if places else None
    function = library and getattr(ctypes.CDLL(str(library)), "ggml_quantize_chunk", None)
    if not function:
        raise cannot(
            "llama.cpp, which writes K-quants, is not installed, or does not show how",
            "run `make setup`, or keep weights as q4_0 or q5_0",
        )
    function.restype = ctypes.c_size_t
    function.argtypes = [
        ctypes.c_int,
        *[ctypes.c_void_p] * 2,
        *[ctypes.c_int64] * 3,
        ctypes.c_void_p,
    ]
    return function
