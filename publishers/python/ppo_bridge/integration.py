"""PPOWebSocketIntegration: the hooks and event helpers under the names that people already call."""

from __future__ import annotations

import asyncio
import collections.abc
import inspect
import time
from collections.abc import Mapping
from typing import Any, Callable, Generator
from urllib.parse import urlsplit

from ._bridges import split_list
from ._extract import number, times
from ._log import log
from ._names import printable
from ._tax import price_after_tax
from .hooks import Hooks, HookStats
from .publisher import Publisher

# Fields in which an argument that is a mapping is a value, and not several fields at once.
_MAPPINGS = ("inventory", "data", "details")

_OPTIONS = frozenset(inspect.signature(Publisher).parameters)


class EventTypes:
    """The types of events that there are helpers or hooks for; any other may be sent as well."""

    TRADE_EXECUTED = "trade_executed"
    PRICE_UPDATE = "price_update"
    MARGIN_UPDATE = "margin_update"
    AGENT_DECISION = "agent_decision"
    PORTFOLIO_UPDATE = "portfolio_update"
    MARKET_ANALYSIS = "market_analysis"
    SYSTEM_STATUS = "system_status"
    ERROR = "error"
    TRAINING_UPDATE = "training_update"
    EPISODE_END = "episode_end"
    SCALAR = "scalar"


class Outcome(collections.abc.Coroutine):
    """Of a call that is done when it returns, for those who await it as well as for those who don't.

    It is true or false as the call succeeded, can be awaited any number of times, and can be given
    to everything in asyncio that takes a coroutine.
    """

    __slots__ = ("value", "_later", "_coroutine")

    def __init__(self, value: Any, later: Callable[[], Any] | None = None) -> None:
        """`later`: an async function that has more to wait for, for those who await."""
        self.value = value
        self._later = later
        self._coroutine: Any = None

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return "Outcome(%r)" % (self.value,)

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Outcome) else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __await__(self) -> Generator[Any, None, Any]:
        if self._later is None:
            return self.value
            yield  # makes this a generator
        return (yield from self._later().__await__())

    def send(self, value: Any) -> Any:
        if self._coroutine is None:
            self._coroutine = self.__await__()
        return self._coroutine.send(value)

    def throw(self, *args: Any) -> Any:
        if self._coroutine is None:
            self._coroutine = self.__await__()
        return self._coroutine.throw(*args)

    def close(self) -> None:
        if self._coroutine is not None:
            self._coroutine.close()


def _named(names: tuple, args: tuple, fields: dict) -> dict:
    """Arguments as the fields of an event: by place, by name, or whole mappings of them."""
    data: dict = {}
    for name, value in zip(names, args):
        if isinstance(value, Mapping) and name not in _MAPPINGS:
            data.update((k, v) for k, v in value.items() if data.get(k) is None)
        else:
            data[name] = value
    data.update(fields)
    if "action_type" in names and "action_type" not in data and "type" in data:
        data["action_type"] = data.pop("type")
    return data


class PPOWebSocketIntegration:
    """Hooks agents and environments, and sends events.

        integration = PPOWebSocketIntegration()
        await integration.connect()          # or without await: events wait for the bridge
        integration.hook_agent(agent, "agent_0")
        integration.hook_env(env, "env_0")

    Everything may be awaited or not. The helpers take the fields of their event by place, by name or
    as one mapping, and further fields by name; what follows from others is filled in. Nothing here
    waits for the bridge or raises into training.
    """

    def __init__(
        self, to: Publisher | str | None = None, *, websocket_url: str | None = None, **options: Any
    ) -> None:
        """`to` or `websocket_url`: a publisher to use, or where the bridge is: its ZeroMQ address for
        events, or the ws:// or http:// address of its page. `options`: as for Publisher, which see;
        raises what that raises. Others are passed over, and named in a debug line."""
        to = websocket_url if to is None else to
        self.websocket_url = to if isinstance(to, str) else None
        foreign = sorted(options.keys() - _OPTIONS)
        if foreign:
            log.debug("passed over: %s", printable(", ".join(foreign)))
        options = {name: value for name, value in options.items() if name in _OPTIONS}
        if isinstance(to, str):
            options = {**_addresses(to), **options}
        self._options = options
        self._own = not isinstance(to, Publisher)
        self.publisher: Publisher = to if isinstance(to, Publisher) else Publisher(**options)
        self._hooks = Hooks(self.publisher)
        # What is hooked: {"agent": ...} and {"env": ...} by id.
        self.agent_hooks: dict[str, dict] = {}
        self.env_hooks: dict[str, dict] = {}
        self.session: Any = None  # the publisher, from connect() to disconnect()

    # ---- Connection.

    def connect(self, timeout: float = 1.0) -> Outcome:
        """Awaited: True once a bridge is there, False where none is after `timeout` seconds; events
        wait for it then. Not awaited: whether one is there now."""
        if self._own and self.publisher.error:  # connects again after disconnect()
            self.publisher = Publisher(**self._options)
            self._hooks = Hooks(self.publisher)
        self.session = self.publisher
        return Outcome(self.publisher.connected, lambda: self._wait_connected(timeout))

    async def _wait_connected(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        while not self.publisher.connected:
            if time.monotonic() >= until:
                log.info("no bridge yet; events wait for it")
                return False
            await asyncio.sleep(0.005)
        return True

    def disconnect(self) -> Outcome:
        """Unhooks everything, and ends the publisher if it is this object's own."""
        self.unhook_all()
        self.session = None
        if self._own:
            self.publisher.close()
        return Outcome(True)

    close = disconnect

    @property
    def connected(self) -> bool:
        return self.publisher.connected

    @connected.setter
    def connected(self, value: Any) -> None:
        """Scripts that look after the connection themselves may set it; it stays what it is."""
        log.debug("connected = %s is passed over", printable(value))

    async def __aenter__(self) -> PPOWebSocketIntegration:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.disconnect()

    # ---- Hooks; see Hooks for what is published from what.

    def hook_agent(self, agent: Any, agent_id: str) -> Outcome:
        hooked = self._hooks.hook_agent(agent, agent_id)
        if hooked:
            self.agent_hooks[agent_id] = {"agent": agent}
        return Outcome(hooked)

    def hook_env(
        self, env: Any, env_id: str, agent_id: str | None = None, kind: str | None = None
    ) -> Outcome:
        hooked = self._hooks.hook_env(env, env_id, agent_id, kind)
        if hooked:
            self.env_hooks[env_id] = {"env": env}
        return Outcome(hooked)

    def unhook_agent(self, agent_id: str) -> Outcome:
        self.agent_hooks.pop(agent_id, None)
        return Outcome(self._hooks.unhook_agent(agent_id))

    def unhook_env(self, env_id: str) -> Outcome:
        self.env_hooks.pop(env_id, None)
        return Outcome(self._hooks.unhook_env(env_id))

    def unhook_all(self) -> Outcome:
        self.agent_hooks.clear()
        self.env_hooks.clear()
        self._hooks.unhook_all()
        return Outcome(True)

    @property
    def stats(self) -> HookStats:
        return self._hooks.stats

    # ---- Events.

    def submit_event(
        self, event_type: Any, data: Any = None, priority: Any = None, **fields: Any
    ) -> Outcome:
        """Any event: its type and its data, or a mapping with both. Events leave in their order, so
        `priority` says nothing."""
        if isinstance(event_type, Mapping):
            event = event_type
            event_type, data = event.get("type"), event.get("data", data)
            fields.setdefault("timestamp", event.get("timestamp"))
        timestamp = number(fields.pop("timestamp", None))
        if fields:
            data = {**data, **fields} if isinstance(data, Mapping) else fields
        return Outcome(self.publisher.publish(event_type, data, timestamp))

    def trade_executed(self, *args: Any, **fields: Any) -> Outcome:
        """agent_id, action_type, item, price, quantity, profit, total_value"""
        names = ("agent_id", "action_type", "item", "price", "quantity", "profit", "total_value")

        def complete(data: dict) -> None:
            data.setdefault("profit", 0.0)
            if data.get("total_value") is None:
                data["total_value"] = times(data.get("price"), data.get("quantity"))

        return self._event("trade_executed", names, args, fields, complete)

    def price_update(self, *args: Any, **fields: Any) -> Outcome:
        """item, price, change, change_percent, volume"""
        names = ("item", "price", "change", "change_percent", "volume")
        return self._event("price_update", names, args, fields)

    def margin_update(self, *args: Any, **fields: Any) -> Outcome:
        """item, buy_price, sell_price, margin, margin_percent, margin_after_tax: what an item bought
        and sold again brings after the tax on the sale. What follows from the prices may be left out."""
        names = ("item", "buy_price", "sell_price", "margin", "margin_percent", "margin_after_tax")

        def complete(data: dict) -> None:
            buy, sell = number(data.get("buy_price")), number(data.get("sell_price"))
            if data.get("margin") is None and buy is not None and sell is not None:
                data["margin"] = sell - buy
            margin = number(data.get("margin"))
            if data.get("margin_percent") is None and margin is not None and buy:
                data["margin_percent"] = margin / buy
            sold = price_after_tax(data.get("item"), sell)
            if data.get("margin_after_tax") is None and buy is not None and sold is not None:
                data["margin_after_tax"] = sold - buy

        return self._event("margin_update", names, args, fields, complete)

    def agent_decision(self, *args: Any, **fields: Any) -> Outcome:
        """agent_id, action_type, item, price, quantity, reasoning"""
        names = ("agent_id", "action_type", "item", "price", "quantity", "reasoning")
        return self._event("agent_decision", names, args, fields)

    def portfolio_update(self, *args: Any, **fields: Any) -> Outcome:
        """agent_id, gp, inventory, total_value, inventory_value"""
        names = ("agent_id", "gp", "inventory", "total_value", "inventory_value")

        def complete(data: dict) -> None:
            gp, total = number(data.get("gp")), number(data.get("total_value"))
            if data.get("inventory_value") is None and gp is not None and total is not None:
                data["inventory_value"] = total - gp

        return self._event("portfolio_update", names, args, fields, complete)

    def market_analysis(self, *args: Any, **fields: Any) -> Outcome:
        """item, analysis_type, data"""
        return self._event("market_analysis", ("item", "analysis_type", "data"), args, fields)

    def system_status(self, *args: Any, **fields: Any) -> Outcome:
        """status, message"""
        return self._event("system_status", ("status", "message"), args, fields)

    def error_event(self, *args: Any, **fields: Any) -> Outcome:
        """error_type, message, details"""
        names = ("error_type", "message", "details")
        return self._event("error", names, args, fields, lambda data: data.setdefault("details", {}))

    def _event(
        self,
        event_type: str,
        names: tuple,
        args: tuple,
        fields: dict,
        complete: Callable[[dict], Any] | None = None,
    ) -> Outcome:
        try:
            if len(args) > len(names):
                raise TypeError("%d arguments; must be %s" % (len(args), ", ".join(names)))
            data = _named(names, args, fields)
            if complete is not None:
                complete(data)
        except Exception as error:
            return Outcome(self.publisher.refuse(event_type, str(error)))
        return Outcome(self.publisher.publish(event_type, data))


def _addresses(to: str) -> dict:
    """The options of a publisher to a bridge at this address; of several, with commas between."""
    scheme = to.split("://")[0] if "://" in to else ""
    if scheme not in ("ws", "wss", "http", "https"):
        return {"endpoint": to}
    each = [_of_page(one) for one in split_list(to)]
    lists = {name: ",".join(one[name] for one in each) for name in ("endpoint", "control")}
    return {**lists, "page": each[0]["page"]}


def _of_page(url: str) -> dict:
    parts = urlsplit(url)
    scheme = parts.scheme
    host = parts.hostname or "127.0.0.1"
    host = "[%s]" % host if ":" in host else host
    port = ":%d" % parts.port if parts.port else ""
    page = "%s://%s%s/" % ("https" if scheme in ("wss", "https") else "http", host, port)
    host = "127.0.0.1" if host == "localhost" else host
    return {"endpoint": "tcp://%s:5556" % host, "control": "tcp://%s:5559" % host, "page": page}
