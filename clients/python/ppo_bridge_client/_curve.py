"""What becomes of a connection to a bridge that wants a key."""

from __future__ import annotations

import zmq
from zmq.utils.monitor import parse_monitor_message

from ._connecting import FAILURES, CurveKey, refusal


class Handshakes:
    """Why a socket that connects does not get in, by its monitor."""

    def __init__(self, socket: zmq.Socket, key: CurveKey | None) -> None:
        self._socket = socket
        self._key = key
        self._broken = 0
        self.monitor = socket.get_monitor_socket(FAILURES)

    def trouble(self) -> str:
        """What the bridge has against it; "" where nothing is known."""
        found = ""
        while self.monitor.poll(0):
            event = parse_monitor_message(self.monitor.recv_multipart())["event"]
            self._broken += event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            found = refusal(event, self._key, self._broken) or found
        return found

    def close(self) -> None:
        self._socket.disable_monitor()
        self.monitor.close(0)
