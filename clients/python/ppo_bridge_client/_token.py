"""Where a client finds the token by which it says who it is."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from pathlib import Path

_BYTES_MAX = 4096


def find_token(given: str | None) -> str | None:
    """`given`, else $PPO_TOKEN, else what is in the file $PPO_TOKEN_FILE, else in
    ~/.config/ppo-bridge/token; None where none of them is there.

    Raises ValueError where what is found is no token, PermissionError where others can read the file, and
    OSError where $PPO_TOKEN_FILE cannot be read."""
    if given:
        return given
    if os.environ.get("PPO_TOKEN"):
        return _checked(os.environ["PPO_TOKEN"], "PPO_TOKEN")
    named = os.environ.get("PPO_TOKEN_FILE")
    if named:
        return _read(Path(named))
    try:
        return _read(Path.home() / ".config/ppo-bridge/token")
    except (FileNotFoundError, RuntimeError):  # there is none, or no home
        return None


def token_trouble(address: str) -> str | None:
    """Why no token is said to that address: others on the way would read it. None where it is encrypted (wss://)
    or does not leave this machine, or $PPO_INSECURE is 1."""
    found = re.match(r"(ws|tcp)://(\[[^\]]*\]|[^:/]*)", address)
    if found is None or os.environ.get("PPO_INSECURE") == "1":
        return None
    scheme, host = found.groups()
    try:
        own = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        own = host == "localhost"
    if own:
        return None
    text = "no token is sent to %s, which is neither encrypted nor this machine's: use %s; PPO_INSECURE=1 sends it all the same"
    return text % (address, "wss://" if scheme == "ws" else "a key (curve)")


def _read(path: Path) -> str:
    with open(path, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise PermissionError("%s can be read by others; run: chmod 600 %s" % (path, path))
        return _checked(file.read(_BYTES_MAX + 2).decode("ascii", "replace"), str(path))


def _checked(text: str, where: str) -> str:
    text = text.strip()
    if not text or len(text) > _BYTES_MAX or not all("!" <= c <= "~" for c in text):
        raise ValueError("%s holds no token: it must be one line of printable characters" % where)
    return text
