"""The bridge's sockets without the manners of a library: what is sent is sent as it is, and nobody reads."""

from __future__ import annotations

import base64
import os
import socket
import struct
from dataclasses import dataclass

CONNECT_S = 5.0


@dataclass(frozen=True)
class Addresses:
    """Of a bridge, as its `ready` line names them."""

    ws: str
    events_in: str
    events_out: str
    commands: str
    control: str
    pid: int = 0


def tcp(address: str) -> socket.socket:
    """Connected to what is written ws://HOST:PORT/ws or tcp://HOST:PORT."""
    host, port = address.split("://", 1)[1].split("/")[0].rsplit(":", 1)
    connected = socket.create_connection((host, int(port)), CONNECT_S)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def http(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> socket.socket:
    connection = tcp(address)
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + address.split("://")[1].split("/")[0]]
    lines += ["%s: %s" % (key.replace("_", "-"), value) for key, value in headers.items()]
    lines += ["Content-Length: %d" % len(body), "", ""]
    connection.sendall("\r\n".join(lines).encode() + body)
    return connection


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """RFC 6455, section 5.2; masked with zeros, which leave the payload as it is."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + b"\0\0\0\0" + payload


class RawWebSocket:
    """Sends messages; reads when it is asked to, and not before."""

    def __init__(self, address: str, read_buffer_bytes: int = 0) -> None:
        self.socket = tcp(address)
        if read_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer_bytes)
        path = "/" + address.split("://")[1].split("/", 1)[1]
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            (
                "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % (path, key)
            ).encode()
        )
        self._pending = b""
        self._read = self.socket.makefile("rb", 65536)
        status = self._read.readline()
        if b" 101 " not in status:
            raise ConnectionError(status.decode(errors="replace"))
        while self._read.readline() not in (b"\r\n", b""):
            pass

    def send(self, text: str | bytes, opcode: int = 1) -> None:
        payload = text.encode() if isinstance(text, str) else text
        self.socket.sendall(frame(payload, opcode))

    def push(self, frames: bytes) -> None:
        """Sends what the socket takes, without waiting; nothing new before the rest of the last has gone.
        REQUIRES: a socket that does not block."""
        self._pending = self._pending or frames
        try:
            self._pending = self._pending[self.socket.send(self._pending):]
        except BlockingIOError:
            pass

    def receive(self) -> bytes:
        """The next message's payload; raises ConnectionError at a close frame."""
        while True:
            opcode, size = self._exactly(2)
            size &= 0x7F
            if size >= 126:
                width = 2 if size == 126 else 8
                size = int.from_bytes(self._exactly(width), "big")
            payload = self._exactly(size)
            if opcode & 15 == 8:
                raise ConnectionError("closed with %d" % int.from_bytes(payload[:2], "big"))
            if opcode & 15 == 9:
                self.send(payload, 10)
            elif opcode & 15 != 10:
                return payload

    def _exactly(self, size: int) -> bytes:
        data = self._read.read(size)
        if len(data) < size:
            raise ConnectionError("the bridge has gone")
        return data

    def close(self) -> None:
        self._read.close()
        self.socket.close()


class RawZmtp:
    """ZMTP 3.0 with the NULL mechanism (RFC 23), for a PUB that never ends its message."""

    def __init__(self, address: str, kind: bytes) -> None:
        self.socket = tcp(address)
        self.socket.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + b"\0" + bytes(31))
        self._exactly(64)
        ready = b"\x05READY\x0bSocket-Type" + struct.pack("!I", len(kind)) + kind
        self.socket.sendall(struct.pack("!BB", 4, len(ready)) + ready)
        _, size = self._exactly(2)
        self._exactly(size)

    def part(self, payload: bytes, more: bool = True) -> None:
        self.socket.sendall(struct.pack("!BQ", 2 | more, len(payload)) + payload)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the bridge has gone")
            data += piece
        return data

    def close(self) -> None:
        self.socket.close()
