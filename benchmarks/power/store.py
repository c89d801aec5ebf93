"""The bytes of a disk with a volatile write cache. Pure: no kernel, no files; `device` shows it to the kernel.

What was written before a flush is durable. Of what was written since, a power cut leaves what it likes: each write
whole, not at all, or some of its sectors, whatever their order was. That is all that the standards of SATA, NVMe and
SD cards promise.
"""

from __future__ import annotations

import random

TORN_BYTES = 512
_SUPERBLOCK = range(1024, 2048)
_TORN_SHARE = 0.3  # of the writes that are not durable yet


class VolatileStore:
    """A disk of as many bytes as its content.

    :param seed: of what a cut leaves.
    """

    def __init__(self, content: bytes, seed: int) -> None:
        self.writes = 0
        self._seen = bytearray(content)
        self._durable = bytearray(content)
        self._pending: list[tuple[int, bytes]] = []
        self._cut_at: int | None = None
        self._is_off = False
        self._random = random.Random(seed)

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def is_off(self) -> bool:
        """Whether the power is gone: nothing that is written from then on is kept, though it can be read."""
        return self._is_off

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self._seen[offset : offset + length])

    def write(self, offset: int, content: bytes) -> None:
        """:raises ValueError: it does not fit on the disk."""
        if offset + len(content) > len(self):
            raise ValueError(f"{len(content)} bytes at {offset} of a disk of {len(self)}")
        self._seen[offset : offset + len(content)] = content
        if self._is_off:
            return
        self.writes += 1
        self._pending.append((offset, bytes(content)))
        if self.writes == self._cut_at:
            self.cut()

    def flush(self) -> None:
        """What was written until now is durable, unless the power was gone by then."""
        if not self._is_off:
            for offset, content in self._pending:
                self._durable[offset : offset + len(content)] = content
            self._pending.clear()

    def cut_after(self, writes: int) -> None:
        """The power goes in the middle of that write, counted from now; 1 is the next one."""
        self._cut_at = self.writes + writes

    def cut(self) -> None:
        """The power goes now."""
        if self._is_off:
            return
        self._is_off = True
        kept = self._random.random()
        for offset, content in self._pending:
            torn = self._random.random() < _TORN_SHARE
            whole = self._random.random() < kept
            for start in range(0, len(content), TORN_BYTES):
                if (self._random.random() < kept) if torn and not _is_superblock(offset + start) else whole:
                    part = content[start : start + TORN_BYTES]
                    self._durable[offset + start : offset + start + len(part)] = part
        self._pending.clear()

    def power_up(self) -> None:
        """The disk as the cut left it; all that the kernel thought to be there besides is gone."""
        self.cut()
        self._seen[:] = self._durable
        self._cut_at, self._is_off = None, False


def _is_superblock(place: int) -> bool:
    """ext4 refuses to mount with half a superblock, and every kernel so far relies on never meeting one."""
    return place in _SUPERBLOCK
