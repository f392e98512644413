"""A publisher: hands a program's events to the bridge without ever making the program wait."""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from dataclasses import replace
from typing import Any, Callable, Iterable, Mapping

from . import _greeting, _process
from ._commands import Handler, Handlers
from ._control import Control
from ._names import NAME_RANGE, TYPE_RANGE, fresh_run, is_event_type, is_name, printable, with_suffix
from ._options import complete
from ._outbox import Outbox
from ._parameters import checked
from ._run import Runs, under_way
from ._run_calls import RunCalls
from ._sender import Sender
from ._stats import CommandStats, PublisherStats
from ._told_trades import ToldTrades

__all__ = ["CommandStats", "Publisher", "PublisherStats"]


class Publisher(RunCalls):
    """Events out and commands in, by one daemon thread.

        publisher = Publisher(source="trainer-1")
        publisher.publish("trade_executed", {"agent_id": "agent_0", "item": "Coal", "price": 199})

        @publisher.command("pause")
        def pause(command):
            ...

    Events wait in memory until a bridge has subscribed, and again while it is away or does not read:
    65,536 of them or 32 MB; beyond that the oldest go, counted in `dropped`. Sent ones stay there as
    well, as room allows, so that the bridge can ask again for what it missed.

    publish() waits for nothing and raises nothing, whether the bridge is up, down or stuck. What it
    refuses is counted, and logged ("ppo_bridge") at most once a second.

    Thread-safe. After a fork the child's events go out under a source of its own, SOURCE.PID (with a
    key SOURCE-PID, for which it is good too), which
    has no commands and no run; what the parent had not sent yet, the parent sends. So do those of a
    worker of multiprocessing that makes it once more because it imports the program. Cannot be pickled.
    """

    def __init__(
        self,
        source: str | None = None,
        *,
        run: str | None = None,
        run_name: str | None = None,
        config: Any = None,
        tags: Iterable[str] = (),
        system_metrics_s: float | None = None,
        endpoint: str | None = None,
        control: str | None = None,
        curve: str | os.PathLike | None = None,
        page: str | None = None,
        ring_events_max: int = 65_536,
        ring_bytes_max: int = 32 * 1024 * 1024,
        batch_bytes_max: int = 256 * 1024,
        event_bytes_max: int = 1024 * 1024,
        gather_ms: int = 250,
        flush_ms: int = 1000,
    ) -> None:
        """`source`: who publishes; made up of host, program and a random part where left out: the same
        throughout the process, but never that of two publishers at a time.
        `run`: which start of it; a fresh random name where left out.
        `run_name`, `config`, `tags`: with any of them, start_run() is called with them.
        `system_metrics_s`: how often the load of the machine is published while a run is open; left
        out: $PPO_SYSTEM_METRICS, or every 10 s; 0: never.
        `endpoint`, `control`: where the bridge takes events in and sends commands from; left out:
        $PPO_EVENTS_ADDRESS and $PPO_CONTROL_ADDRESS, or those of the bridges of $PPO_BRIDGES (HOST[:PORT],...),
        or the bridge's defaults on this host. Of several bridges, which share a log: all of theirs, with commas
        between, as many in both. It is with one at a time; when that is away for 1 to 2 s, it goes to the next.
        With control="" there are neither commands nor repair.
        `curve`: the file with the key by which the bridge knows this publisher, where it wants one
        (`ppo-bridge curve create NAME`); left out: $PPO_CURVE_FILE.
        `page`: where to watch, for the line on stderr; left out, what the bridge tells.
        `gather_ms`: how long events may wait for others to leave together with, half of it where they are
        few. Each time costs the script a moment; an event that comes alone leaves at once.
        `flush_ms`: how long close() and the interpreter's end wait for the ring to empty.

        Raises ValueError where one of these is out of its range, which it names.
        """
        options = complete(
            _process.source_for(source),
            run,
            endpoint,
            control,
            curve,
            system_metrics_s,
            ring_events_max=ring_events_max,
            ring_bytes_max=ring_bytes_max,
            batch_bytes_max=batch_bytes_max,
            event_bytes_max=event_bytes_max,
            gather_ms=gather_ms,
            flush_ms=flush_ms,
        )
        self._lock = threading.RLock()  # guards starting and closing
        self._options = options
        self._outbox = Outbox(options.event_bytes_max)
        self.offer_filled = self._outbox.offer_filled  # for hooks
        self.told_trades = ToldTrades()  # likewise
        self._gatherers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._runs = self._fresh_runs()
        self._handlers = Handlers()
        self._sender: Sender | None = None
        self._inherited: list[Any] = []  # the parent's, kept from being finalised in a child
        _process.publishers.add(self)
        if _process.imported_by_worker():
            self._wait_for_use()
            return
        try:
            self._start(_greeting.Greeting(options, page) if _greeting.greets() else None)
        except Exception as error:
            text = "endpoint %s, control %s: %s"
            shown = printable(repr(options.endpoint)), printable(repr(options.control))
            raise ValueError(text % (*shown, error)) from None
        if run_name is not None or config is not None or tags:
            self.start_run(run_name, config, tags)

    # ---- Events.

    def publish(self, event_type: str, data: Any = None, timestamp: float | None = None) -> bool:
        """Takes an event; returns at once and never raises.

        `event_type`: 1-64 of `A-Z a-z 0-9 _ . -`, not beginning with `_`. `data`: a mapping (or
        dataclass) of anything: scalars and arrays of numpy and torch become numbers and lists, times
        ISO 8601, what JSON has no form for its str(). A snapshot is taken, so the caller may change it
        afterwards. `timestamp`: seconds since 1970; now where left out.

        A value that cannot be told is null, counted and logged with its path: one that raises, that
        reading would use up (a generator), within itself, more than 63 levels deep, or too large for
        event_bytes_max. False when the event is refused: bad type, data without names, or after close().
        """
        return self._outbox.offer(event_type, data, timestamp)

    def refuse(self, event_type: str, why: str) -> bool:
        """Counts and logs an event that could not be made, for those who make them; False."""
        return self._outbox.refuse(why, event_type)

    def stats(self) -> PublisherStats:
        sender, outbox = self._sender, self._outbox
        sent, dropped = (sender.sent, sender.dropped) if sender else (0, 0)
        published = outbox.offered
        return PublisherStats(
            published=published,
            sent=sent,
            dropped=dropped,
            refused=outbox.refused,
            nulled=outbox.nulled,
            batches=sender.batches if sender else 0,
            queued=published - sent - dropped,
            replayed=sender.control.replayed if sender and sender.control else 0,
            source_seq=published,
            connected=self.connected,
        )

    @property
    def source(self) -> str:
        return self._options.source

    @property
    def run(self) -> str:
        return self._options.run

    @property
    def connected(self) -> bool:
        """A bridge is subscribed."""
        return self._sender is not None and self._sender.connected

    @property
    def error(self) -> str:
        """Why nothing can be published; empty while all is well."""
        return self._outbox.error

    # ---- Commands.

    def command(self, name: str, *, polled: bool = False) -> Callable[[Handler], Handler]:
        """Decorates the handler of a command; see on_command()."""

        def registered(handler: Handler) -> Handler:
            self.on_command(name, handler, polled=polled)
            return handler

        return registered

    def on_command(self, name: str, handler: Handler, *, polled: bool = False) -> None:
        """Answers the command `name` by `handler` from now on, in place of an earlier one.

        The handler takes the Command (a dict of its params, with `name`, `agent_id` and `deadline`
        beside them), or nothing, or params by the names of its own parameters. What it returns is
        the result: a mapping, None, or one value. What it raises is answered as rejected, with the
        message (CommandRejected is there for that).

        It runs on a thread of the library's, one command at a time; with `polled`, in
        poll_commands(), on the thread that calls it. There sys.exit() in it ends the program, and
        the command is answered as done; on the library's thread it is answered as rejected.

        Raises ValueError or TypeError where the name or the handler is none.
        """
        if not is_event_type(name):
            text = "the command '%s' must be %s"
            raise ValueError(text % (printable(name), TYPE_RANGE))
        if not self._options.control:
            raise ValueError("control is empty; must be a ZeroMQ address for commands")
        if self._sender is None:
            if _process.imported_by_worker():
                return
            self._revive()
        control = self._control
        if control is not None:
            control.register(name, handler, polled)

    def poll_commands(self) -> int:
        """Runs the handlers of all polled commands that wait, here and now; how many.

        Next to free where none waits, so call it often: a command that nobody polls for is answered
        with `timeout` when its deadline passes, and not carried out.
        """
        control = self._control
        return control.run_all(control.polled) if control is not None else 0

    def wait_commands(self, timeout: float) -> int:
        """As poll_commands(), but waits for a command to come, at most `timeout` seconds."""
        control = self._control
        timeout = min(max(timeout, 0), threading.TIMEOUT_MAX)
        if control is None:
            time.sleep(timeout)
            return 0
        control.polled.wait(timeout)
        return control.run_all(control.polled)

    def command_stats(self) -> CommandStats:
        control = self._control
        if control is None:
            return CommandStats()
        return CommandStats(
            received=control.received,
            executed=control.executed,
            repeated=control.repeated,
            refused=control.refused,
            late=control.late,
            malformed=control.malformed,
            unheard=control.unheard,
            connected=control.connected,
        )

    # ---- What this source says of itself, once a second.

    @property
    def agents(self) -> list[str]:
        return list(self._sender.announcer.agents) if self._sender is not None else []

    def set_agents(self, agent_ids: Iterable[str]) -> None:
        """Which agents live here. Raises ValueError where one is not a name."""
        agents = sorted(agent_ids)
        for agent in agents:
            if not is_name(agent):
                raise ValueError("agent %s; must be %s" % (printable(repr(agent)), NAME_RANGE))
        if self._sender is not None:
            self._sender.announcer.agents = agents
            self._sender.wake()

    def set_parameters(self, parameters: Iterable[Mapping]) -> None:
        """What can be set by the command `set_hyperparameter`, to be shown as fields.

        Each has `name`, `value`, `kind` (number, integer, boolean, text, choice) and, where it
        applies, `min`, `max`, `unit`, `choices`, `agent_id`; 64 of them at most. New values of the
        same parameters are told with the next announcement, once a second.

        Raises ValueError where one is not so."""
        found = checked(parameters)
        sender = self._sender
        if sender is not None and sender.announcer.set_parameters(found):
            sender.wake()

    def set_state(self, state: str) -> None:
        """ "running" (as at first), "paused" or "stopped" (which close() says by itself)."""
        if state not in ("running", "paused", "stopped"):
            text = "state is %s; must be running, paused or stopped"
            raise ValueError(text % printable(repr(state)))
        if self._sender is not None:
            self._sender.announcer.state = state
            self._sender.wake()

    # ---- The end.

    def flush(self, timeout: float = 1.0) -> bool:
        """Waits until everything published has been handed to ZeroMQ, at most `timeout` seconds."""
        until = time.monotonic() + timeout
        while self.stats().queued > 0:
            if time.monotonic() >= until or self.error:
                return False
            time.sleep(0.002)
        return True

    def close(self, timeout: float | None = None) -> None:
        """Refuses further events, waits at most `timeout` seconds (flush_ms) for the waiting ones to
        leave and for the bridge to ask for nothing more, of a single bridge not at all when it is not there, and
        ends the threads. A publisher younger than 250 ms first gives it that long to appear.
        Idempotent. In an exception's `except` or `finally` an open run ends as that says."""
        error = under_way()
        if error is not None:
            self._runs.fail(error)
        self._runs.end(None, None, None)
        with self._lock:
            sender = self._sender
            self._outbox.fail("the publisher is closed")
        if sender is not None:
            sender.stop(self._options.flush_ms / 1000 if timeout is None else max(timeout, 0.0))
            sender.join(_process.JOIN_S)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._runs.fail(error)
        self.close()

    def __del__(self) -> None:
        # Whoever drops its publisher does not wait; the thread sends the rest and ends.
        # One that has ended already may go so late that Python has taken the modules to pieces.
        sender = self.__dict__.get("_sender")
        if sender is not None and not self._outbox.error:
            self._runs.end(None, None, None)
            sender.stop(self._options.flush_ms / 1000)

    def __reduce__(self) -> Any:
        raise TypeError("a Publisher cannot be pickled or copied; make one in the worker")

    # ---- Starting.

    @property
    def _control(self) -> Control | None:
        return self._sender.control if self._sender is not None else None

    def _fresh_runs(self) -> Runs:
        options = self._options
        gatherers = self._gatherers

        def before_end(agent_id: str | None) -> None:
            for gatherer in list(gatherers):
                if agent_id is None or gatherer.agent_id == agent_id:
                    gatherer.flush()

        return Runs(self._outbox, options.run, options.system_metrics_s, before_end)

    def _start(self, greeting: _greeting.Greeting | None = None) -> None:
        sender = Sender(self._options, self._outbox, self._handlers, greeting)
        sender.start()
        self._sender = sender
        _process.end_with_worker()

    def _after_fork(self) -> None:
        """In the child. The parent's thread is not here, and its sockets are not ours to touch."""
        self._inherited.append((self._sender, self._outbox, self._runs))
        error = self._outbox.error
        self._lock = threading.RLock()
        self._sender = None
        self._options = replace(self._options, run=fresh_run())
        self._outbox = Outbox(self._options.event_bytes_max)
        self.offer_filled = self._outbox.offer_filled
        self.told_trades = ToldTrades(self.told_trades.recorded)
        if error:
            self._outbox.fail(error)
        self._handlers = Handlers()
        for gatherer in list(self._gatherers):
            gatherer.forget()
        self._wait_for_use()

    def _wait_for_use(self) -> None:
        """In a worker: nobody is to hear of it before it publishes, and then by a name of its own."""
        # A key is good for NAME and NAME-... only.
        between = "." if self._options.curve is None else "-"
        source = with_suffix(self._options.source, "%s%d" % (between, os.getpid()))
        self._options = replace(self._options, source=source)
        self._runs = self._fresh_runs()
        self._outbox.asleep = True
        self._outbox.wake = self._revive

    def _revive(self) -> None:
        """In a worker, when it first publishes."""
        with self._lock:
            if self._sender is not None or self._outbox.error:
                return
            try:
                self._start()
            except Exception as error:
                self._outbox.fail("after a fork: %s" % error)
