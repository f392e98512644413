"""Where a client stands in the bridge's log: what to ask for after a lost connection, and which events
to drop because they were handed over before."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict

RUNS_MAX = 1024
RANGES_OF_RUN_MAX = 4096


class SeenEvents:
    """Which of the sources' events were handed over, by source, run and source_seq: the only name of
    an event that survives a change of epoch.

    A run's numbers come nearly in one piece, so each run is a list of ranges. Beyond the limits the
    oldest are forgotten: an event may then come twice, never not at all.
    """

    def __init__(self) -> None:
        # (source, run) -> (first numbers, last numbers), both ascending; untouched for longest first
        self._runs: OrderedDict[tuple, tuple[list[int], list[int]]] = OrderedDict()

    def insert(self, source: str, run: str, source_seq: int) -> bool:
        """Notes the event; False where it was noted before."""
        key = (source, run)
        known = self._runs.get(key)
        if known is None:
            self._runs[key] = ([source_seq], [source_seq])
            if len(self._runs) > RUNS_MAX:
                self._runs.popitem(last=False)
            return True
        self._runs.move_to_end(key)
        firsts, lasts = known
        if lasts[-1] + 1 == source_seq:  # nearly always
            lasts[-1] = source_seq
            return True
        after = bisect_right(firsts, source_seq)
        if after > 0 and source_seq <= lasts[after - 1]:
            return False
        joins_before = after > 0 and lasts[after - 1] + 1 == source_seq
        joins_after = after < len(firsts) and source_seq + 1 == firsts[after]
        if joins_before and joins_after:
            lasts[after - 1] = lasts[after]
            del firsts[after], lasts[after]
        elif joins_before:
            lasts[after - 1] = source_seq
        elif joins_after:
            firsts[after] = source_seq
        else:
            firsts.insert(after, source_seq)
            lasts.insert(after, source_seq)
            if len(firsts) > RANGES_OF_RUN_MAX:
                del firsts[0], lasts[0]
        return True


class Cursor:
    """Sees the answer to each registration and each event, in the order of the wire."""

    def __init__(self, start: dict | None) -> None:
        self._start = start
        self.position: dict | None = None  # of the last event handed over
        self.epoch = ""  # of the connection
        self._handed_over = 0  # newest seq of this epoch
        self._epoch_changed = False  # ever: then a source's number decides too
        self._seen = SeenEvents()
        self._last_gap: object = None  # since the last event

    def next_since(self) -> dict | None:
        """What the next registration asks for."""
        return self.position or self._start

    def on_registered(self, epoch: str, newest: int) -> None:
        if epoch != self.epoch:
            self._handed_over = 0
            self._epoch_changed = self._epoch_changed or bool(self.epoch)
            self.epoch = epoch
        # From now on everything is owed. A `since` of the user's stays as it is until an event
        # answers it.
        if self.position is None and self._start is None:
            self.position = {"epoch": epoch, "seq": newest}

    def admit(self, event: dict) -> bool:
        """Whether the event is to be handed over; notes it as handed over if so."""
        seq = event.get("seq")
        if not isinstance(seq, int) or event.get("replay"):
            return True
        if seq <= self._handed_over:
            return False
        self._handed_over = seq
        self._move_on(seq)
        self._last_gap = None
        source, run, number = event.get("source", ""), event.get("run", ""), event.get("source_seq")
        if not isinstance(number, int) or not isinstance(source, str) or not isinstance(run, str):
            return True
        fresh = self._seen.insert(source, run, number)
        return fresh or not self._epoch_changed

    def _move_on(self, seq: int) -> None:
        # A snapshot's events are older than the place that the stream goes on from.
        at = self.position
        if at is None or at["epoch"] != self.epoch or at["seq"] < seq:
            self.position = {"epoch": self.epoch, "seq": seq}

    def complete_until(self, seq: int) -> None:
        """All that is wanted up to there was handed over."""
        self._handed_over = max(self._handed_over, seq)
        self._move_on(seq)

    def admit_gap(self, gap: dict) -> bool:
        """False for one that a reconnection only repeats."""
        key = (self.epoch, repr(gap.get("data")))
        if key == self._last_gap:
            return False
        self._last_gap = key
        return True

    def restart(self, start: dict | None) -> None:
        """The user asks to begin elsewhere: what was handed over may come again."""
        self._start = start
        self.position = None
        self._handed_over = 0
        self._seen = SeenEvents()
        self._last_gap = None
