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
    """Digests, each as often as it was added.

    >>> bag = KeyBag()
    >>> bag.add(bytes(16))
    >>> bag.seal()
    >>> bag.take(bytes(16)), bag.take(bytes(16))
    (True, False)
    """

    def __init__(self) -> None:
        self._raw = bytearray()
        self._digests: npt.NDArray[np.bytes_] = np.empty(0, "S16")
        self._left: npt.NDArray[np.uint32] = np.empty(0, np.uint32)

    def add(self, digest: bytes) -> None:
        """Add one digest of :data:`SIZE` bytes; only before :meth:`seal`."""
        self._raw += digest

    def seal(self) -> None:
        """End the filling and make the bag ready to be taken from."""
        raw, self._raw = bytes(self._raw), bytearray()
        self._digests, counts = np.unique(np.frombuffer(raw, "S16"), return_counts=True)
        self._left = counts.astype(np.uint32)

    def take(self, digest: bytes) -> bool:
        """Take one digest out; False when none like it is left."""
        index = self._find(digest)
        if index is None or not self._left[index]:
            return False
        self._left[index] -= 1
        return True

    def _find(self, digest: bytes) -> int | None:
        index = int(np.searchsorted(self._digests, np.frombuffer(digest, "S16"))[0])
        # numpy leaves out the noughts at the end of bytes that it gives back.
        found = self._digests[index : index + 1].tolist() == [digest.rstrip(b"\0")]
        return index if found else None

    def __contains__(self, digest: bytes) -> bool:
        return self._find(digest) is not None

    def fresh(self) -> KeyBag:
        """A sealed bag with the same digests, taken from separately; the digests are shared."""
        bag = KeyBag()
        bag._digests, bag._left = self._digests, self._left.copy()
        return bag

    def __len__(self) -> int:
        return len(self._raw) // SIZE + int(self._left.sum())
