"""The file of the key by which a publisher or a bot says over ZeroMQ who it is (CURVE). Both packages have it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

import zmq

FAILURES = (
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)

_BYTES_MAX = 4096
_KEY_CHARACTERS = 40


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
    """What `ppo-bridge curve create NAME` wrote to the file `path`, or to $PPO_CURVE_FILE; None without
    either. Raises ValueError where it cannot be used."""
    path = os.environ.get("PPO_CURVE_FILE", "") if path is None else os.fspath(path)
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            words = file.read(_BYTES_MAX).split()
    except OSError as error:
        raise ValueError("curve is '%s': %s" % (path, error.strerror)) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError("curve is '%s', which others can read; run: chmod 600 %s" % (path, path))
    if len(words) != 3 or any(len(word) != _KEY_CHARACTERS for word in words):
        text = "curve is '%s'; must be a file of three keys of %d characters, as `ppo-bridge curve create NAME` makes it"
        raise ValueError(text % (path, _KEY_CHARACTERS))
    if not zmq.has("curve"):
        raise ValueError("curve is '%s', but this libzmq was built without CURVE" % path)
    return CurveKey(path, *words)
