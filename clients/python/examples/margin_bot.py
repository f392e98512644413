#!/usr/bin/env python3
"""A trading bot on ZeroMQ: buys what can be sold for more after the tax, and sells it.

    margin_bot.py --target trainer-1/agent_0 --position-max 50 --exposure-max 5000000

The ten lines of the top README grown up. Strategy decides and knows no sockets; Link talks to the bridge
and makes certain that no fill is missed or counted twice; main() holds them together. Needs pyzmq.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator

import zmq

TAX_PERCENT = 2


@dataclass
class Limits:
    position_max: int = 100  # items of a kind, held or on order
    exposure_max: int = 10_000_000  # gp in items held and in buy orders, over all kinds
    lot: int = 10  # items of a buy order, at most
    margin_min: float = 0.005  # after tax, of the buying price
    price_age_max_s: float = 5.0  # older prices are never acted on
    order_age_max_s: float = 60.0  # then an order is taken back


@dataclass
class Order:
    item: str
    side: str
    price: int
    quantity: int
    placed_at: float
    filled: int = 0
    number: int | None = None  # the trainer's

    @property
    def left(self) -> int:
        return self.quantity - self.filled


@dataclass
class Strategy:
    """At most one order an item and side; everything on order counts against the limits."""

    limits: Limits
    prices: dict[str, tuple[int, int, float]] = field(default_factory=dict)  # buy, sell, when
    held: dict[str, int] = field(default_factory=dict)
    cost: dict[str, int] = field(default_factory=dict)  # gp, of all that is held
    orders: dict[tuple[str, str], Order] = field(default_factory=dict)  # by item and side
    profit: int = 0

    def on_price(self, data: dict, at: float) -> None:
        buy, sell = data.get("buy_price"), data.get("sell_price")
        if isinstance(buy, int) and isinstance(sell, int) and 0 < buy:
            self.prices[data["item"]] = (buy, sell, at)

    def on_fill(self, data: dict) -> Order | None:
        """The order of ours that a trade belongs to. The account has other traders: a trade counts
        only as far as an order of ours explains it."""
        order = self.orders.get((data.get("item", ""), data.get("action_type", "")))
        price = data.get("price", 0)
        if order is None or (price > order.price if order.side == "buy" else price < order.price):
            return None
        if None not in (order.number, data.get("order")) and data["order"] != order.number:
            return None
        quantity = min(data.get("quantity", 0), order.left)
        held, cost = self.held.get(order.item, 0), self.cost.get(order.item, 0)
        if order.side == "buy":
            self.held[order.item], self.cost[order.item] = held + quantity, cost + quantity * price
        else:
            paid = cost * quantity // held if held else 0
            self.held[order.item], self.cost[order.item] = max(held - quantity, 0), cost - paid
            self.profit += quantity * after_tax(price) - paid
        order.filled += quantity
        if order.left == 0:
            del self.orders[(order.item, order.side)]
        return order

    def exposure(self) -> int:
        on_order = sum(o.left * o.price for o in self.orders.values() if o.side == "buy")
        return sum(self.cost.values()) + on_order

    def stale(self, now: float) -> list[Order]:
        """Orders to take back."""
        age_max = self.limits.order_age_max_s
        return [o for o in self.orders.values() if now - o.placed_at > age_max]

    def wishes(self, now: float) -> Iterator[Order]:
        """Orders to place: sales first, then purchases within the limits."""
        fresh = {
            item: price
            for item, price in self.prices.items()
            if now - price[2] <= self.limits.price_age_max_s
        }
        for item, (_, sell, _) in fresh.items():
            held = self.held.get(item, 0)
            if held and (item, "sell") not in self.orders:
                if after_tax(sell) * held > self.cost[item]:
                    yield Order(item, "sell", sell, held, now)
        for item, (buy, sell, _) in fresh.items():
            if (item, "buy") in self.orders or after_tax(sell) - buy < self.limits.margin_min * buy:
                continue
            room = (self.limits.exposure_max - self.exposure()) // buy
            position = self.limits.position_max - self.held.get(item, 0)
            quantity = min(self.limits.lot, position, room)
            if quantity > 0:
                yield Order(item, "buy", buy, quantity, now)


def after_tax(price: int) -> int:
    return price - price * TAX_PERCENT // 100


class Unanswered(Exception):
    """The bridge is away, or nobody knows what became of a command."""


class Rejected(Exception):
    pass


class Link:
    """Events in, commands out. One thread."""

    def __init__(self, events: str, commands: str, timeout_s: float = 3.0) -> None:
        self._context = zmq.Context()
        self._events = self._context.socket(zmq.SUB)
        self._events.setsockopt(zmq.LINGER, 0)
        self._events.connect(events)
        # Topics end in a delimiter: without, `trade` would match `trades` too.
        self._events.subscribe(b"margin_update/")
        self._address = commands
        self._timeout_s = timeout_s
        self._commands: zmq.Socket | None = None
        self._position: tuple[str, int] | None = None  # epoch and seq: no trade before is missing
        self._seen: dict[tuple, int] = {}  # newest source_seq by source and run

    def prices(self, wait_s: float) -> Iterator[dict]:
        """Prices as they come; waits at most so long for the first. A lost one does not matter: the
        next is better."""
        if self._events.poll(int(wait_s * 1000)):
            while self._events.poll(0):
                yield json.loads(self._events.recv_multipart()[1])

    def trades(self) -> list[dict]:
        """Every trade since the last call, each once, whatever the connection or the bridge went
        through. Not from the SUB socket, which drops what it cannot hold, but asked for."""
        news: list[dict] = []
        while True:
            params: dict = {"type": "trade_executed", "count": 1000}
            if self._position is None:  # what was before this bot is nothing to it
                params["count"] = 0
            else:
                params["since_seq"] = self._position[1]
            result = self.ask("get_recent_events", params)
            epoch, seq, events = result["epoch"], result["seq"], result["events"]
            if self._position is not None and epoch != self._position[0]:
                self._position = (epoch, 0)  # the bridge numbers anew: all of it counts
                continue
            news += [event for event in events if self._is_new(event)]
            if len(events) < params["count"] or self._position is None:
                self._position = (epoch, seq)
                return news
            self._position = (epoch, events[-1]["seq"])

    def _is_new(self, event: dict) -> bool:
        if "source_seq" not in event:
            return True
        key = (event["source"], event.get("run"))
        new = event["source_seq"] > self._seen.get(key, 0)
        self._seen[key] = max(self._seen.get(key, 0), event["source_seq"])
        return new

    def ask(self, command: str, params: dict, target: str | None = None) -> Any:
        """The result. A command without the bridge's answer is sent again under the same key, which
        the trainer sees once; raises Rejected, or Unanswered where it may have been carried out."""
        request: dict = {"command": command, "params": params, "id": 1}
        if target is not None:
            request["target"] = target
            request["deadline_ms"] = int(self._timeout_s * 500)
            request["idempotency_key"] = uuid.uuid4().hex
        for _ in range(3):
            if self._commands is None:
                self._commands = self._context.socket(zmq.REQ)
                self._commands.setsockopt(zmq.LINGER, 0)
                self._commands.connect(self._address)
            self._commands.send(json.dumps(request).encode())
            if self._commands.poll(int(self._timeout_s * 1000)):
                reply = json.loads(self._commands.recv())
                if reply["status"] != "error":
                    return reply["result"]
                error = reply["data"]
                if error["error_type"] in ("timeout", "unknown_outcome"):
                    raise Unanswered("%s: %s" % (command, error["message"]))
                raise Rejected("%s: %s" % (error["error_type"], error["message"]))
            else:  # a REQ that waits for an answer takes no other question
                self._commands.close()
                self._commands = None
        raise Unanswered(command)

    def close(self) -> None:
        self._context.destroy(linger=0)


def trade(link: Link, strategy: Strategy, target: str, say: Callable[..., None]) -> None:
    """One round: books what was filled, takes back what is old, places what is wished for."""
    for event in link.trades():
        agent = event["data"].get("agent_id", "")
        if target not in (agent, event.get("source"), "%s/%s" % (event.get("source"), agent)):
            continue
        order = strategy.on_fill(event["data"])
        if order is not None:
            say("fill", order.side, order.item, "%d/%d" % (order.filled, order.quantity))
    now = time.time()
    for order in strategy.stale(now):
        try:
            if order.number is not None:
                link.ask("cancel_order", {"order": order.number}, target)
            say("took back", order.side, order.item)
        except Rejected:
            pass  # it ended by itself; its fills come, or have come
        del strategy.orders[(order.item, order.side)]
    for order in strategy.wishes(now):
        params = {k: getattr(order, k) for k in ("item", "side", "price", "quantity")}
        # It counts from before it leaves, so that one whose answer never comes counts as well.
        strategy.orders[(order.item, order.side)] = order
        try:
            order.number = link.ask("place_order", params, target).get("order")
            say("placed", order.side, order.quantity, order.item, "at", order.price)
        except Rejected as why:
            del strategy.orders[(order.item, order.side)]
            say("refused", order.side, order.item, why)
            strategy.prices.pop(order.item, None)  # not before the next price
            return


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    limits = Limits()
    parser.add_argument("--target", required=True, help="who places the orders: TRAINER/AGENT")
    parser.add_argument("--events", default="tcp://127.0.0.1:5557")
    parser.add_argument("--commands", default="tcp://127.0.0.1:5558")
    parser.add_argument("--position-max", type=int, default=limits.position_max)
    parser.add_argument("--exposure-max", type=int, default=limits.exposure_max, metavar="GP")
    parser.add_argument("--lot", type=int, default=limits.lot)
    parser.add_argument("--margin-min", type=float, default=limits.margin_min, metavar="FRACTION")
    parser.add_argument("--order-age-max-s", type=float, default=limits.order_age_max_s)
    options = parser.parse_args()
    limits = Limits(
        position_max=options.position_max,
        exposure_max=options.exposure_max,
        lot=options.lot,
        margin_min=options.margin_min,
        order_age_max_s=options.order_age_max_s,
    )
    stopped: list = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))
    strategy = Strategy(limits)
    link = Link(options.events, options.commands)

    def say(*words: Any) -> None:
        print(time.strftime("%H:%M:%S"), *words, flush=True)

    while not stopped:
        try:
            for event in link.prices(wait_s=0.2):
                strategy.on_price(event["data"], event["timestamp"])
            trade(link, strategy, options.target, say)
        except Unanswered as what:
            say("no answer to", what, "- trying on")
    say("profit after tax", strategy.profit, "gp; held:", strategy.held)
    link.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
