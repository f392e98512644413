"""What a user gets to see at the start, on stderr: who publishes, and where to look at it."""

from __future__ import annotations

import os
import re
import sys

_PAGE_PORT = 5178
_HOST = re.compile(r"tcp://(?:[^;/]*;)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]+\Z")


def greets() -> bool:
    """Not with $PPO_QUIET, nor in a worker of multiprocessing, whose parent has said it."""
    if os.environ.get("PPO_QUIET", "0") not in ("", "0"):
        return False
    process = sys.modules.get("multiprocessing.process")
    return process is None or process.parent_process() is None


def page_of(endpoint: str) -> str:
    """Where the bridge that listens there shows its page, unless it was told another port."""
    found = _HOST.match(endpoint)
    return "http://%s:%d/" % (found.group(1) if found else "127.0.0.1", _PAGE_PORT)


def greet(source: str, page: str) -> None:
    _say("publishing as %s; to watch: %s" % (source, page))


def miss_bridge(endpoint: str) -> None:
    _say("no bridge answers at %s so far; events wait for it" % endpoint)


def _say(text: str) -> None:
    try:
        sys.stderr.write("ppo_bridge: %s\n" % text)
        sys.stderr.flush()
    except Exception:  # none, or closed
        pass
