"""The key by which a bot says over ZeroMQ who it is (CURVE), and what becomes of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

import zmq
from zmq.utils.monitor import parse_monitor_message

_FAILURES = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_BYTES_MAX = 4096
_KEY_CHARACTERS = 40
_BROKEN_MAX = 3  # handshakes that end without a word: a bridge that goes down makes one


@dataclass(frozen=True)
class CurveKey:
    path: str
    public: bytes
    secret: bytes = field(repr=False)
    server: bytes

    def set_on(self, socket: zmq.Socket) -> None:
        socket.curve_publickey = self.public
        socket.curve_secretkey = self.secret
        socket.curve_serverkey = self.server


def find_key(path: str | os.PathLike | None) -> CurveKey | None:
    """What `ppo-bridge curve create NAME` wrote to the file `path`, else to $PPO_CURVE_FILE; None without
    either. Raises ValueError where it is no such file, PermissionError where others can read it, and OSError
    where it cannot be read."""
    path = os.environ.get("PPO_CURVE_FILE", "") if path is None else os.fspath(path)
    if not path:
        return None
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError("%s can be read by others; run: chmod 600 %s" % (path, path))
        words = file.read(_BYTES_MAX).split()
    if len(words) != 3 or any(len(word) != _KEY_CHARACTERS for word in words):
        text = "%s must hold three keys of %d characters, as `ppo-bridge curve create NAME` writes them"
        raise ValueError(text % (path, _KEY_CHARACTERS))
    if not zmq.has("curve"):
        raise ValueError("this libzmq was built without CURVE, which %s is for" % path)
    return CurveKey(path, *words)


class Handshakes:
    """Why a socket that connects does not get in, by its monitor."""

    def __init__(self, socket: zmq.Socket, key: CurveKey | None) -> None:
        self._socket = socket
        self._key = key
        self._broken = 0
        self.monitor = socket.get_monitor_socket(_FAILURES)

    def trouble(self) -> str:
        """What the bridge has against it; "" where nothing is known."""
        key = self._key
        found = ""
        while self.monitor.poll(0):
            event = parse_monitor_message(self.monitor.recv_multipart())["event"]
            if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH and key is not None:
                found = "does not let in the key of %s: it is not listed, no longer, or has no business there" % key.path
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                found = "does not let this user in"
            elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                found = "wants a key: curve=FILE or $PPO_CURVE_FILE" if key is None else "does not take keys"
            elif key is not None:
                self._broken += 1
                if self._broken >= _BROKEN_MAX:
                    found = "is not the one whose key is in %s, the third there" % key.path
        return found

    def close(self) -> None:
        self._socket.disable_monitor()
        self.monitor.close(0)
