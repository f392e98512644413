"""How far the bridge's clock is from ours: what a command's `by` means here."""

from __future__ import annotations

from collections import deque

_QUESTIONS_MAX = 8
_SAMPLES_MAX = 8
_STAMP_ERROR_S = 2e-6  # from decimals to a double and back


class BridgeClock:
    """Of each question and its answer it is known that the bridge read its clock in between, so their
    middle is wrong by half the round trip at most (F. Cristian, "Probabilistic clock
    synchronization", 1989; RFC 5905 section 8). Of the newest eight the one with the least round trip
    counts (RFC 5905 section 10). `now` is time.monotonic(), so that setting this machine's clock
    changes nothing. One thread.
    """

    def __init__(self) -> None:
        self._questions: deque[tuple[float, float]] = deque(maxlen=_QUESTIONS_MAX)  # stamp, when
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES_MAX)  # round trip, offset

    def asked(self, stamp: float, now: float) -> None:
        """A question left; `stamp` comes back with its answer."""
        self._questions.append((stamp, now))

    def answered(self, stamp: float, bridge: float, now: float) -> None:
        """Its answer: the stamp and the bridge's time, in seconds. What was not asked is passed
        over."""
        while self._questions:
            asked, at = self._questions.popleft()
            if abs(asked - stamp) <= _STAMP_ERROR_S:
                break
        else:
            return
        round_trip, offset = now - at, bridge - (at + now) / 2
        if self._samples:
            best = min(self._samples)
            # Both cannot be true of one clock: the bridge's was set.
            if abs(offset - best[1]) > (round_trip + best[0]) / 2:
                self._samples.clear()
        self._samples.append((round_trip, offset))

    def surely_past(self, bridge: float) -> float | None:
        """From when on the bridge's clock is surely beyond `bridge`; None while no answer has come."""
        if not self._samples:
            return None
        round_trip, offset = min(self._samples)
        return bridge - offset + round_trip / 2

    def forget(self) -> None:
        """Another bridge may have another clock."""
        self._questions.clear()
        self._samples.clear()
