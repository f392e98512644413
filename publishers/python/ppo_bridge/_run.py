"""Runs: a name, a config and an end, as events; see Publisher.start_run()."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from typing import Any, Callable, Iterable

from . import _crash
from ._json import Teller, encode, to_utf8
from ._log import log
from ._metrics import MetricsThread
from ._outbox import Outbox
from ._program import about_program, program_name, without_secrets
from ._values import as_config

STATES = ("finished", "crashed", "interrupted")

_CONFIG_BYTES_MAX = 64 * 1024
_TEXT_CHARS_MAX = 256  # of a name or a tag
_TAGS_MAX = 64
_LEFT_OUT_MAX = 64
_MESSAGE_CHARS_MAX = 4096
_FRAMES_MAX = 20
_FRAME_CHARS_MAX = 512

_INTERRUPTED = (130, 143)  # exit codes: 128 and the number of SIGINT or SIGTERM

Publish = Callable[[str, dict], bool]


class Runs:
    """Those of one publisher: at most one at a time for all of it, and one for each agent.

    Thread-safe; what it publishes it takes from under its lock, so that a run's events are in order.
    """

    def __init__(
        self, outbox: Outbox, run: str, metrics_s: float, before_end: Callable[[str | None], None]
    ) -> None:
        """`metrics_s`: how often the system's load is published while a run is open; 0: never.
        `before_end` publishes what is gathered of an agent, or of all."""
        self._outbox = outbox
        self._publish = outbox.publish
        self._run = run
        self._metrics_s = metrics_s
        self._before_end = before_end
        self._lock = threading.RLock()
        self._open: dict[str | None, str] = {}  # names by agent
        self._configs: dict[str | None, dict[str, str]] = {}  # what was published, as text
        self._metrics: MetricsThread | None = None
        self._failure: BaseException | None = None  # of a thread, whose run goes on
        self._exit_code: Any = None  # of the program, once it ends
        self.unfinished: str | None = None  # says that the run is interrupted where it ends like this

    @property
    def name(self) -> str | None:
        """Of the newest run that is open."""
        return next(reversed(list(self._open.values())), None)

    def start(self, name: Any, config: Any, tags: Iterable, agent_id: str | None) -> str:
        with self._lock:
            old = self._open.get(agent_id)
            given = _attempt(as_config, {}, config)
            if name is None:
                exp_name = given.get("exp_name")
                name = old or (exp_name if isinstance(exp_name, str) else None)
                name = name or "%s-%s" % (program_name(), self._run)
            name = str(name)[:_TEXT_CHARS_MAX]
            if old == name:
                self.update_config(given, agent_id)
                return name
            if old is not None:
                self.end("finished", None, agent_id)
            given = {"program": _attempt(about_program, {}), **given}
            self._configs[agent_id] = {}
            data: dict[str, Any] = {"name": name, **self._changes(given, agent_id)}
            chosen = _attempt(_as_tags, [], tags)
            if chosen:
                data["tags"] = chosen
            if not self._publish("run_started", _of(agent_id, data)):
                return name  # closed
            self._open[agent_id] = name
            _crash.watch(self)
            if self._metrics is None and self._metrics_s > 0:
                self._metrics = _attempt(MetricsThread, None, self._publish, self._metrics_s)
            return name

    def update_config(self, config: Any, agent_id: str | None) -> None:
        with self._lock:
            data = self._changes(_attempt(as_config, {}, config), agent_id)
            if data["config"] or "left_out" in data:
                self._publish("run_config", _of(agent_id, data))

    def end(self, state: str | None, error: Any, agent_id: str | None) -> bool:
        """`state`: None for what is known: `crashed` where a thread of it failed. False where no such
        run is open."""
        with self._lock:
            if not (self._open if agent_id is None else agent_id in self._open):
                return False
            if state is None:
                state, error = self._known_state()
            elif isinstance(error, BaseException):
                self.tell_error(error)
            try:
                self._before_end(agent_id)
            except Exception:
                log.exception("what was gathered for the end of a run is lost")
            data = {"state": state}
            if error is not None:
                data["error"] = _shown(error)
            for ended in list(self._open) if agent_id is None else [agent_id]:
                del self._open[ended]
                self._configs.pop(ended, None)
            if not self._open:
                self._failure = self.unfinished = None
                if self._metrics is not None:
                    self._metrics.stop()
                    self._metrics = None
            return self._publish("run_ended", _of(agent_id, data))

    def _known_state(self) -> tuple[str, Any]:
        if self._failure is not None:
            return "crashed", self._failure
        if self.unfinished:
            return "interrupted", self.unfinished
        return _state_of(self._exit_code)

    # ---- What went wrong in this program; see _crash.

    def fail(self, error: BaseException, agent_id: str | None = None) -> None:
        """Nobody caught it, in the main thread or in a notebook's cell; or it is under way at the end."""
        if isinstance(error, SystemExit):
            self.end(*_state_of(error.code), agent_id)
        elif isinstance(error, KeyboardInterrupt):
            self.end("interrupted", None, agent_id)
        else:
            self.end("crashed", error, agent_id)

    def fail_in_thread(self, error: BaseException, thread: str) -> None:
        """The others of its threads go on, and with them the run."""
        if self._open:
            self.tell_error(error, thread)
            self._failure = error

    def exit(self, code: Any) -> None:
        """The program ends with it."""
        self._exit_code = code

    def tell_error(self, error: BaseException, thread: str | None = None) -> None:
        frames = traceback.extract_tb(error.__traceback__, limit=-_FRAMES_MAX)
        details = {
            "frames": [
                ("%s:%s in %s: %s" % (f.filename, f.lineno, f.name, f.line))[:_FRAME_CHARS_MAX]
                for f in frames
            ],
            "thread": thread or threading.current_thread().name,
        }
        kind, _, message = _shown(error).partition(": ")
        self._publish("error", {"error_type": kind, "message": message, "details": details})

    # ---- Config.

    def _changes(self, config: dict, agent_id: str | None) -> dict:
        """`config`: the members that are new or not as before; `left_out`: those for which there is
        no room."""
        known = self._configs.setdefault(agent_id, {})
        texts: dict[str, str] = {}
        teller = Teller()
        config = without_secrets(teller.tell({"config": config})["config"]) or {}
        self._outbox.count_lost("run_config", teller)
        for key, value in config.items():
            text = encode({key: value})
            if known.get(key) != text:
                texts[key] = text
        sizes = {key: len(to_utf8(text)) for key, text in texts.items()}
        room = _CONFIG_BYTES_MAX - sum(len(t) for key, t in known.items() if key not in texts)
        left_out = []
        for key in sorted(sizes, key=lambda key: (key != "program", sizes[key])):
            room -= sizes[key]
            if room < 0:
                left_out.append(key)
        known.update((key, text) for key, text in texts.items() if key not in left_out)
        data: dict = {"config": {key: config[key] for key in texts if key not in left_out}}
        if left_out:
            data["left_out"] = [key[:_TEXT_CHARS_MAX] for key in left_out[:_LEFT_OUT_MAX]]
        return data


class Span:
    """With it around what is measured: publishes how long that took."""

    __slots__ = ("_publish", "_name", "_step", "_agent_id", "_start", "_began")

    def __init__(self, publish: Publish, name: str, step: Any, agent_id: str | None) -> None:
        self._publish, self._name, self._step, self._agent_id = publish, name, step, agent_id

    def __enter__(self) -> Span:
        self._start, self._began = time.time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        took_ms = (time.perf_counter() - self._began) * 1000
        data = {"name": self._name, "start": self._start, "duration_ms": took_ms}
        if self._step is not None:
            data["step"] = self._step
        self._publish("span", _of(self._agent_id, data))


def _state_of(code: Any) -> tuple[str, str | None]:
    """Of a program that exits with it, and the error."""
    if code in (None, 0):
        return "finished", None
    return "interrupted" if code in _INTERRUPTED else "crashed", _shown(SystemExit(code))


def under_way() -> BaseException | None:
    """The exception that the caller is handling or cleaning up for; not one by which loops and generators end."""
    error = sys.exc_info()[1]
    return None if isinstance(error, (GeneratorExit, StopIteration, StopAsyncIteration)) else error


def _of(agent_id: str | None, data: dict) -> dict:
    if agent_id is not None:
        data["agent_id"] = agent_id
    return data


def _as_tags(tags: Any) -> list[str]:
    each = [tags] if isinstance(tags, str) else list(tags or ())
    return [str(tag)[:_TEXT_CHARS_MAX] for tag in each[:_TAGS_MAX]]


def _attempt(what: Callable, otherwise: Any, *of: Any) -> Any:
    """Whatever is wrong with it, training begins."""
    try:
        return what(*of)
    except Exception as error:
        log.warning("a run: %s: %s", type(error).__name__, error)
        return otherwise


def _shown(error: Any) -> str:
    """`Type: message`, or the type alone."""
    if not isinstance(error, BaseException):
        return str(error)[:_MESSAGE_CHARS_MAX]
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:
        message = "<no text>"
    return ("%s: %s" % (kind, message) if message else kind)[:_MESSAGE_CHARS_MAX]
