"""How long to wait before connecting again: the rule of PROTOCOL.md, section 4."""

from __future__ import annotations

import random

FIRST_S = 0.25
MAX_S = 10.0
FACTOR = 2
STOOD_S = 1.0  # a connection that stood so long, or brought an event, was a good one
LATER = (1013, 4029)  # close codes of who is to come later: not a good one


class Backoff:
    def __init__(self, first_s: float = FIRST_S, max_s: float = MAX_S) -> None:
        self._first_s, self._max_s = first_s, max_s
        self._ceiling_s = first_s

    def next(self) -> float:
        """Seconds, between 0 and a ceiling that grows; so clients that lost the same bridge do not
        come back at once."""
        wait = random.uniform(0, self._ceiling_s)
        self._ceiling_s = min(self._ceiling_s * FACTOR, self._max_s)
        return wait

    def reset(self) -> None:
        self._ceiling_s = self._first_s
