"""What can go wrong with a request."""

from __future__ import annotations

_PERHAPS_DONE = ("timeout", "unknown_outcome", "connection_lost", "no_answer")


def printable(text: object) -> str:
    """Of what others wrote, for logs and tracebacks: nothing that steers a terminal, or moves text about."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text))


class RequestFailed(Exception):
    """The bridge's error reply, or that there was none. `message` is as it came."""

    def __init__(self, error_type: str, message: str, reply: dict | None = None) -> None:
        super().__init__(printable("%s: %s" % (error_type, message)))
        self.error_type = error_type
        self.message = message
        self.reply = reply or {}


class CommandFailed(RequestFailed):
    """A command was not done: `rejected`, `unknown_target`, `ambiguous_target`, `busy`, ..."""

    @property
    def perhaps_done(self) -> bool:
        """Nobody knows whether it was."""
        return self.error_type in _PERHAPS_DONE


class Refused(Exception):
    """The bridge will never take this registration, or this token, or its certificate is not one to trust."""
