"""Which bridges there are to go to (PROTOCOL.md, section 12). Both packages have it."""

from __future__ import annotations

import os
import re

EVENTS_PORT = 5556
WEBSOCKET_PORT = 5178
_PORTS = range(EVENTS_PORT - WEBSOCKET_PORT + 1, 65535 - 3 + 1)
BRIDGES_MAX = 32

_BRIDGE = re.compile(r"([A-Za-z0-9._-]+)(?::([0-9]{1,5}))?\Z")


def split_list(text: str) -> list[str]:
    return [one.strip() for one in text.split(",")]


def bridges_of_environment() -> list[tuple[str, int]]:
    """Of $PPO_BRIDGES the hosts, and the ports where they take events in; empty where it is not set. Raises
    ValueError."""
    text = os.environ.get("PPO_BRIDGES", "")
    if not text:
        return []
    found = [_BRIDGE.match(one) for one in split_list(text)]
    bridges = [(one.group(1), int(one.group(2) or EVENTS_PORT)) for one in found if one]
    if len(bridges) < len(found) or len(found) > BRIDGES_MAX or any(port not in _PORTS for _, port in bridges):
        shown = text if text.isprintable() and len(text) <= 200 else ascii(text)[:200]
        raise ValueError("PPO_BRIDGES is '%s'; must be HOST or HOST:PORT (%d..%d), 1..%d with commas between"
                         % (shown, _PORTS[0], _PORTS[-1], BRIDGES_MAX))
    return bridges


def zmq_addresses(default_port: int) -> str:
    """Of what is at that port by default, on each of these bridges, or on this host."""
    bridges = bridges_of_environment() or [("127.0.0.1", EVENTS_PORT)]
    return ",".join("tcp://%s:%d" % (host, port + default_port - EVENTS_PORT) for host, port in bridges)


def urls() -> str:
    """The WebSocket addresses of these bridges, or that on this host. Beyond loopback a bridge listens with TLS only."""
    bridges = bridges_of_environment() or [("127.0.0.1", EVENTS_PORT)]
    return ",".join(
        "%s://%s:%d/ws" % ("ws" if host == "localhost" or host.startswith("127.") else "wss", host,
                           port + WEBSOCKET_PORT - EVENTS_PORT)
        for host, port in bridges)


def paired(first_name: str, first: str, second_name: str, second: str) -> list[tuple[str, str]]:
    """The addresses of each bridge; `second` may be empty. Raises ValueError."""
    firsts, seconds = split_list(first), split_list(second) if second else []
    if len(firsts) > BRIDGES_MAX:
        raise ValueError("%s names %d bridges; must be 1..%d" % (first_name, len(firsts), BRIDGES_MAX))
    if seconds and len(seconds) != len(firsts):
        text = "%s is '%s' and %s '%s'; both must name as many bridges"
        raise ValueError(text % (second_name, second, first_name, first))
    if not all(firsts) or not all(seconds):
        text = "%s is '%s' and %s '%s'; must be ZeroMQ addresses with commas between"
        raise ValueError(text % (first_name, first, second_name, second))
    return list(zip(firsts, seconds or [""] * len(firsts)))
