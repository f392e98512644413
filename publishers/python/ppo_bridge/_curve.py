"""What becomes of a connection to a bridge that wants a key."""

from __future__ import annotations

import time

import zmq

from ._connecting import CurveKey, refusal
from ._log import log

# A bridge that takes hellos has answered one by then.
_ANSWER_S = 2.5
# ZeroMQ comes again at once or never.
_AGAIN_S = 5.0


class Handshakes:
    """What the monitor of a connecting socket tells of them: says once what is wrong, and when to try
    again. One thread."""

    def __init__(self, endpoint: str, key: CurveKey | None) -> None:
        self.endpoint = endpoint
        self._key = key
        self._broken = 0
        self._said: set[str] = set()  # since one succeeded
        self._asked_at: float | None = None  # since one succeeded, first
        self.again_at: float | None = None  # to connect anew: ZeroMQ does not, or would without a pause

    def succeeded(self) -> None:
        self._broken, self._asked_at, self.again_at = 0, None, None
        self._said.clear()

    def move_to(self, endpoint: str) -> None:
        """The next socket connects to that one."""
        self.endpoint, self._broken, self.again_at = endpoint, 0, None

    def failed(self, event: int) -> None:
        self._broken += event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        why = refusal(event, self._key, self._broken)
        if why:
            self.refuse(why)

    def refuse(self, why: str) -> None:
        """What is at the other end is no bridge, or not for us; it is tried again later."""
        self.again_at = time.monotonic() + _AGAIN_S
        self._say(why + "; events wait, it is tried again")

    def unanswered(self, now: float) -> None:
        """A hello was said, and none was answered so far."""
        if self._key is None:
            return
        self._asked_at = self._asked_at or now
        if now - self._asked_at >= _ANSWER_S:
            self._say("takes nothing from this source: the key of %s speaks for its own name, and for names that begin with "
                      "that and '-'" % self._key.path)

    def _say(self, why: str) -> None:
        text = "the bridge at %s %s" % (self.endpoint, why)
        if text not in self._said:
            self._said.add(text)
            log.warning("%s", text)

    def connect_again(self, socket: zmq.Socket) -> None:
        """Where it is time."""
        if self.again_at is None:
            return
        try:
            socket.disconnect(self.endpoint)
        except zmq.ZMQError:
            pass  # ZeroMQ had given it up already
        if time.monotonic() >= self.again_at:
            self.again_at = None
            socket.connect(self.endpoint)
