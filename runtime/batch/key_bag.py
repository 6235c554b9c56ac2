"""A bag of 16-byte digests that costs 20 bytes each, so that millions fit in any memory.

Filled first, sealed, then only taken from: that is all a resumed run needs, and it lets the
digests lie sorted in flat arrays instead of a hash table of objects (about 100 bytes each).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SIZE = 16
"""Bytes of a digest."""


class KeyBag:
    """KeyBag, each as often as it was added.

    >>> bag = KeyBag()
    >>> bag.add(bytes(16))
    >>> bag.seal()
    >>> bag.take(bytes(16)), bag.take(bytes(16))
    (True, False)
    """

    def __init__(self) -> None:
        self._raw = bytearray()
        self._high: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._low: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._left: npt.NDArray[np.uint32] = np.empty(0, np.uint32)

    def add(self, digest: bytes) -> None:
        """Add one digest of :data:`SIZE` bytes; only before :meth:`seal`."""
        self._raw += digest

    def seal(self) -> None:
        """End the filling and make the bag ready to be taken from."""
        pairs = np.frombuffer(bytes(self._raw), np.uint64).reshape(-1, 2)
        self._raw = bytearray()
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        fresh = np.ones(len(pairs), np.bool_)
        fresh[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
        first = np.flatnonzero(fresh)
        self._high, self._low = pairs[first, 0], pairs[first, 1]
        self._left = np.diff(first, append=len(pairs)).astype(np.uint32)

    def take(self, digest: bytes) -> bool:
        """Take one digest out; False when none like it is left."""
        high, low = np.frombuffer(digest, np.uint64)
        index = int(np.searchsorted(self._high, high))
        while index < self._high.size and self._high[index] == high:
            if self._low[index] == low:
                if not self._left[index]:
                    return False
                self._left[index] -= 1
                return True
            index += 1
        return False

    def __len__(self) -> int:
        return len(self._raw) // SIZE + int(self._left.sum())
