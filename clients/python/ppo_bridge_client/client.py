"""A client that stays: it registers, hands over events in the order of the wire, connects again when the
connection is lost, and goes on after the last event that it handed over."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, AsyncIterator

import websockets
from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException

from ._backoff import FIRST_S, LATER, MAX_S, STOOD_S, Backoff
from ._bridges import split_list, urls
from ._cursor import Cursor
from ._errors import CommandFailed, Refused, RequestFailed, printable
from ._inbox import Inbox
from ._json import loads
from ._tls import tls_context, tls_trouble
from ._token import find_token, token_trouble

log = logging.getLogger("ppo_bridge_client")

_CONNECT_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 1.0
_MESSAGE_BYTES_MAX = 64 * 1024 * 1024
_EVENTS_WAITING_MAX = 10_000
_ANSWER_GRACE_S = 2.0  # beyond a command's deadline, for the bridge's own answer
_RETRY_S = 0.01  # after a connection was found dead
# Where there is another bridge to go to: this one is pinged so often, and left when it has been silent so many times.
_PING_S = 2.0
_SILENT_MAX = 3
_TOKEN_REFUSED = 4001
_NOT_ALLOWED = 4003
_LOST = (OSError, ValueError, asyncio.TimeoutError, WebSocketException)


def _subscription(
    subscriptions: list[str] | None = None,
    filter: dict | None = None,
    batch: bool = False,
    snapshot: bool = False,
    deliver: str | None = None,
    max_rate_hz: float | None = None,
    on_lag: str | None = None,
) -> dict:
    """The fields of a request; those that are None are left out."""
    if max_rate_hz is not None:
        deliver = deliver or "latest"
    return {
        "subscriptions": subscriptions,
        "filter": filter,
        "batch": batch or None,
        "snapshot": snapshot or None,
        "deliver": deliver and {"mode": deliver, **_given(max_rate_hz=max_rate_hz)},
        "on_lag": on_lag,
    }


def _given(**fields: Any) -> dict:
    return {name: value for name, value in fields.items() if value is not None}


class Client:
    """Follows the bridge, and asks it things.

        async with Client(subscriptions=["trade_executed"], since={"last": 100}) as client:
            async for event in client:
                print(event["data"])

    Every event of the subscription is handed over once, in order, across lost connections and
    restarts of the bridge; where some cannot be had, a message of type "gap" stands in their place.
    Messages of a replay come among them as they are. Belongs to one event loop.
    """

    def __init__(
        self,
        url: str | None = None,
        subscriptions: list[str] | None = None,
        *,
        filter: dict | None = None,
        since: dict | None = None,
        batch: bool = False,
        snapshot: bool = False,
        deliver: str | None = None,
        max_rate_hz: float | None = None,
        on_lag: str | None = None,
        client_id: str | None = None,
        client_type: str = "python",
        token: str | None = None,
        ca: str | None = None,
        events_waiting_max: int = _EVENTS_WAITING_MAX,
        backoff_s: tuple[float, float] = (FIRST_S, MAX_S),
    ) -> None:
        """`url`: ws://HOST:PORT/ws or wss://...; of several bridges, which share a log, all of theirs with commas
        between: when the connection to one is lost or silent, the next one is tried; left out, those of $PPO_BRIDGES
        (HOST[:PORT],...), else this host's. `subscriptions`: types, "order_*", or left out for all; [] for none. `since`:
        {"epoch":e,"seq":n}, {"last":n} or {"seconds":s}; left out: from now on. `batch`, `snapshot`,
        `deliver` ("all" or "latest", with `max_rate_hz`) and `on_lag` are section 4's of the protocol;
        they hold for later connections too. `events_waiting_max`: beyond it no event is taken until
        the user has caught up; answers to requests are. `token`: left out, what find_token() finds. `ca`: with a
        wss:// `url` a PEM file of the certificates to trust; left out, PPO_CA, else those of the system.
        `backoff_s`: first and longest wait before connecting again."""
        self._urls = split_list(urls() if url is None else url)
        self._contexts = [tls_context(url, ca) for url in self._urls]
        self._at = 0  # which of them
        self._subscription = _subscription(
            subscriptions, filter, batch, snapshot, deliver, max_rate_hz, on_lag
        )
        self._about = {"client_id": client_id, "client_type": client_type, "token": find_token(token)}
        self._cursor = Cursor(since)
        self._backoff = Backoff(*backoff_s)
        self._inbox = Inbox(max(events_waiting_max, 1))
        self._skipping = False  # events are let go of, to be asked for again
        self._resuming: asyncio.Task | None = None
        self._answers: dict[int, tuple[asyncio.Future, dict]] = {}  # and what was asked
        self._last_id = 0
        self._socket: Any = None
        self._reading = False  # waits for the bridge, and not for the user
        self._read = 0  # messages
        self._good_at: float | None = None  # from then on the connection was a good one
        self._registered = asyncio.Event()
        self._ever_registered = False
        self._refused: Refused | None = None
        self._task: asyncio.Task | None = None

    # ---- Life.

    async def __aenter__(self) -> Client:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def start(self) -> None:
        """Begins to connect, and goes on by itself until close(). REQUIRES: a running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Says goodbye and ends. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        while not task.done():  # a connection that is just being made may swallow it
            task.cancel()
            await asyncio.wait([task], timeout=_CLOSE_TIMEOUT_S)

    async def wait_connected(self, timeout: float | None = None) -> None:
        """Until the bridge has accepted the registration; raises asyncio.TimeoutError, or Refused."""
        await asyncio.wait_for(self._registered.wait(), timeout)
        if self._refused is not None:
            raise self._refused

    @property
    def connected(self) -> bool:
        return self._registered.is_set() and self._refused is None

    @property
    def position(self) -> dict | None:
        """The place of the last event handed over: a `since` for another time."""
        return self._cursor.position

    # ---- Events.

    async def __aiter__(self) -> AsyncIterator[dict]:
        """Events and gaps; ends with close(), and raises Refused."""
        while True:
            event = await self._inbox.get()
            if event is None:
                break
            if self._skipping and self._resuming is None and self._inbox.half_empty:
                self._resuming = asyncio.get_running_loop().create_task(self._resume())
            yield event
        if self._refused is not None:
            raise self._refused

    # ---- Requests.

    async def command(
        self,
        command: str,
        target: str | None = None,
        *,
        deadline_s: float = 2.0,
        idempotency_key: str | None = None,
        **params: Any,
    ) -> Any:
        """The result of a command; for target "*" the list of each trainer's outcome. Raises
        CommandFailed."""
        fields: dict = {"command": command, "params": params}
        if target is not None:
            fields["target"] = target
            fields["deadline_ms"] = max(int(deadline_s * 1000), 1)
        if idempotency_key is not None:
            fields["idempotency_key"] = idempotency_key
        try:
            reply = await self.request("command", deadline_s + _ANSWER_GRACE_S, **fields)
        except RequestFailed as failed:
            error = CommandFailed(failed.error_type, failed.message, failed.reply)
            raise error from None
        return reply["results"] if "results" in reply else reply.get("result")

    async def subscribe(
        self,
        subscriptions: list[str] | None = None,
        *,
        since: dict | None = None,
        timeout_s: float = 5.0,
        **how: Any,
    ) -> dict:
        """Replaces the whole subscription, for later connections too: `filter`, `batch`, `snapshot`,
        `deliver`, `max_rate_hz` and `on_lag` as at the beginning. With `since`, events come again from
        there."""
        wanted = _subscription(subscriptions, **how)
        return await self.request("subscribe", timeout_s, **wanted, since=since)

    async def request(self, action: str, timeout_s: float = 5.0, **fields: Any) -> dict:
        """The reply to any request; while there is no connection, waits for that too. Fields that are
        None are left out. Raises RequestFailed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        reply = None
        while reply is None:
            try:
                await self.wait_connected(max(until - loop.time(), 0))
            except asyncio.TimeoutError:
                raise RequestFailed("timeout", "no connection to %s" % ", ".join(self._urls)) from None
            reply = await self._ask(action, max(until - loop.time(), 0.001), fields)
        if reply.get("status") == "error":
            data = reply.get("data", {})
            raise RequestFailed(data.get("error_type", ""), data.get("message", ""), reply)
        return reply

    async def _ask(self, action: str, timeout_s: float, fields: dict) -> dict | None:
        """None where it could not be sent."""
        self._last_id += 1
        id = self._last_id
        answer = asyncio.get_running_loop().create_future()
        request = {"action": action, "id": id, **_given(**fields)}
        self._answers[id] = answer, request
        try:
            try:
                await self._socket.send(json.dumps(request))
            except (ConnectionClosed, AttributeError):
                await asyncio.sleep(_RETRY_S)
                return None
            await self._inbox.poke()  # a reader that waits for room reads on
            return await asyncio.wait_for(answer, timeout_s)
        except asyncio.TimeoutError:
            text = "no answer within %.1f s" % timeout_s
            raise RequestFailed("timeout", text) from None
        finally:
            if answer.done() and not answer.cancelled():
                answer.exception()  # is told by what was raised
            del self._answers[id]

    # ---- The connection.

    @property
    def _url(self) -> str:
        return self._urls[self._at]

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._good_at = None
                code = None
                try:
                    await self._one_connection()
                except Refused as refused:
                    self._refused = refused
                    self._registered.set()
                    return
                except _LOST as error:
                    trouble = tls_trouble(self._url, error)
                    if trouble is None:
                        log.info("no connection to %s: %s", self._url, printable(error))
                    else:  # it may be renewed; until then it is said each time
                        log.warning("%s", trouble)
                    code = getattr(getattr(error, "rcvd", None), "code", None)
                if self._good_at is not None and loop.time() >= self._good_at and code not in LATER:
                    self._backoff.reset()
                self._lost()
                self._at = (self._at + 1) % len(self._urls)
                await asyncio.sleep(self._backoff.next())
        finally:
            self._lost()
            await self._inbox.end()

    async def _one_connection(self) -> None:
        """Until it is lost: then it returns, or raises what ended it."""
        unsaid = token_trouble(self._url) if self._about["token"] else None
        if unsaid is not None:
            raise Refused(unsaid)
        try:
            connection = await websockets.connect(  # type: ignore[attr-defined]  # it is found when asked for
                self._url,
                ssl=self._contexts[self._at],
                compression=None,
                max_size=_MESSAGE_BYTES_MAX,
                open_timeout=_CONNECT_TIMEOUT_S,
                close_timeout=_CLOSE_TIMEOUT_S,
            )
        except InvalidHandshake as error:
            status = getattr(error, "status_code", None)
            response = getattr(error, "response", None)
            status = status if status is not None else getattr(response, "status_code", None)
            if status is not None and 400 <= status < 500:
                hint = "; it may speak TLS (wss://)" if status == 400 and self._contexts[self._at] is None else ""
                raise Refused("%s answered %d%s" % (self._url, status, hint)) from None
            raise
        except OSError as error:
            alone = len(self._urls) == 1 and not self._ever_registered
            trouble = None if not alone else tls_trouble(self._url, error)
            if trouble is not None:
                raise Refused(trouble) from None
            raise
        watches = [asyncio.ensure_future(self._watch_registration(connection))]
        if len(self._urls) > 1:
            watches.append(asyncio.ensure_future(self._watch_silence(connection)))
        try:
            self._socket = connection
            await self._send_subscription("register", "register", **self._about)
            while True:
                self._reading = True
                text = await connection.recv()
                self._reading = False
                self._read += 1
                try:
                    await self._take(text)
                except (AttributeError, KeyError, RecursionError, TypeError) as error:
                    raise ValueError("the bridge sent what is none of its messages: %s" % error) from None
        except ConnectionClosed as closed:
            received = getattr(closed, "rcvd", None)
            if received is not None and received.code == _TOKEN_REFUSED:
                raise Refused("the token is missing or wrong") from None
            if received is not None and received.code == _NOT_ALLOWED:
                raise Refused("the token's role may do nothing here") from None
            raise
        finally:
            for watch in watches:
                watch.cancel()
            self._socket = None
            await connection.close()

    async def _watch_registration(self, connection: Any) -> None:
        """Leaves a bridge that lets one connect and says no more."""
        try:
            await asyncio.wait_for(self._registered.wait(), _CONNECT_TIMEOUT_S)
        except asyncio.TimeoutError:
            log.info("%s has not answered for %.0f s", self._url, _CONNECT_TIMEOUT_S)
            connection.transport.abort()

    async def _watch_silence(self, connection: Any) -> None:
        """Leaves a bridge of which nothing comes: a host that stands still, or is out of reach, closes nothing."""
        silent, read = 0, -1
        while silent < _SILENT_MAX:
            pong = await connection.ping()
            pong.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody else looks
            await asyncio.sleep(_PING_S)
            silent = 0 if pong.done() or not self._reading or self._read != read else silent + 1
            read = self._read
        log.info("%s has been silent for %.0f s", self._url, _PING_S * _SILENT_MAX)
        connection.transport.abort()

    async def _send_subscription(self, action: str, id: str, **about: Any) -> None:
        fields = {**about, **self._subscription, "since": self._cursor.next_since()}
        await self._socket.send(json.dumps({"action": action, "id": id, **_given(**fields)}))

    async def _resume(self) -> None:
        """Asks for what was let go of."""
        try:
            await self._inbox.poke()
            await self._send_subscription("subscribe", "resume")
        except (ConnectionClosed, AttributeError):
            pass  # the next connection does it

    async def _take(self, text: Any) -> None:
        message = loads(text)
        for each in message if isinstance(message, list) else (message,):
            if "action" in each and "status" in each:
                self._take_reply(each)
            elif each.get("replay"):  # nobody could ask for it again
                await self._inbox.wait_until(lambda: not self._inbox.full)
                await self._inbox.put(each)
            elif "seq" in each or each.get("type") == "gap":
                await self._take_event(each)

    async def _take_event(self, event: dict) -> None:
        if self._inbox.full and not self._skipping:
            # Who waits for an answer has it, which is behind events: these are asked for again.
            await self._inbox.wait_until(lambda: not self._inbox.full or self._answers)
            self._skipping = self._inbox.full
        if self._skipping:  # reads on for who waits
            await self._inbox.wait_until(lambda: self._answers or self._resuming)
            return
        if self._cursor.admit(event) if "seq" in event else self._cursor.admit_gap(event):
            self._good_at = 0.0
            await self._inbox.put(event)

    def _take_reply(self, reply: dict) -> None:
        id: Any = reply.get("id")
        failed = reply["status"] == "error"
        if id in ("register", "resume"):
            if failed:
                data = reply.get("data", {})
                why = printable("%s: %s" % (data.get("error_type"), data.get("message")))
                raise (OSError if id == "resume" or _passes(data) else Refused)(why)
            self._resuming = None
            self._skipping = False
            self._cursor.on_registered(reply.get("epoch", ""), reply.get("seq", 0))
            if self._good_at is None:
                self._good_at = asyncio.get_running_loop().time() + STOOD_S
            self._ever_registered = True
            self._registered.set()
            return
        answer, request = self._answers.get(id, (None, {}))
        if answer is None or answer.done():
            return
        if request["action"] == "subscribe" and not failed:
            # Here and not where it is awaited: what follows on the wire is counted anew.
            self._subscription = {k: request.get(k) for k in self._subscription}
            if "since" in request or "snapshot" in request:
                self._cursor.restart(request.get("since"))
                self._cursor.on_registered(reply.get("epoch", ""), reply.get("seq", 0))
        answer.set_result(reply)

    def _lost(self) -> None:
        if self._refused is None:
            self._registered.clear()
        self._skipping = False
        self._resuming = None
        for answer, _ in self._answers.values():
            if not answer.done():
                answer.set_exception(RequestFailed("connection_lost", "before the answer came"))


def _passes(error: dict) -> bool:
    """Whether it is worth trying again after such an answer to `register`."""
    return error.get("error_type") in ("busy", "rate_limited", "timeout")
