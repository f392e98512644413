"""The one thread that talks to ZeroMQ: events out, announcements, and commands in."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import threading
import time

import zmq

from . import _commands as commands
from ._commands import Command, CommandQueue, Waiting
from ._json import strict_body, to_utf8
from ._link import ControlLink, EventLink
from ._names import host_name, printable
from ._options import Options
from ._outbox import Outbox, WakeUp
from ._ring import EventRing

log = logging.getLogger("ppo_bridge")

# An event that comes alone leaves at once. After it the thread looks away for this long, so that
# under load events leave together and this thread seldom asks for the interpreter's lock.
_GATHER_S = 0.02
_GATHER_ALONE_S = 0.1  # while no bridge is there

# After so long with the interpreter, at so many events at a time, the thread lets others have it for
# a moment.
_TURN_S = 0.002
_EVENTS_AT_ONCE = 128
_MOMENT_S = 0.0002

_RETRY_S = 0.05  # after the queue was full
_MESSAGES_AT_ONCE = 8
_REQUESTS_AT_ONCE = 64
_ANNOUNCE_EVERY_S = 1.0
_LOG_EVERY_S = 1.0

# What a program that publishes and ends at once waits for its bridge to appear.
_FIRST_CONTACT_S = 0.25
# How long the end gives the last answers to leave.
_ANSWERS_LINGER_MS = 500

# A bridge may be quicker than a program that registers its commands one by one: requests are left
# lying until the last registration is this old, but not for longer than _SETTLE_MAX_S.
_SETTLE_S = 0.05
_SETTLE_MAX_S = 1.0

_REPLAY_BYTES_MAX = 1024 * 1024 - 1024  # of one reply's events
# How long a bridge has at the end to see that it misses something.
_REPLAY_QUIET_S = 0.25

# Those that run in this process; what the interpreter's end has to wait for.
running: set[Sender] = set()


class Sender:
    """Made by any thread; everything but `stop`, `join`, `register` and `reply` belongs to the thread
    that start() starts, "ppo-publisher".
    """

    def __init__(self, options: Options, outbox: Outbox) -> None:
        """Raises zmq.ZMQError or OSError where the endpoints cannot be had."""
        self._options = options
        self._outbox = outbox
        self._ring = EventRing(options.ring_events_max, options.ring_bytes_max)
        self._identity = ',"source":"%s","run":"%s","source_seq":' % (options.source, options.run)
        self._topic_end = b"/%b/" % options.source.encode()
        self._wake_up = WakeUp()
        self._context = zmq.Context()
        self._control: ControlLink | None = None
        try:
            self._events = EventLink(self._context, options.endpoint)
            try:
                if options.control:
                    self._control = ControlLink(self._context, options.control, options.source)
            except Exception:
                self._events.close(0)
                raise
        except Exception:
            self._context.term()
            self._wake_up.close()
            raise

        self.sent = self.batches = self.replayed = 0
        self.connected = False
        self.control_connected = False

        # What the source says of itself.
        self.agents: list[str] = []
        self.state = "running"
        self._announced: tuple = ()
        self._announce_at = 0.0
        self._ever_connected = False

        # Commands. `handlers` is replaced, never changed, so that no thread needs a lock to read it.
        self.handlers: dict[str, tuple] = {}
        self.polled = CommandQueue()
        self.library = CommandQueue()
        self._replies: list[tuple[int, bytes]] = []  # append() and slicing are atomic
        self._connection = 1
        self.received = self.executed = self.command_refusals = 0
        self.malformed = self.unheard = 0

        self._logged_at = 0.0
        self._logged = (0, 0)  # refused, dropped
        self._started = self._asked_at = time.monotonic()
        self._settled_at = self._started + _SETTLE_S
        self._deadline: float | None = None  # to finish by, once closing
        self._thread = threading.Thread(target=self._run, name="ppo-publisher", daemon=True)
        self._commands_thread: threading.Thread | None = None
        self._lock = threading.Lock()  # for registering

    # ---- Any thread.

    def start(self) -> None:
        running.add(self)
        self._outbox.wake = self._wake_up.signal
        self._thread.start()

    @property
    def dropped(self) -> int:
        return self._ring.dropped

    @property
    def oldest(self) -> int:
        return self._ring.oldest

    @property
    def flush_s(self) -> float:
        return self._options.flush_ms / 1000

    def wake(self) -> None:
        self._wake_up.signal()

    def register(self, name: str, handler: commands.Handler, polled: bool) -> None:
        call = commands.calling(handler)
        with self._lock:
            if not polled and self._commands_thread is None:
                self._commands_thread = threading.Thread(
                    target=self._run_commands, name="ppo-commands", daemon=True
                )
                self._commands_thread.start()
            queue = self.polled if polled else self.library
            self.handlers = {**self.handlers, name: (call, queue)}
            self._settled_at = min(time.monotonic() + _SETTLE_S, self._started + _SETTLE_MAX_S)
        self.wake()

    def run_all(self, queue: CommandQueue) -> int:
        """Runs the handlers of all that wait; how many."""
        ran = 0
        while (waiting := queue.claim()) is not None:
            answer, executed = commands.run(waiting)
            if executed:
                self.executed += 1
            else:
                self.command_refusals += 1
            self._replies.append((waiting.connection, answer))
            self.wake()
            ran += 1
        return ran

    def stop(self, flush_s: float) -> None:
        """Refuses further events, and tells the thread to finish within about this time."""
        self._outbox.fail("the publisher is closed")
        self.polled.close()
        self.library.close()
        if self._deadline is None:
            self._deadline = time.monotonic() + flush_s
        self.wake()

    def join(self, timeout_s: float) -> None:
        """REQUIRES: stop(). A handler that ends its own publisher does not wait: its answer is still
        to be sent."""
        if threading.current_thread() is self._commands_thread:
            return
        for thread in (self._commands_thread, self._thread):
            if thread is not None:
                until = self._deadline or time.monotonic()
                thread.join(max(until - time.monotonic(), 0) + timeout_s)

    def _run_commands(self) -> None:
        while not self.library.closed:
            self.library.wait(3600)
            if not self.library.closed:
                self.run_all(self.library)

    # ---- "ppo-publisher".

    def _run(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # signals are for the program's own threads
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        linger_ms = 0
        try:
            self._loop()
            if self._events.connected:
                self.state = "stopped"
                self._announce_if_due()  # after the last event
                self._give_again()
                linger_ms = max(int(((self._deadline or 0) - time.monotonic()) * 1000), 50)
        except Exception as error:
            self._outbox.fail("%s: %s" % (type(error).__name__, error))
            log.exception("the publisher ended")
        self._finish(linger_ms)

    def _finish(self, linger_ms: int) -> None:
        self._take_in(60)
        self._ring.abandon()
        try:
            self._refuse_rest()
            self._log_if_due(finally_=True)
            self._events.close(linger_ms)
            if self._control is not None:
                self._control.close(_ANSWERS_LINGER_MS if self.control_connected else 0)
            self._context.term()
        except zmq.ZMQError:
            pass  # nobody is left to tell
        self.connected = self.control_connected = False
        self._wake_up.close()
        running.discard(self)

    def _loop(self) -> None:
        ready: dict = {}
        while True:
            self._see_news(ready)
            busy = self._take_in(_TURN_S)
            self._announce_if_due()
            sent = self._send()
            self._serve()
            self._log_if_due()
            if self._finished():
                return
            ready = self._wait(busy or sent is True, blocked=sent is None)

    def _see_news(self, ready: dict) -> None:
        events = self._events
        if events.monitor in ready or events.socket in ready:
            events.see_news()
            self.connected = events.connected
            self._ever_connected = self._ever_connected or self.connected
        control = self._control
        if control is None:
            return
        if control.socket is None or control.monitor in ready:
            control.see_news()
            self.control_connected = control.connected
        if self._connection != control.connection:
            self._connection = control.connection
            for queue in (self.polled, self.library):
                self.unheard += len(queue.take(lambda waiting: True))

    def _take_in(self, turn_s: float) -> bool:
        """From the inbox to the ring, numbered, for about this long; whether there was anything."""
        ring, identity = self._ring, self._identity
        any_ = False
        until = time.monotonic() + turn_s
        while not self._outbox.empty() and time.monotonic() < until:
            taken = self._outbox.take(_EVENTS_AT_ONCE)
            any_ = True
            bodies = [
                '%s,"timestamp":%.6f%s%d}' % (text, at, identity, number)
                for number, (text, at) in enumerate(taken, ring.head + 1)
            ]
            try:
                ring.extend([body.encode() for body in bodies])
            except UnicodeEncodeError:
                ring.extend([to_utf8(body) for body in bodies])
        return any_

    def _send(self) -> bool | None:
        """True where something was sent, None where the queue is full."""
        if not self.connected:
            return False
        ring = self._ring
        for count in range(_MESSAGES_AT_ONCE):
            if not ring.waiting:
                return count > 0
            if ring.waiting == 1:
                first = ring.first_waiting()
                kind = first[9 : first.index(b'"', 9)]  # {"type":"
            else:
                kind = b"batch"
            if not self._events.begin_message(kind + self._topic_end):
                return None
            batch = ring.take(self._options.batch_bytes_max)
            self._events.finish_message(b"\n".join(batch))
            self.sent += len(batch)
            self.batches += 1
        return True

    def _announce_if_due(self) -> None:
        if self._control is None or not self.connected:
            return
        now = time.monotonic()
        what = (self.agents, self.handlers, self.state, self._events.connections)
        if now < self._announce_at and what == self._announced:
            return
        data = {
            "head": self._ring.head,
            "oldest": self._ring.oldest,
            "agents": self.agents,
            "commands": sorted(self.handlers),
            "host": host_name(),
            "pid": os.getpid(),
            "replay": "any_time",  # also while a command waits for its answer
            "state": self.state,
        }
        body = {
            "type": "_source",
            "source": self._options.source,
            "run": self._options.run,
            "data": data,
        }
        sent = self._events.begin_message(b"_source" + self._topic_end)
        if sent:
            self._events.finish_message(to_utf8(json.dumps(body, separators=(",", ":"))))
            self._announced = what
        self._announce_at = now + (_ANNOUNCE_EVERY_S if sent else _RETRY_S)

    # ---- Commands.

    def _serve(self) -> None:
        control = self._control
        if control is None:
            return
        now = time.monotonic()
        if now >= self._settled_at:
            for _ in range(_REQUESTS_AT_ONCE):
                body = control.receive()
                if body is None:
                    break
                self.received += 1
                if body:
                    self._take_request(body, now)
                else:
                    self.malformed += 1
        for queue, why in ((self.polled, "not polled in time"), (self.library, "deadline passed")):
            for late in queue.take(lambda waiting: waiting.command.deadline <= now):
                self._refuse(late.command.id, "rejected", why)
        count = len(self._replies)
        for connection, text in self._replies[:count]:
            if connection != control.connection or not control.try_send(text):
                self.unheard += 1
        del self._replies[:count]

    def _take_request(self, body: bytes, now: float) -> None:
        request = commands.parse_request(body)
        if request.message:
            return self._refuse(request.id, request.error_type, request.message)
        assert request.id is not None and self._control is not None
        if request.run is not None and request.run != self._options.run:
            meant = "the command is for run '%s'; this is run '%s'"
            text = meant % (printable(request.run), self._options.run)
            return self._refuse(request.id, "rejected", text)
        if request.command == "_replay":
            return self._replay(request)
        call, queue = self.handlers.get(request.command, (None, None))
        if queue is None:
            text = "there is no command '%s' here" % printable(request.command)
            return self._refuse(request.id, "unknown_command", text)
        if request.deadline_ms <= 0:
            return self._refuse(request.id, "rejected", "deadline passed")
        command = Command(
            request.params,
            id=request.id,
            name=request.command,
            agent_id=request.agent_id,
            deadline=now + request.deadline_ms / 1000,
        )
        if queue.offer(Waiting(command, call, self._control.connection)):
            return None
        if queue.closed:
            return self._refuse(request.id, "rejected", "this source is closing")
        text = "%d commands wait already" % commands.COMMANDS_WAITING_MAX
        return self._refuse(request.id, "busy", text)

    def _replay(self, request: commands.Request) -> None:
        """Events that the bridge missed, once more; those that are gone are left out."""
        first, last = request.params.get("from"), request.params.get("to")
        if type(first) is not int or type(last) is not int:
            text = "from and to are %s and %s; must be integers"
            text %= printable(repr(first)), printable(repr(last))
            return self._refuse(request.id, "bad_request", text)
        self._asked_at = time.monotonic()
        bodies = self._ring.replay(first, last, _REPLAY_BYTES_MAX)
        self.replayed += len(bodies)
        reply = commands.events_reply(request.id or "", [strict_body(body) for body in bodies])
        if self._control is None or not self._control.try_send(reply):
            self.unheard += 1

    def _refuse(self, id: str | None, error_type: str, message: str) -> None:
        self.command_refusals += 1
        reply = commands.error_reply(id, error_type, message)
        if self._control is None or not self._control.try_send(reply):
            self.unheard += 1

    def _refuse_rest(self) -> None:
        for queue in (self.polled, self.library):
            for waiting in queue.take(lambda waiting: True):
                self._refuse(waiting.command.id, "rejected", "this source is closing")

    def _give_again(self) -> None:
        """Until the bridge, which heard of the end, has asked for nothing in a while."""
        self._asked_at = time.monotonic()
        while self._control is not None and self._control.connected:
            until = min(self._asked_at + _REPLAY_QUIET_S, self._deadline or 0)
            left_ms = int((until - time.monotonic()) * 1000)
            if left_ms <= 0:
                return
            sockets = [(self._control.socket, zmq.POLLIN), (self._control.monitor, zmq.POLLIN)]
            self._see_news(dict(zmq.zmq_poll(sockets, left_ms)))
            self._serve()

    # ---- When.

    def _finished(self) -> bool:
        if self._deadline is None:
            return False
        now = time.monotonic()
        if self._commands_thread is not None and self._commands_thread.is_alive():
            if now < self._deadline:
                return False  # a handler's answer is still to be sent
        if now >= self._deadline or (not self._ring.waiting and self._outbox.empty()):
            return True
        if self.connected:
            return False
        return self._ever_connected or now >= self._started + _FIRST_CONTACT_S

    def _wait(self, busy: bool, blocked: bool) -> dict:
        """Which sockets have something; empty at the latest when something is due."""
        now = time.monotonic()
        due = []
        if busy and not self._outbox.empty():
            due.append(now + _MOMENT_S)
        elif blocked:
            due.append(now + _RETRY_S)
        elif busy:
            due.append(now + (_GATHER_S if self.connected else _GATHER_ALONE_S))
        else:
            self._outbox.asleep = True
            if not self._outbox.empty():
                self._outbox.asleep = False
                return {}
        if self._deadline is not None:
            due.append(now + _GATHER_S)
        if (self._outbox.refused, self.dropped) != self._logged:
            due.append(self._logged_at + _LOG_EVERY_S)
        sockets = [(self._events.socket, zmq.POLLIN), (self._events.monitor, zmq.POLLIN)]
        control = self._control
        if control is not None:
            if self.connected:
                due.append(self._announce_at)
            if control.socket is None:
                due.append(control.reopen_at)
            elif now < self._settled_at:
                due.append(self._settled_at)
                sockets.append((control.monitor, zmq.POLLIN))
            else:
                sockets.append((control.socket, zmq.POLLIN))
                sockets.append((control.monitor, zmq.POLLIN))
            for queue in (self.polled, self.library):
                deadline = queue.next_deadline()
                if deadline is not None:
                    due.append(deadline)
        wake_fd = self._wake_up.fd()
        sockets.append((wake_fd, zmq.POLLIN))
        timeout_ms = max(math.ceil((min(due) - now) * 1000), 0) if due else -1
        ready = dict(zmq.zmq_poll(sockets, timeout_ms))
        self._outbox.asleep = False
        if wake_fd in ready:
            self._wake_up.clear()
        return ready

    def _log_if_due(self, finally_: bool = False) -> None:
        now = time.monotonic()
        seen = (self._outbox.refused, self.dropped)
        if seen == self._logged or (now < self._logged_at + _LOG_EVERY_S and not finally_):
            return
        refused, dropped = (new - old for new, old in zip(seen, self._logged))
        self._logged, self._logged_at = seen, now
        if refused:
            log.warning("refused %d event(s); the last: %s", refused, self._outbox.complaint)
        if dropped:
            log.warning("the ring is full: let go of %d event(s)", dropped)
