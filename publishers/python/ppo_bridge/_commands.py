"""Commands: what somebody who watches asks of this program, and what it answers."""

from __future__ import annotations

import inspect
import json
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Callable

from ._json import DEPTH_MAX, depth_of, encode_strictly, to_utf8
from ._names import NAME_RANGE, is_name, printable

COMMANDS_WAITING_MAX = 64  # for a handler to run, on each of the two threads; more are `busy`
RESULT_BYTES_MAX = 1024 * 1024
DEADLINE_MS_MAX = 60_000
TOO_LATE = "deadline passed; not carried out"
_SECONDS_MAX = 1e11  # since 1970: the year 5138
_DIGITS_MAX = 309  # of an integer: about as far as a double goes
_DEPTH_MAX = DEPTH_MAX + 1  # as deep as the bridge takes a request
_ID_CHARS_MAX = 64
_COMMAND_CHARS_MAX = 64
_KEY_CHARS_MAX = 1024  # who asks, and his key
DONE_MAX = 256
DONE_BYTES_MAX = 4 * 1024 * 1024
DONE_S = 600.0


class CommandRejected(Exception):
    """Raised by a handler: not done, because of this message. Any other exception says the same."""


class Command(dict):
    """The command's params, and beside them what else is known of it."""

    def __init__(self, params: dict, **about: Any) -> None:
        super().__init__(params)
        self.id: str = about["id"]
        self.name: str = about["name"]
        self.agent_id: str = about["agent_id"]  # whom it is for; "": all agents of this source
        self.deadline: float = about["deadline"]  # time.monotonic(); after it nobody waits
        self.idempotency_key: str = about.get("idempotency_key", "")  # "": it may be done again

    @property
    def params(self) -> dict:
        return self


Handler = Callable[..., Any]


def calling(handler: Handler) -> Callable[[Command], Any]:
    """How to call it: with nothing, with the command, or with params by its own names for them.

    Raises TypeError where it is none.
    """
    if not callable(handler):
        raise TypeError("the handler is a %s; must be callable" % type(handler).__name__)
    if inspect.iscoroutinefunction(handler):
        raise TypeError("the handler is a coroutine function; must be a plain one")
    try:
        parameters = list(inspect.signature(handler).parameters.values())
    except (TypeError, ValueError):  # written in C
        return handler
    kinds = [p.kind for p in parameters]
    if not parameters:
        return lambda command: handler()
    if len(parameters) == 1 and kinds[0] not in (
        inspect.Parameter.VAR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    ):
        return handler
    takes_all = inspect.Parameter.VAR_KEYWORD in kinds
    names = {p.name for p in parameters if p.kind != inspect.Parameter.VAR_KEYWORD}

    def by_name(command: Command) -> Any:
        known = {"command": command, "params": dict(command), "agent_id": command.agent_id}
        given = {k: v for k, v in known.items() if k in names}
        given.update((k, v) for k, v in command.items() if takes_all or k in names)
        return handler(**given)

    return by_name


@dataclass
class Request:
    """A request of the bridge's, as it came."""

    id: str | None = None  # where it can be answered
    command: str = ""
    params: dict = field(default_factory=dict)
    agent_id: str = ""
    deadline_ms: int = DEADLINE_MS_MAX
    by: float | None = None  # when it is wanted, in seconds by the bridge's clock
    run: str | None = None
    idempotency_key: str = ""
    clock: tuple[float, float, str] | None = None  # a `_clock` and no request: see _clock_answer()
    error_type: str = ""  # with `message`: it is none
    message: str = ""


def _no_constants(text: str) -> None:
    raise ValueError(text)


def _bounded(text: str) -> int:
    if len(text) > _DIGITS_MAX:  # before it takes seconds to read
        raise ValueError("too many digits")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _parse(body: bytes) -> Any:
    """Raises ValueError or RecursionError for what is not RFC 8259, deeper than the bridge goes,
    beyond a double, or has half a surrogate pair in it."""
    text = body.decode()
    value = json.loads(
        text, parse_constant=_no_constants, parse_float=_finite, parse_int=_bounded
    )
    # Only of a text that is JSON: looking for strings in any other may take for ever.
    if text.count("{") + text.count("[") > _DEPTH_MAX and depth_of(text) > _DEPTH_MAX:
        raise ValueError("too deep")
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= _SECONDS_MAX


def _clock_answer(params: Any) -> tuple[float, float, str]:
    """With the bridge's address for clients. One that cannot be read is an answer to nothing."""
    if isinstance(params, dict) and _is_time(params.get("clock")) and _is_time(params.get("at")):
        address = params.get("ws")
        return params["clock"], params["at"], address if isinstance(address, str) else ""
    return 0.0, 0.0, ""


def parse_request(body: bytes) -> Request:
    """Never raises."""
    request = Request()
    try:
        fields = _parse(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        request.error_type = "bad_json"
        request.message = "a command must be one JSON object in UTF-8"
        return request
    if fields.get("command") == "_clock":
        request.clock = _clock_answer(fields.get("params"))
        return request
    present = {key: value for key, value in fields.items() if value is not None}

    def complain(key: str, must: str) -> None:
        if not request.message:
            shown = printable(json.dumps(present[key])) if key in present else "missing"
            request.error_type = "bad_request"
            request.message = "%s is %s; must be %s" % (key, shown, must)

    def text(key: str, chars_max: int) -> str:
        value = present.get(key)
        if isinstance(value, str) and 1 <= len(value) <= chars_max:
            return value
        complain(key, "a string of 1-%d characters" % chars_max)
        return ""

    request.id = text("id", _ID_CHARS_MAX) or None
    request.command = text("command", _COMMAND_CHARS_MAX)
    if "run" in present:
        request.run = text("run", _ID_CHARS_MAX)
    if "idempotency_key" in present:
        request.idempotency_key = text("idempotency_key", _KEY_CHARS_MAX)
    if "params" in present:
        request.params = present["params"]
        if not isinstance(request.params, dict):
            complain("params", "an object")
    if present.get("agent_id", "") != "":
        request.agent_id = present["agent_id"]
        if not is_name(request.agent_id):
            complain("agent_id", NAME_RANGE)
    if "deadline_ms" in present:
        request.deadline_ms = present["deadline_ms"]
        if type(request.deadline_ms) is not int or request.deadline_ms > DEADLINE_MS_MAX:
            complain("deadline_ms", "an integer of at most %d" % DEADLINE_MS_MAX)
    if "by" in present:
        request.by = present["by"]
        if not _is_time(request.by):
            complain("by", "seconds since 1970")
    return request


def result_reply(id: str, result: Any) -> bytes:
    """Done, with this result: a mapping, None for nothing, or one value."""
    try:
        if result is None:
            result = {}
        elif not isinstance(result, dict):
            result = {"value": result}
        text = encode_strictly(result)
    except Exception as error:
        return error_reply(id, "rejected", "the result is not JSON: %s" % printable(str(error)))
    if len(text) > RESULT_BYTES_MAX:
        size = "the result is %d bytes long; must be at most %d" % (len(text), RESULT_BYTES_MAX)
        return error_reply(id, "rejected", size)
    return b'{"id":%b,"success":true,"result":%b}' % (json.dumps(id).encode(), text)


def events_reply(id: str, bodies: list[bytes]) -> bytes:
    """To `_replay`. `bodies`: each strict JSON."""
    return b'{"id":%b,"success":true,"result":{"events":[%b]}}' % (
        json.dumps(id).encode(),
        b",".join(bodies),
    )


def error_reply(id: str | None, error_type: str, message: str) -> bytes:
    error = {"error_type": error_type, "message": message}
    text = json.dumps({"id": id, "success": False, "error": error}, ensure_ascii=False)
    return to_utf8(text)


class DoneCommands:
    """The answers to commands that were done and came with an idempotency key, so that one that comes again, over whichever
    bridge, gets that and is not done again. Thread-safe. The oldest go: beyond DONE_MAX, DONE_BYTES_MAX or DONE_S."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done: dict[str, tuple[float, str, bytes]] = {}  # by key, oldest first
        self._bytes = 0

    def find(self, command: Command) -> bytes | None:
        """The answer to `command`, where it has been done."""
        if not command.idempotency_key:
            return None
        with self._lock:
            self._forget(0)
            known = self._done.get(command.idempotency_key)
        if known is None:
            return None
        _, what, answer = known
        if what != self.what(command):
            text = "idempotency_key is of another command: %s" % printable(what)
            return error_reply(command.id, "bad_request", text)
        return b'{"id":%b%b' % (json.dumps(command.id).encode(), answer)

    def add(self, command: Command, what: str, reply: bytes) -> None:
        """Keeps what result_reply() gave; an error is not kept, as then it was not done. `what`: what() of before it was done."""
        start = b'{"id":%b' % json.dumps(command.id).encode()
        if not command.idempotency_key or not reply.startswith(start + b',"success":true'):
            return
        answer = reply[len(start) :]
        with self._lock:
            if command.idempotency_key in self._done:
                return
            self._forget(len(answer))
            self._bytes += len(answer)
            self._done[command.idempotency_key] = time.monotonic(), what, answer

    @staticmethod
    def what(command: Command) -> str:
        """Two that are the same have the same."""
        return "%s %s %s" % (command.name, command.agent_id, json.dumps(command, sort_keys=True))

    def _forget(self, room: int) -> None:
        while self._done:
            key, (at, _, answer) = next(iter(self._done.items()))
            full = room and (len(self._done) >= DONE_MAX or self._bytes + room > DONE_BYTES_MAX)
            if not full and time.monotonic() - at < DONE_S:
                return
            del self._done[key]
            self._bytes -= len(answer)


@dataclass
class Waiting:
    """A command for which a handler is to run."""

    command: Command
    connection: int  # over which it came


class CommandQueue:
    """Commands that wait for a handler to run. Thread-safe.

    A command leaves it exactly once: claimed to be run, or taken out to be refused.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()  # a finaliser may close() it within any of these
        self._waiting: deque[Waiting] = deque()
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def offer(self, waiting: Waiting) -> bool:
        """False where COMMANDS_WAITING_MAX wait already, or after close()."""
        with self._changed:
            if self._closed or len(self._waiting) >= COMMANDS_WAITING_MAX:
                return False
            self._waiting.append(waiting)
            self._changed.notify()
            return True

    def claim(self) -> Waiting | None:
        """The one that came first. Next to free where none waits."""
        if not self._waiting:
            return None
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def wait(self, timeout_s: float) -> None:
        """Until a command is there, the time is over, or close()."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting, timeout_s)

    def take(self, which: Callable[[Waiting], bool]) -> list[Waiting]:
        """Takes these out."""
        if not self._waiting:
            return []
        with self._changed:
            taken = [w for w in self._waiting if which(w)]
            if taken:
                self._waiting = deque(w for w in self._waiting if not which(w))
            return taken

    def next_deadline(self) -> float | None:
        if not self._waiting:
            return None
        with self._changed:
            return min((w.command.deadline for w in self._waiting), default=None)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Handlers:
    """Who answers which command. Belongs to the publisher: the threads, which outlive it by a moment,
    know it weakly, so that handlers that know their publisher do not keep it alive.

    `by_name` is replaced, never changed, so that no thread needs a lock to read it.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, tuple[Callable[[Command], Any], bool]] = {}  # and whether polled


def run(command: Command, call: Callable[[Command], Any]) -> tuple[bytes, BaseException | None]:
    """The answer, and what the handler raised that is more than an error: it wants the program's end,
    which is done when a code of 0 says so."""
    try:
        return result_reply(command.id, call(command)), None
    except Exception as error:
        text = str(error) if isinstance(error, CommandRejected) else _shown(error)
        return error_reply(command.id, "rejected", text), None
    except SystemExit as error:
        if error.code in (None, 0):
            return result_reply(command.id, None), error
        return error_reply(command.id, "rejected", _shown(error)), error
    except BaseException as error:
        return error_reply(command.id, "rejected", _shown(error)), error


def _shown(error: BaseException) -> str:
    message = str(error)
    return "%s: %s" % (type(error).__name__, message) if message else type(error).__name__
