"""HTTP over raw sockets, as the bridge's tests want it: what is sent is what stands there."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 10.0


@dataclass
class Reply:
    status: int
    reason: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return self.json()["data"]["message"]


class Wire:
    """One connection."""

    def __init__(self, ws: str, buffer: int = 0, from_host: str = "") -> None:
        host, port = ws.split("://")[1].split("/")[0].rsplit(":", 1)
        self.host = "%s:%s" % (host, port)
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if from_host:
            self.socket.bind((from_host, 0))
        self.socket.connect((host, int(port)))
        self.unread = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, text: str | bytes) -> None:
        """HOST stands for the bridge's address."""
        raw = text.encode("latin-1") if isinstance(text, str) else text
        self.socket.sendall(raw.replace(b"HOST", self.host.encode()))

    def more(self) -> bool:
        try:
            some = self.socket.recv(65536)
        except ConnectionResetError:
            some = b""
        self.unread += some
        return bool(some)

    def until(self, end: bytes) -> bytes:
        while end not in self.unread:
            if not self.more():
                raise EOFError("the bridge closed behind %r" % self.unread)
        found, self.unread = self.unread.split(end, 1)
        return found

    def reply(self, head_only: bool = False) -> Reply:
        first, *lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, reason = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        headers = {}
        for line in lines:
            name, value = line.split(": ", 1)
            headers[name.lower()] = (headers[name.lower()] + ", " if name.lower() in headers else "") + value
        reply = Reply(int(status), reason, headers)
        size = 0 if head_only or reply.status in (100, 101, 204, 304) else int(headers["content-length"])
        while len(self.unread) < size:
            if not self.more():
                raise EOFError("the body ends early")
        reply.body, self.unread = self.unread[:size], self.unread[size:]
        return reply

    def ask(self, text: str | bytes) -> Reply:
        self.send(text)
        return self.reply()

    def at_end(self) -> bool:
        return not self.unread and not self.more()


def ask(ws: str, text: str | bytes, from_host: str = "") -> Reply:
    with Wire(ws, from_host=from_host) as wire:
        return wire.ask(text)
