"""What a source says of itself, beside its events and over the control connection."""

from __future__ import annotations

import json
import os
import time

from ._control import Control
from ._json import to_utf8
from ._link import EventLink
from ._names import host_name
from ._options import Options
from ._ring import EventRing

_EVERY_S = 1.0
_RETRY_S = 0.1  # after the queue was full


class _Schedule:
    """When it is said: at once where something changed, then once a second."""

    def __init__(self) -> None:
        self.next = 0.0
        self._said: tuple = ()

    def due(self, now: float, what: tuple) -> bool:
        return now >= self.next or what != self._said

    def tried(self, now: float, what: tuple, sent: bool) -> None:
        self.next = now + (_EVERY_S if sent else _RETRY_S)
        self._said = what


class Announcer:
    """Any thread sets what is to be said; all else belongs to the one that sends."""

    def __init__(self, options: Options, ring: EventRing) -> None:
        self._options = options
        self._ring = ring
        self.agents: list[str] = []
        self.state = "running"
        self._parameters: list[dict] = []
        self._parameters_seen = 0  # counts changes of more than values
        self._beside = _Schedule()
        self._hello = _Schedule()

    def set_parameters(self, parameters: list[dict]) -> bool:
        """Whether more than their values is new."""

        def without_values(of: list[dict]) -> list[dict]:
            return [{k: v for k, v in each.items() if k != "value"} for each in of]

        changed = without_values(parameters) != without_values(self._parameters)
        self._parameters = parameters
        self._parameters_seen += changed
        return changed

    def say_if_due(self, events: EventLink, topic_end: bytes, control: Control) -> None:
        now = time.monotonic()
        what = (self.agents, control.names, self.state, self._parameters_seen)
        beside = *what, events.connections
        if events.connected and self._beside.due(now, beside):
            sent = events.begin_message(b"_source" + topic_end)
            if sent:
                events.finish_message(self._body(control))
            self._beside.tried(now, beside, sent)
        hello = *what, control.connection, control.settled(now)
        if control.connected and self._hello.due(now, hello):
            sent = control.say_hello(lambda clock, heard: self._body(control, clock, heard), now)
            self._hello.tried(now, hello, sent)

    def due(self, events: EventLink, control: Control) -> list[float]:
        """When there is something to say again."""
        found = [self._beside.next] if events.connected else []
        return found + ([self._hello.next] if control.connected else [])

    def _body(
        self, control: Control, clock: float | None = None, heard: tuple[float, float] | None = None
    ) -> bytes:
        """`clock`: our time, where the bridge is asked for its own; `heard`: its time as it was heard last,
        and ours then."""
        data = {
            "head": self._ring.head,
            "oldest": self._ring.oldest,
            "agents": self.agents,
            "commands": control.names,
            "host": host_name(),
            "pid": os.getpid(),
            "replay": "any_time",  # also while a command waits for its answer
            "state": self.state,
        }
        if self._parameters:
            data["parameters"] = self._parameters
        if clock is not None:
            data["clock"] = clock
            if heard is not None:
                data["clock_heard"] = {"at": heard[0], "clock": heard[1]}
        body = {
            "type": "_source",
            "source": self._options.source,
            "run": self._options.run,
            "data": data,
        }
        return to_utf8(json.dumps(body, separators=(",", ":")))
