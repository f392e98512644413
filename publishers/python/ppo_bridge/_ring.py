"""The events that wait, and the ones kept to be sent again."""

from __future__ import annotations

from collections import deque
from itertools import islice


class EventRing:
    """Numbered events, bounded by number and by bytes; when full, the oldest go.

    Two parts: what was sent and can be sent again, and behind it what still waits. One thread.
    """

    def __init__(self, events_max: int, bytes_max: int) -> None:
        self._events_max = events_max
        self._bytes_max = bytes_max
        self._sent: deque[bytes] = deque()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0  # counted with one line break an event
        self._bytes_waiting = 0
        self.head = 0  # the newest number given
        self.dropped = 0  # let go before they were sent

    def __len__(self) -> int:
        return len(self._sent) + len(self._waiting)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def half_full(self) -> bool:
        """By what waits."""
        return 2 * self._bytes_waiting > self._bytes_max or 2 * len(self._waiting) > self._events_max

    def fitting(self, events: int, chars: int) -> int:
        """How many of `events`, the long ones of which have so many characters at most, fit in the other half."""
        if 2 * (chars + 512 * events) > self._bytes_max:
            return 1
        return min(events, max(self._events_max // 2, 1))

    @property
    def oldest(self) -> int:
        """The oldest number that is still there; head + 1 where none is."""
        return self.head + 1 - len(self)

    def extend(self, bodies: list[bytes]) -> None:
        """Adds the events that were given the numbers from head + 1 on."""
        self.head += len(bodies)
        self._waiting.extend(bodies)
        size = sum(map(len, bodies)) + len(bodies)
        self._bytes += size
        self._bytes_waiting += size
        while self._bytes > self._bytes_max or len(self) > self._events_max:
            if self._sent:
                oldest = self._sent.popleft()
            elif self._waiting:
                oldest = self._waiting.popleft()
                self._bytes_waiting -= len(oldest) + 1
                self.dropped += 1
            else:
                return
            self._bytes -= len(oldest) + 1

    def first_waiting(self) -> bytes:
        return self._waiting[0]

    def take(self, bytes_max: int) -> list[bytes]:
        """The oldest that wait, as many as fit in a message but one at least; they count as sent."""
        batch: list[bytes] = []
        size = 0
        waiting = self._waiting
        while waiting:
            size += len(waiting[0]) + 1
            if batch and size > bytes_max:
                break
            batch.append(waiting.popleft())
            self._bytes_waiting -= len(batch[-1]) + 1
        self._sent.extend(batch)
        return batch

    def replay(self, first: int, last: int, bytes_max: int) -> list[bytes]:
        """Those of first..last that are still there, in order, as many as fit in `bytes_max`
        but one at least."""
        oldest = self.oldest
        first = max(first, oldest)
        last = min(last, self.head)
        found: list[bytes] = []
        if first > last:
            return found
        size = 0
        start, stop, sent = first - oldest, last - oldest + 1, len(self._sent)
        parts = (
            (self._sent, start, min(stop, sent)),
            (self._waiting, max(start - sent, 0), stop - sent),
        )
        for part, begin, end in parts:
            if begin >= end:
                continue
            for body in islice(part, begin, end):
                size += len(body) + 1
                if found and size > bytes_max:
                    return found
                found.append(body)
        return found

    def abandon(self) -> int:
        """Lets go of what still waits; how many."""
        left = len(self._waiting)
        self.dropped += left
        self._waiting.clear()
        return left
