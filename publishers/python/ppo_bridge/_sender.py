"""The one thread that talks to ZeroMQ: events out, announcements, and commands in."""

from __future__ import annotations

import math
import random
import threading
import time

import zmq

from ._announce import Announcer
from ._commands import DEADLINE_MS_MAX, Handlers
from ._control import Control
from ._greeting import Greeting
from ._link import EventLink
from ._log import log
from ._options import Options
from ._outbox import Outbox, WakeUp
from ._ring import EventRing

_GATHER_ALONE_S = 0.25  # while no bridge is there
_CLOSING_STEP_S = 0.01

# After so long with the interpreter, at so many events at a time, the thread lets others have it for
# a moment. What comes in meanwhile waits for the next time, unless it is many. Not sooner: to get it back costs more.
_TURN_S = 0.002
_EVENTS_AT_ONCE = 64
_MOMENT_S = 0.0002

# So few events at a time wait for one another only half as long.
_FEW_EVENTS = 8

# What is said once a second may be so late, for the next events to be sent by the same turn.
_WITH_EVENTS_S = 0.25

_RETRY_S = 0.1  # after the queue was full
_MESSAGES_AT_ONCE = 8
_LOG_EVERY_S = 1.0

# What a program that publishes and ends at once waits for its bridge to appear.
_FIRST_CONTACT_S = 0.25

# A bridge that has been away for so long, or up to twice that, is left for the next one: long enough for one that is
# started anew. At random, so that not all publishers of a bridge come to the next one at once. At the end it is urgent.
_AWAY_S = 1.0
_AWAY_AT_END_S = 0.1

# How long a bridge has at the end to see that it misses something.
_REPLAY_QUIET_S = 0.25

# Those that run in this process; what the interpreter's end has to wait for.
running: set[Sender] = set()


class Sender:
    """Made by any thread; what is not said to be for any belongs to the one that start() starts,
    "ppo-publisher"."""

    def __init__(
        self, options: Options, outbox: Outbox, handlers: Handlers, greeting: Greeting | None
    ) -> None:
        """Raises zmq.ZMQError or OSError where the endpoints cannot be had."""
        self._options = options
        self._outbox = outbox
        self._ring = EventRing(options.ring_events_max, options.ring_bytes_max)
        self._identity = ',"source":"%s","run":"%s","source_seq":' % (options.source, options.run)
        # An event that comes alone leaves at once. After it the thread looks away for this long, so that
        # under load events leave together: whenever it asks for the interpreter, the training thread
        # signals it at each of its own short releases until it has it, which costs that one up to 0.5 ms.
        self._gather_s = options.gather_ms / 1000
        self._topic_end = b"/%b/" % options.source.encode()
        self._wake_up = WakeUp()
        self._context = zmq.Context()
        self.control: Control | None = None
        self._bridges = options.bridges
        self._bridge = 0  # the one that the control connection is of
        self._events_bridge = 0  # and that events go to
        self._away_until: float | None = None  # while it is away: when to try the next one
        endpoint, control = self._bridges[0]
        try:
            if len(self._bridges) > 1:
                self._check_addresses()
            self._events = EventLink(self._context, endpoint, bool(control), options.curve)
            try:
                if control:
                    self.control = Control(
                        self._context,
                        control,
                        options.run,
                        self._ring,
                        self._wake_up.signal,
                        handlers,
                        options.curve,
                    )
            except Exception:
                self._events.close(0)
                raise
        except Exception:
            self._context.term()
            self._wake_up.close()
            raise

        self.sent = self.batches = 0
        self.connected = False

        self.announcer = Announcer(options, self._ring)
        self._ever_connected = False

        self._logged_at = 0.0
        self._logged: tuple = (0, 0, 0)  # refused, dropped, nulled
        self._started = time.monotonic()
        self._greeting = greeting
        self._deadline: float | None = None  # to finish by, once closing
        self._answer_by = 0.0  # of a handler that ended its own publisher
        self._thread = threading.Thread(target=self._run, name="ppo-publisher", daemon=True)

    def _check_addresses(self) -> None:
        """One that is no address must not show only when it is gone to."""
        for address in (each for bridge in self._bridges for each in bridge if each):
            with self._context.socket(zmq.DEALER) as socket:
                socket.setsockopt(zmq.LINGER, 0)
                socket.connect(address)

    # ---- Any thread.

    def start(self) -> None:
        self._outbox.wake = self._wake_up.signal
        running.add(self)
        try:
            self._thread.start()
        except BaseException:
            self._greeting = None
            self._finish(0)
            raise

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

    def stop(self, flush_s: float) -> None:
        """Refuses further events, and tells the thread to finish within about this time."""
        self._outbox.fail("the publisher is closed")
        control = self.control
        if control is not None:
            control.end_commands()
            if control.on_its_thread():
                self._answer_by = time.monotonic() + DEADLINE_MS_MAX / 1000
        if self._deadline is None:
            self._deadline = time.monotonic() + flush_s
        self.wake()

    def join(self, timeout_s: float) -> None:
        """REQUIRES: stop(). A handler that ends its own publisher does not wait: its answer is still
        to come."""
        control = self.control
        if control is not None and control.on_its_thread():
            return

        def left() -> float:
            return max((self._deadline or 0) - time.monotonic(), 0) + timeout_s

        if control is not None:
            control.join(left())
        self._thread.join(left())

    # ---- "ppo-publisher".

    def _run(self) -> None:
        # It blocks no signals: whatever is started from here, by a log's handler or a finaliser, would
        # be deaf to them. Linux gives a process's signals to its main thread as long as that takes them.
        linger_ms = 0
        try:
            self._loop()
            if self.control is not None:
                self.control.answer_all()  # before the bridge hears that nothing more will come
            self.announcer.state = "stopped"
            self._announce_if_due()  # after the last event
            if self._events.connected:
                self._give_again()
                linger_ms = max(int(((self._deadline or 0) - time.monotonic()) * 1000), 50)
        except BaseException as error:  # of the loggers that are called from here, anything
            self._outbox.fail("%s: %s" % (type(error).__name__, error))
            log.exception("the publisher ended")
        self._finish(linger_ms)

    def _finish(self, linger_ms: int) -> None:
        self._greet_if_due(finally_=True)
        self._take_in(60, sending=False)
        self._log_if_due(finally_=True)
        left = self._ring.abandon()
        try:
            if left and self._ever_connected:
                log.warning("%d event(s) are lost: the bridge did not take them in time", left)
            elif left:
                where = self._options.endpoint
                log.warning("%d event(s) are lost: no bridge was there at %s", left, where)
            self._events.close(linger_ms)
            if self.control is not None:
                self.control.close()
            self._context.term()
        except zmq.ZMQError:
            pass  # nobody is left to tell
        self.connected = False
        self._wake_up.close()
        running.discard(self)

    def _loop(self) -> None:
        ready: dict = {}
        sent: bool | None = False
        while True:
            self._see_news(ready)
            taken = self._take_in(_TURN_S, sending=self.connected and sent is not None)
            self._announce_if_due()
            sent = self._send()
            if self.control is not None:
                self.control.serve(ready)
            self._log_if_due()
            self._greet_if_due()
            self._choose_bridge()
            if self._finished():
                return
            ready = self._wait(taken, busy=taken > 0 or sent is True, blocked=sent is None)

    def _see_news(self, ready: dict) -> None:
        events = self._events
        waits = events.handshakes.again_at is not None
        if events.monitor in ready or events.socket in ready or waits:
            events.see_news()
            self.connected = events.connected
            self._ever_connected = self._ever_connected or self.connected
        if self.control is not None:
            self.control.see_news(ready)

    def _choose_bridge(self) -> None:
        """One at a time. Events follow the control connection, whose hello has to be there first: without it a
        bridge does not know that it can ask for what it lacks."""
        if len(self._bridges) == 1:
            return
        control, events, now = self.control, self._events, time.monotonic()
        there = events.connected if control is None else control.connected
        if there and self._events_bridge != self._bridge:
            self._move_events()
        elif there and events.connected:
            self._away_until = None
        elif self._away_until is not None and now >= self._away_until:
            self._away_until = None
            self._bridge = (self._bridge + 1) % len(self._bridges)
            if control is None:
                self._move_events()
            else:
                control.move_to(self._bridges[self._bridge][1])
        else:
            least = _AWAY_S if self._deadline is None else _AWAY_AT_END_S
            if self._away_until is None or self._away_until > now + 2 * least:
                self._away_until = now + random.uniform(least, 2 * least)

    def _move_events(self) -> None:
        if self._events.move_to(self._bridges[self._bridge][0]):
            self._events_bridge = self._bridge
            self.connected = False

    def _take_in(self, turn_s: float, sending: bool) -> int:
        """From the inbox to the ring, numbered, for about this long; how many. `sending`: what waits will be
        sent, so that none is let go of for those behind it."""
        outbox, ring = self._outbox, self._ring
        before = ring.head
        until = time.monotonic() + turn_s
        while not outbox.empty() and not (sending and ring.half_full):
            count = ring.fitting(_EVENTS_AT_ONCE, outbox.chars)
            ring.extend(outbox.take(count, ring.head + 1, self._identity))
            if time.monotonic() >= until:
                break
        return ring.head - before

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
        if self.control is not None:
            self.announcer.say_if_due(self._events, self._topic_end, self.control)

    def _give_again(self) -> None:
        """Until the bridge, which heard of the end, has asked for nothing in a while."""
        control = self.control
        if control is None:
            return
        control.asked_at = time.monotonic()
        while control.connected:
            now = time.monotonic()
            left_ms = int((min(control.asked_at + _REPLAY_QUIET_S, self._deadline or 0) - now) * 1000)
            if left_ms <= 0:
                return
            ready = dict(zmq.zmq_poll(control.sockets(now), left_ms))
            control.see_news(ready)
            control.serve(ready)

    # ---- When.

    def _finished(self) -> bool:
        if self._deadline is None:
            return False
        now = time.monotonic()
        if self.control is not None and self.control.running():
            if now < max(self._deadline, self._answer_by):
                return False  # a handler's answer is still to be sent
        if now >= self._deadline or (not self._ring.waiting and self._outbox.empty()):
            return True
        if self.connected or len(self._bridges) > 1:
            return False
        return self._ever_connected or now >= self._started + _FIRST_CONTACT_S

    def _wait(self, taken: int, busy: bool, blocked: bool) -> dict:
        """Which sockets have something; empty at the latest when something is due."""
        now = time.monotonic()
        due = []
        if busy and len(self._outbox) >= _EVENTS_AT_ONCE:
            due.append(now + _MOMENT_S)
        elif self.connected and self._ring.waiting and not blocked:  # more than goes at once
            due.append(now + _MOMENT_S)
        elif blocked:
            due.append(now + _RETRY_S)
        elif busy:
            gather_s = self._gather_s if taken > _FEW_EVENTS else self._gather_s / 2
            due.append(now + (gather_s if self.connected else _GATHER_ALONE_S))
            self._outbox.gathering = True
            if self._outbox.many():
                self._outbox.gathering = False
                return {}
        else:
            self._outbox.asleep = True
            if not self._outbox.empty():
                self._outbox.asleep = False
                return {}
        if self._deadline is not None:
            due.append(now + _CLOSING_STEP_S)
        if self._away_until is not None:
            due.append(self._away_until)
        if self._greeting is not None:
            due += self._greeting.due()
        if self._events.handshakes.again_at is not None:
            due.append(self._events.handshakes.again_at)
        if self._to_log() != self._logged:
            due.append(self._logged_at + _LOG_EVERY_S)
        sockets: list[tuple] = [(self._events.socket, zmq.POLLIN), (self._events.monitor, zmq.POLLIN)]
        if self.control is not None:
            with_events_s = _WITH_EVENTS_S if busy else 0.0
            due += [at + with_events_s for at in self.announcer.due(self._events, self.control)]
            due += self.control.due(now)
            sockets += self.control.sockets(now)
        wake_fd = self._wake_up.fd()
        sockets.append((wake_fd, zmq.POLLIN))
        timeout_ms = max(math.ceil((min(due) - now) * 1000), 0) if due else -1
        ready = dict(zmq.zmq_poll(sockets, timeout_ms))
        self._outbox.asleep = self._outbox.gathering = False
        if wake_fd in ready:
            self._wake_up.clear()
        return ready

    def _greet_if_due(self, finally_: bool = False) -> None:
        if self._greeting is None:
            return
        told = self.control.clients_address if self.control is not None else ""
        if finally_:
            self._greeting.say_page(told, time.monotonic())
        else:
            self._greeting.see(time.monotonic(), told, self._ever_connected)

    def _to_log(self) -> tuple:
        return self._outbox.refused, self.dropped, self._outbox.nulled

    def _log_if_due(self, finally_: bool = False) -> None:
        now = time.monotonic()
        seen = self._to_log()
        if seen == self._logged or (now < self._logged_at + _LOG_EVERY_S and not finally_):
            return
        refused, dropped, nulled = (new - old for new, old in zip(seen, self._logged))
        self._logged, self._logged_at = seen, now
        if refused:
            log.warning("refused %d event(s); the last: %s", refused, self._outbox.complaint)
        if nulled:
            log.warning("left out %d value(s); the last: %s", nulled, self._outbox.loss)
        if dropped:
            log.warning("the ring is full: let go of %d event(s)", dropped)
