"""Names on the wire: what they may look like, and ones made up where none is given."""

from __future__ import annotations

import re
import secrets
import socket

NAME_CHARS_MAX = 64
NAME_RANGE = "1-64 of A-Z a-z 0-9 _ . : -"
TYPE_RANGE = "1-64 of A-Z a-z 0-9 _ . -, not beginning with _"

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_TYPE = re.compile(r"[A-Za-z0-9.-][A-Za-z0-9_.-]{0,63}\Z")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def is_name(text: object) -> bool:
    """Whether it can be a source, a run or an agent id."""
    return isinstance(text, str) and _NAME.match(text) is not None


def is_event_type(text: object) -> bool:
    """Whether it can be an event type or a command."""
    return isinstance(text, str) and _TYPE.match(text) is not None


def printable(value: object) -> str:
    """For messages: at most 80 characters of ASCII."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:
        text = "<" + type(value).__name__ + ">"
    shown = "".join(c if " " <= c <= "~" else "?" for c in text[:80])
    return shown + "..." if len(text) > 80 else shown


def host_name() -> str:
    try:
        return socket.gethostname() or "host"
    except OSError:
        return "host"


def with_suffix(name: str, suffix: str) -> str:
    """`name` with `suffix` behind it, cut to the length of a name."""
    return name[: NAME_CHARS_MAX - len(suffix)] + suffix


def fresh_run() -> str:
    return random_name(8)


def random_name(chars: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(chars))
