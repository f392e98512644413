"""Between the threads that publish and the one that sends."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from time import time
from typing import Any, Callable

from ._json import DEPTH_MAX, Teller, depth_of, encode, to_utf8
from ._quick_text import Held
from ._names import TYPE_RANGE, is_event_type, printable
from ._values import Unencodable, as_mapping

# What may lie here until the sending thread comes by; beyond it events are refused. A program that does
# nothing but publish reaches it in about a second: it leaves that thread one turn in five at the interpreter.
INBOX_EVENTS_MAX = 1 << 18
INBOX_CHARS_MAX = 64 * 1024 * 1024

_CHARS_UNCOUNTED = 512  # of a text so short the number is bound enough
_EVENTS_UNCHECKED = 4096  # so many may lie there whatever their length
_CHARS_GATHERED = 4 * 1024 * 1024  # with more the sending thread no longer waits for others to come

_TYPES_KEPT_MAX = 1024
_ENVELOPE_CHARS_MAX = 256  # around type and data
_SECONDS_MAX = 1e11  # since 1970: the year 5138


class Outbox:
    """Takes events in without a lock, so that no thread, signal handler or finaliser that publishes
    ever waits for another: the one thing shared is a deque, whose append() is atomic.
    """

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max = event_bytes_max
        # Texts shorter than this need no closer look: no character takes more than four bytes.
        self._chars_unchecked = max(event_bytes_max // 4 - _ENVELOPE_CHARS_MAX, 0)
        self._chars_quick = min(self._chars_unchecked, _CHARS_UNCOUNTED)
        self._prefixes: dict[Any, str] = {}
        # Texts that lack their end, times, and numbers to be filled in.
        self._inbox: deque[tuple[str, float, tuple]] = deque()
        self._chars_in = 0
        self._chars_out = 0
        self._taken = 0
        self.refused = 0
        self.complaint = ""  # why the last one was refused
        self.nulled = 0  # values of accepted events that could not be told
        self.loss = ""  # which the last ones of them were, and why
        self.error = ""  # why nothing is accepted any more
        self._unchecked = _EVENTS_UNCHECKED  # none once there is an error
        self.asleep = False  # the sending thread waits for wake()
        self.gathering = False  # it waits for more to come, until many() is true
        self.wake: Callable[[], None] = lambda: None

    def offer(self, event_type: str, data: Any, timestamp: float | None) -> bool:
        """Any thread; never raises. A snapshot of `data` is taken here.

        By encoding it, which the sending thread could not do for less: it would keep the interpreter
        for the same work, with the values in another core's cache, and at one go for many events."""
        try:
            prefix = self._prefixes.get(event_type) or self._prefix_of(event_type)
            if type(data) is not dict:
                data = as_mapping(data)
            try:
                told = encode(data)
                text = prefix + told  # up to the end of its data
                size = len(text)
                # Looking whether anything is nested takes a fifth of the time of counting how much.
                if size > 126 and ("[" in told or told.rfind("{")):
                    if told.count("{") + told.count("[") > DEPTH_MAX:
                        self._check_depth(text)
                if size > self._chars_unchecked:
                    self._check_size(text)
            except Exception:
                text = prefix + self._carefully(event_type, data)
                size = len(text)
            if timestamp is None:
                at = time()
            elif type(timestamp) is float and -_SECONDS_MAX <= timestamp <= _SECONDS_MAX:
                at = timestamp
            else:
                at = self._time_of(event_type, timestamp)
        except Exception as error:
            return self.refuse("%s: %s" % (type(error).__name__, error), event_type)
        inbox = self._inbox
        if len(inbox) > self._unchecked and (self.error or self._is_full()):
            return self.refuse(self._why_not(text), event_type)
        if size > _CHARS_UNCOUNTED:
            self._count_in(size)
        inbox.append((text, at, ()))
        if self.asleep:
            self.asleep = False
            self.wake()
        return True

    def offer_filled(self, template: str, numbers: tuple) -> bool:
        """As offer(), of what is published at every step: the JSON of an event up to the end of its data, in
        which the sending thread fills in these ints and floats."""
        inbox = self._inbox
        if len(inbox) > self._unchecked or len(template) > self._chars_quick:
            why = self._why_not(template)
            if why:
                return self.refuse(why)
            if len(template) > _CHARS_UNCOUNTED:
                self._count_in(len(template))
        inbox.append((template, time(), numbers))
        if self.asleep:
            self.asleep = False
            self.wake()
        return True

    def publish(self, event_type: str, data: Any) -> bool:
        return self.offer(event_type, data, None)

    def _carefully(self, event_type: str, data: Mapping) -> str:
        """What of it can be told and has room."""
        teller = Teller()
        text = teller.text_of(data, self._event_bytes_max - _ENVELOPE_CHARS_MAX)
        self.count_lost(event_type, teller)
        return text

    def count_lost(self, event_type: str, teller: Teller) -> None:
        self._count_lost(event_type, teller.lost_count, teller.lost)

    def _time_of(self, event_type: str, timestamp: Any) -> float:
        """Now, where it is none."""
        try:
            if isinstance(timestamp, datetime):
                timestamp = timestamp.timestamp()
            at = float(timestamp)
            if abs(at) <= _SECONDS_MAX:
                return at
        except Exception:
            pass
        why = "%s; must be seconds since 1970" % printable(timestamp)
        self._count_lost(event_type, 1, [("timestamp", why)])
        return time()

    def _count_lost(self, event_type: str, count: int, lost: list) -> None:
        if count:
            self.nulled += count
            shown = "; ".join("%s: %s" % (printable(path), printable(why)) for path, why in lost)
            self.loss = "of an event of type '%s', %s" % (event_type, shown)

    def refuse(self, why: str, event_type: Any = None) -> bool:
        """Counts an event that was not accepted; the sending thread will log why. False."""
        self.refused += 1
        named = "" if event_type is None else " of type '%s'" % printable(event_type)
        self.complaint = "an event%s: %s" % (named, printable(why))
        if self.asleep:
            self.asleep = False
            self.wake()
        return False

    def fail(self, why: str) -> None:
        """Refuses everything from now on. The first reason stays."""
        self.error = self.error or why
        self._unchecked = -1

    def empty(self) -> bool:
        return not self._inbox

    def __len__(self) -> int:
        return len(self._inbox)

    @property
    def offered(self) -> int:
        """Events accepted. Of what is just being taken it is never too few."""
        waiting = len(self._inbox)
        return waiting + self._taken

    def take(self, events_max: int, first: int, identity: str) -> list[bytes]:
        """What came first, numbered from `first` on. `identity`: what is between time and number. One thread."""
        pop = self._inbox.popleft
        count = min(len(self._inbox), events_max)
        self._taken += count
        taken = [pop() for _ in range(count)]
        self._chars_out += sum([len(text) for text, _, _ in taken if len(text) > _CHARS_UNCOUNTED])
        if not self._inbox:  # threads that count at the same time may have lost one another's
            self._chars_out = self._chars_in
        try:
            return to_utf8(_filled(taken, first, identity)).split(b"\n")
        except (OverflowError, ValueError):
            numbered = enumerate(taken, first)
            return [to_utf8(self._filled_carefully(*each, identity, n)) for n, each in numbered]

    def _filled_carefully(self, text: str, at: float, numbers: tuple, identity: str, number: int) -> str:
        if type(text) is Held:
            numbers = *numbers, Held.of(numbers)
        if numbers:
            teller = Teller()
            text %= tuple([encode(teller.tell(n, ((), "number"))) for n in numbers])
            self.count_lost(text[9 : text.index('"', 9)], teller)  # {"type":"
        return '%s,"timestamp":%.6f%s%d}' % (text, at, identity, number)

    def _prefix_of(self, event_type: str) -> str:
        if not is_event_type(event_type):
            raise ValueError("the type must be " + TYPE_RANGE)
        prefix = '{"type":"%s","data":' % event_type
        if len(self._prefixes) < _TYPES_KEPT_MAX:
            self._prefixes[event_type] = prefix
        return prefix

    @staticmethod
    def _check_depth(text: str) -> None:
        depth = depth_of(text) - 1
        if depth > DEPTH_MAX:
            raise Unencodable("data is %d levels deep; must be at most %d" % (depth, DEPTH_MAX))

    def _check_size(self, text: str) -> None:
        size = len(to_utf8(text)) + _ENVELOPE_CHARS_MAX
        if size > self._event_bytes_max:
            raise Unencodable("%d bytes long; must be at most %d" % (size, self._event_bytes_max))

    def many(self) -> bool:
        """So much waits that it should be taken without waiting for more."""
        return len(self._inbox) > _EVENTS_UNCHECKED or self.chars > _CHARS_GATHERED

    @property
    def chars(self) -> int:
        """What the long ones among those that wait have together."""
        return self._chars_in - self._chars_out

    def _is_full(self) -> bool:
        """Only asked while many wait."""
        self._end_gathering()
        return len(self._inbox) >= INBOX_EVENTS_MAX or self.chars >= INBOX_CHARS_MAX

    def _count_in(self, size: int) -> None:
        self._chars_in += size
        if self.chars > _CHARS_GATHERED:
            self._end_gathering()

    def _end_gathering(self) -> None:
        if self.gathering:
            self.gathering = False
            self.wake()

    def _why_not(self, text: str) -> str:
        """Why this is not taken now; empty where it is."""
        if self.error:
            return self.error
        waiting = len(self._inbox)
        if waiting > _EVENTS_UNCHECKED and self._is_full():
            return "%d events wait already" % waiting
        if len(text) > self._chars_unchecked:
            try:
                self._check_size(text)
            except Unencodable as error:
                return str(error)
        return ""


def _filled(taken: list[tuple[str, float, tuple]], number: int, identity: str) -> str:
    """One line each, all by one format. Raises OverflowError or ValueError where a number is not finite or has
    very many digits, or a time is before 1970."""
    end = ',"timestamp":%d.%06d' + identity + "%d}"  # a third of the time that %f takes
    texts: list[str] = []
    fill: list[Any] = []
    check: float = 0
    for text, at, numbers in taken:
        if numbers:
            check += sum(numbers)
            texts.append(text)
            fill += numbers
            if type(text) is Held:
                fill.append(numbers[1] - numbers[0])
                check += fill[-1]
        else:
            texts.append("%s")
            fill.append(text)
        if at < 0:
            raise ValueError
        second = int(at)
        fill += second, (at - second) * 1e6, number
        number += 1
    if check * 0 != 0:
        raise ValueError
    return ((end + "\n").join(texts) + end) % tuple(fill)


class WakeUp:
    """Ends another thread's poll()."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)

    def signal(self) -> None:
        """Any thread; never waits."""
        try:
            self._ours.send(b"\0")
        except (BlockingIOError, OSError):  # signalled already, or closed
            pass

    def fd(self) -> int:
        return self._theirs.fileno()

    def clear(self) -> None:
        try:
            while len(self._theirs.recv(4096)) == 4096:
                pass
        except (BlockingIOError, OSError):
            pass

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()
