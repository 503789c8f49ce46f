"""Objects of one kind in few bytes: the objects of a cluster differ little from each other.

Each is compressed with the first one as the dictionary (zlib, "deflateSetDictionary"): a reviewed
pod template of 2.5 kB takes 300 bytes. A small window keeps the cost of one low.
"""

import zlib
from typing import cast

import orjson

from stashgen.api.base import JsonObject
from stashgen_controller.kube.nesting import dumps

# A window of 8 kB, as much as a large object; the state of a compressor is 48 kB then, not 260.
_WINDOW_BITS, _MEMORY_LEVEL, _LEVEL = 13, 5, 1


class Packing:
    """Packs and unpacks the objects of one kind; safe to use from several threads."""

    def __init__(self) -> None:
        self._dictionary: bytes | None = None

    def pack(self, obj: JsonObject) -> bytes:
        """An object in bytes."""
        data = dumps(obj)
        if self._dictionary is None:
            self._dictionary = data[-(1 << _WINDOW_BITS) :]
        packer = zlib.compressobj(
            _LEVEL,
            zlib.DEFLATED,
            -_WINDOW_BITS,
            _MEMORY_LEVEL,
            zlib.Z_DEFAULT_STRATEGY,
            self._dictionary,
        )
        return packer.compress(data) + packer.flush()

    def unpack(self, packed: bytes) -> JsonObject:
        """The object that was packed; the caller may change it."""
        return cast("JsonObject", orjson.loads(self.text(packed)))

    def text(self, packed: bytes) -> bytes:
        """The JSON text of the object that was packed."""
        unpacker = zlib.decompressobj(-_WINDOW_BITS, self._dictionary or b"")
        return unpacker.decompress(packed)
