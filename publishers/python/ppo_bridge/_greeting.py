"""What a user gets to see at the start, on stderr: who publishes, and where to look at it."""

from __future__ import annotations

import os
import re
import sys
import time

from ._options import Options

_PAGE_PORT = 5178
_HOST = re.compile(r"tcp://(?:[^;/]*;)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):[0-9]+\Z")
_TOLD = re.compile(r"ws(s?)://[^/]{1,255}:([0-9]{1,5})/ws\Z")

_TOLD_BY_S = 0.5  # by then a bridge that is there has told where its page is
_MISSED_S = 2.0
_AGAIN_S = 10.0  # another page, and yet another one, is told no more often, whatever the bridge tells


def greets() -> bool:
    """Not with $PPO_QUIET, nor in a worker of multiprocessing, whose parent has said it."""
    if os.environ.get("PPO_QUIET", "0") not in ("", "0"):
        return False
    process = sys.modules.get("multiprocessing.process")
    return process is None or process.parent_process() is None


class Greeting:
    """Made by any thread, then of one: the line with the page, once the bridge has told where that is or
    soon without; another one where it tells something else later, and one where no bridge answers."""

    def __init__(self, options: Options, page: str | None) -> None:
        """`page`: given by the user; None: not."""
        self._options = options
        self._given = page
        self._shown = ""
        now = time.monotonic()
        known = page or not options.control  # nothing more will be
        self._greet_at: float | None = now if known else now + _TOLD_BY_S
        self._miss_at: float | None = now + _MISSED_S
        self._again_at = 0.0

    def due(self) -> list[float]:
        return [at for at in (self._greet_at, self._miss_at) if at is not None]

    def see(self, now: float, told: str, met: bool) -> None:
        """`told`: the address for clients as the bridge gave it, or empty. `met`: a bridge was there."""
        if told or (self._greet_at is not None and now >= self._greet_at):
            self.say_page(told, now)
        if self._miss_at is not None and (met or now >= self._miss_at):
            self._miss_at = None
            if not met:
                _say("no bridge answers at %s so far; events wait for it" % self._options.endpoint)

    def say_page(self, told: str, now: float) -> None:
        first, self._greet_at = self._greet_at is not None, None
        found = _TOLD.match(told)
        secure, port = found.groups() if found else ("", _PAGE_PORT)
        page = self._given or "http%s://%s:%s/" % (secure, _host_of(self._options.endpoint.split(",")[0]), port)
        if first:
            default = "" if self._given or found else " (where the bridge has its default port)"
            _say("publishing as %s; to watch: %s%s" % (self._options.source, page, default))
        elif page == self._shown or now < self._again_at:
            return
        else:
            _say("to watch: " + page)
            self._again_at = now + _AGAIN_S
        self._shown = page


def _host_of(endpoint: str) -> str:
    found = _HOST.match(endpoint)
    return found.group(1) if found else "127.0.0.1"


def _say(text: str) -> None:
    try:
        sys.stderr.write("ppo_bridge: %s\n" % text)
        sys.stderr.flush()
    except Exception:  # none, or closed
        pass
