#!/usr/bin/env python3
"""A trading bot on ZeroMQ: buys what can be sold for more after the tax, and sells it.

    margin_bot.py --target trainer-1/agent_0 --position-max 50 --exposure-max 5000000

The ten lines of clients/BOTS.md grown up. Strategy decides and knows no sockets; ppo_bridge_client's BotFeed
makes certain that no fill is missed or comes twice; Bot holds them together. Needs pyzmq.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator

from ppo_bridge_client import BotFeed, CommandFailed

TYPES = ["margin_update", "trade_executed", "episode_end", "portfolio_update", "system_status"]
PRICE_MAX = 2_147_483_647  # gp
NO_TRADE = ("hold", "none", "cancel")
NOT_US = ("ambiguous_target", "unknown_target", "unauthorized", "forbidden")
CLOCKS_S = 1.0  # how far the clocks of a trainer and of this program may be apart
PAUSE_S = (5.0, 300.0)  # after such a refusal of the target, doubled up to the second


@dataclass
class Limits:
    position_max: int = 100  # items of a kind, held or on order
    exposure_max: int = 10_000_000  # gp in items held and in buy orders, over all kinds
    lot: int = 10  # items of a buy order, at most
    margin_min: float = 0.005  # after tax, of the buying price
    price_age_max_s: float = 5.0  # older prices are never acted on
    order_age_max_s: float = 60.0  # then an order is taken back
    settle_s: float = 2.0  # after an order's end its last fills may still be under way
    pause_s: float = 5.0  # before an item is tried again that was refused


@dataclass
class Order:
    item: str
    side: str
    price: int
    quantity: int
    placed_at: float
    filled: int = 0
    id: Any = None  # the trainer's
    ends_at: float | None = None  # it was taken back; fills may come until then
    doubtful: bool = False  # what it brought is not known for certain

    @property
    def left(self) -> int:
        return self.quantity - self.filled


def number(value: Any) -> float | None:
    """However a trainer writes it: 100, 100.0, "100"."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def whole(value: Any) -> int | None:
    """A whole number of items."""
    n = number(value)
    return int(n) if n is not None and 0 <= n <= PRICE_MAX and n.is_integer() else None


def gp(value: Any) -> int | None:
    """A price of the game."""
    n = number(value)
    return round(n) if n is not None and 1 <= n <= PRICE_MAX else None


def text(value: Any) -> str:
    """A name or a number, to be compared with others; empty where it is neither."""
    n = whole(value)
    if n is not None:
        return str(n)
    return str(value).strip().casefold() if isinstance(value, (str, float, int)) else ""


def happened(event: dict) -> float:
    """When, by its source where that says so."""
    at, accepted = number(event.get("source_timestamp")), event["timestamp"]
    return accepted if at is None else min(at, accepted)


def after_tax(price: int) -> int:
    """Where margin_update does not say: as if no item were exempt, so never too much."""
    return price if price < 50 else price - min(price * 2 // 100, 5_000_000)


@dataclass
class Price:
    buy: int
    sell: int
    sell_after_tax: int
    at: float


@dataclass
class Strategy:
    """At most one order an item and side; everything on order counts against the limits. An item of which
    a fill could not be read is frozen: its orders count for ever, and nothing more is done with it."""

    limits: Limits
    prices: dict[str, Price] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    cost: dict[str, int] = field(default_factory=dict)  # gp, of all that is held
    orders: dict[tuple[str, str], Order] = field(default_factory=dict)  # by item and side
    paused: dict[str, float] = field(default_factory=dict)  # items, until when
    frozen: set[str] = field(default_factory=set)
    profit: int = 0

    def on_price(self, data: dict, at: float) -> None:
        buy, sell = gp(data.get("buy_price")), gp(data.get("sell_price"))
        if buy is None or sell is None or not isinstance(data.get("item"), str):
            return
        margin = number(data.get("margin_after_tax"))
        known = margin is not None and 0 <= buy + margin <= sell
        self.prices[data["item"]] = Price(buy, sell, int(buy + margin) if known else after_tax(sell), at)

    def on_fill(self, data: dict) -> Order | None:
        """The order of ours that a trade belongs to. The account has other traders: a trade counts
        only as far as an order of ours explains it. Freezes what a fill that cannot be read may be of."""
        side, id = text(data.get("action_type")), text(data.get("order"))
        item = text(data.get("item")) if isinstance(data.get("item"), str) else ""
        price, quantity = gp(data.get("price")), whole(data.get("quantity"))
        if side in NO_TRADE or quantity == 0:
            return None
        mine = [
            order
            for order in self.orders.values()
            if item in ("", text(order.item))
            and (side == order.side or side not in ("buy", "sell"))
            and (not id or order.id is None or id == text(order.id))
        ]
        if not item or side not in ("buy", "sell") or price is None or quantity is None:
            self.frozen.update(order.item for order in mine)
            return None
        for order in mine:
            fits = price <= order.price if side == "buy" else price >= order.price
            if fits or id and id == text(order.id):
                self.book(order, price, min(quantity, order.left))
                return order
        return None

    def book(self, order: Order, price: int, quantity: int) -> None:
        held, cost = self.held.get(order.item, 0), self.cost.get(order.item, 0)
        if order.side == "buy":
            self.held[order.item], self.cost[order.item] = held + quantity, cost + quantity * price
        else:
            paid = cost * quantity // held if held else 0
            self.held[order.item], self.cost[order.item] = max(held - quantity, 0), cost - paid
            self.profit += quantity * self.net(order.item, price) - paid
        order.filled += quantity
        if order.left == 0:
            del self.orders[(order.item, order.side)]

    def net(self, item: str, price: int) -> int:
        """What a sale of one brings, after tax."""
        known = self.prices.get(item)
        return known.sell_after_tax if known and known.sell == price else after_tax(price)

    def account_starts_over(self, at: float) -> None:
        """Items and orders are gone, but for an order that was placed about then: it may be of the new
        account, and is taken back. What had a fill before this was of the old one."""
        kept = [o for o in self.orders.values() if o.placed_at + CLOCKS_S >= at and not o.filled and o.ends_at is None]
        for gone in (self.held, self.cost, self.orders, self.frozen):
            gone.clear()
        for order in kept:
            order.placed_at = 0
            self.orders[(order.item, order.side)] = order

    def holds(self, item: str, quantity: int) -> None:
        """The account has no more of it than this."""
        held = self.held.get(item, 0)
        if quantity < held:
            self.cost[item] = self.cost[item] * quantity // held
            self.held[item] = quantity

    def settle(self, order: Order, inventory: dict | None) -> None:
        """What a doubtful order brought, by what the account has; without that its item is frozen."""
        quantity = None if inventory is None else whole(inventory.get(order.item, 0))
        if quantity is None:
            self.frozen.add(order.item)
            return
        held = self.held.get(order.item, 0)
        moved = quantity - held if order.side == "buy" else held - quantity
        self.book(order, order.price, min(max(moved, 0), order.left))
        self.orders.pop((order.item, order.side), None)

    def exposure(self) -> int:
        on_order = sum(o.left * o.price for o in self.orders.values() if o.side == "buy")
        return sum(self.cost.values()) + on_order

    def stale(self, now: float) -> list[Order]:
        """Orders to take back."""
        standing = [order for order in self.orders.values() if order.ends_at is None]
        age_max = self.limits.order_age_max_s
        return [o for o in standing if now - o.placed_at > age_max or o.item in self.frozen]

    def ended(self, now: float) -> list[Order]:
        """Orders that were taken back, and of which no fill can be under way any more."""
        ended = [o for o in self.orders.values() if o.ends_at is not None and o.ends_at <= now]
        return [order for order in ended if order.item not in self.frozen]

    def wishes(self, now: float) -> Iterator[Order]:
        """Orders to place: sales first, then purchases within the limits."""
        fresh = {
            item: price
            for item, price in self.prices.items()
            if now - price.at <= self.limits.price_age_max_s
            and item not in self.frozen
            and self.paused.get(item, 0) <= now
        }
        for item, price in fresh.items():
            held = self.held.get(item, 0)
            if held and (item, "sell") not in self.orders:
                if price.sell_after_tax * held > self.cost[item]:
                    yield Order(item, "sell", price.sell, held, now)
        for item, price in fresh.items():
            margin = price.sell_after_tax - price.buy
            if (item, "buy") in self.orders or margin < self.limits.margin_min * price.buy:
                continue
            room = (self.limits.exposure_max - self.exposure()) // price.buy
            position = self.limits.position_max - self.held.get(item, 0)
            quantity = min(self.limits.lot, position, room)
            if quantity > 0:
                yield Order(item, "buy", price.buy, quantity, now)


class Bot:
    def __init__(self, feed: BotFeed, strategy: Strategy, target: str, say: Callable[..., None]) -> None:
        self._feed, self._strategy, self._target, self._say = feed, strategy, target, say
        self._runs: dict[str, set] = {}  # of the account's sources
        self._had_items = False  # the account, as it said last
        self._not_before, self._pause_s = 0.0, PAUSE_S[0]

    def is_ours(self, event: dict) -> bool:
        """Of a fill also where it does not say whose it is."""
        target, agent = text(self._target), text(event["data"].get("agent_id"))
        names = [text(event.get("source")), text("%s@%s" % (event.get("source"), event.get("run")))]
        if not agent and event["type"] == "trade_executed":
            return target in names or target.startswith(tuple(name + "/" for name in names))
        return target in (agent, *names, *(name + "/" + agent for name in names))

    def take(self, event: dict) -> None:
        type, data, strategy = event["type"], event["data"], self._strategy
        if type == "gap" or type == "system_status":
            # Fills may be among what is lost.
            ours = event.get("source") == "ppo-bridge" and data.get("source") in self._runs
            if data.get("missed") or ours and data.get("status") == "source_lost":
                strategy.frozen.update(order.item for order in strategy.orders.values())
                self._say("lost", data, "- left alone from here on:", sorted(strategy.frozen))
        elif type == "margin_update":
            strategy.on_price(data, happened(event))
        elif self.is_ours(event):
            self.take_account(event, type, data, strategy)

    def take_account(self, event: dict, type: str, data: dict, strategy: Strategy) -> None:
        source, run = event.get("source", ""), event.get("run", "")
        runs = self._runs.setdefault(source, {run})
        if run not in runs:
            runs.add(run)
            self.start_over("the trainer started again", event)
        if type == "episode_end":
            self.start_over("a new episode", event)
        elif type == "portfolio_update" and isinstance(data.get("inventory"), dict):
            has_items = any(whole(n) != 0 for n in data["inventory"].values())
            if self._had_items and not has_items:
                for item in list(strategy.held):
                    strategy.holds(item, 0)
            self._had_items = has_items
        elif type == "trade_executed":
            frozen = set(strategy.frozen)
            order = strategy.on_fill(data)
            if order is not None:
                self._say("fill", order.side, order.item, "%d/%d" % (order.filled, order.quantity))
            for item in strategy.frozen - frozen:
                self._say("frozen", item, "- a fill that cannot be read:", data)

    def start_over(self, why: str, event: dict) -> None:
        if self._strategy.held or self._strategy.orders:
            self._say("starts over:", why)
        self._strategy.account_starts_over(happened(event))

    def turn(self, wait_s: float) -> None:
        """Takes what is new, takes back what is old, places what is wished for."""
        for event in self._feed.news(wait_s):
            self.take(event)
        now = time.time()
        if now < self._not_before:
            return
        for order in self._strategy.ended(now):
            self.settle(order, now)
        for order in self._strategy.stale(now):
            self.cancel(order, now)
        for order in self._strategy.wishes(now):
            for event in self._feed.catch_up():  # nothing is done on what may be out of date
                self.take(event)
            if order not in self._strategy.wishes(now) or not self.place(order, now):
                return

    def place(self, order: Order, now: float) -> bool:
        params = {k: getattr(order, k) for k in ("item", "side", "price", "quantity")}
        # It counts from before it leaves, so that one whose answer never comes counts as well.
        self._strategy.orders[(order.item, order.side)] = order
        try:
            result = self._feed.ask("place_order", params, self._target)
        except CommandFailed as why:
            self._say("refused" if not why.perhaps_done else "perhaps placed", order.side, order.item, why)
            if why.perhaps_done:
                return False
            del self._strategy.orders[(order.item, order.side)]
            self._strategy.paused[order.item] = now + self._strategy.limits.pause_s
            self.back_off(why, now, "unknown_command")
            if order.side == "sell" and why.error_type == "rejected":
                self.compare()
            return False
        order.id = result.get("order") if isinstance(result, dict) else None
        self._pause_s = PAUSE_S[0]
        self._say("placed", order.side, order.quantity, order.item, "at", order.price)
        return True

    def cancel(self, order: Order, now: float) -> None:
        try:
            if order.id is None:  # the answer never came
                order.id = self.find(order)
            result = self._feed.ask("cancel_order", {"order": order.id}, self._target)
            filled = whole(result.get("filled")) if isinstance(result, dict) else None
            order.doubtful = filled is not None and filled > order.filled
            self._say("took back", order.side, order.item)
        except CommandFailed as why:
            self._say("not taken back:", order.side, order.item, why)
            self.back_off(why, now)
            if why.error_type != "rejected":
                order.placed_at = now  # tried again later
                return
            order.doubtful = True  # it has ended by itself, perhaps filled
        order.ends_at = now + self._strategy.limits.settle_s

    def find(self, order: Order) -> Any:
        """The trainer's name for it."""
        listed = self._feed.ask("get_portfolio", {}, self._target).get("orders")
        for entry in listed if isinstance(listed, list) else []:
            if all(text(entry.get(k)) == text(getattr(order, k)) for k in ("item", "side", "price", "quantity")):
                return entry.get("order")
        raise CommandFailed("rejected", "the account has no such order")

    def settle(self, order: Order, now: float) -> None:
        if not order.doubtful:
            del self._strategy.orders[(order.item, order.side)]
            return
        try:
            inventory = self.inventory()
        except CommandFailed as why:
            if why.error_type not in ("rejected", "unknown_command"):
                order.ends_at = now + self._strategy.limits.pause_s  # asked again
                return self.back_off(why, now)
            inventory = None
        self._strategy.settle(order, inventory)
        if order.item in self._strategy.frozen:
            self._say("frozen", order.item, "- what the order brought is not known")

    def inventory(self) -> dict | None:
        portfolio = self._feed.ask("get_portfolio", {}, self._target)
        inventory = portfolio.get("inventory") if isinstance(portfolio, dict) else None
        return inventory if isinstance(inventory, dict) else None

    def compare(self) -> None:
        """A sale that the account will not make: it may hold less than we believe."""
        try:
            inventory = self.inventory()
        except CommandFailed:
            return
        for item in list(self._strategy.held) if inventory is not None else []:
            count = whole(inventory.get(item, 0))
            if count is not None:
                self._strategy.holds(item, count)

    def back_off(self, why: CommandFailed, now: float, *too: str) -> None:
        """Where the target itself is refused, no other order will do better."""
        if why.error_type in NOT_US + too:
            self._not_before = now + self._pause_s
            self._say("nothing more for %.0f s: the target is refused" % self._pause_s)
            self._pause_s = min(2 * self._pause_s, PAUSE_S[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    limits = Limits()
    parser.add_argument("--target", required=True, help="who places the orders: TRAINER/AGENT")
    parser.add_argument("--events", default="tcp://127.0.0.1:5557")
    parser.add_argument("--commands", default="tcp://127.0.0.1:5558")
    for name in ("position_max", "exposure_max", "lot", "margin_min", "order_age_max_s"):
        default = getattr(limits, name)
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    options = vars(parser.parse_args())
    for name in [name for name in options if hasattr(limits, name)]:
        setattr(limits, name, options[name])
    stopped: list = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(True))

    def say(*words: Any) -> None:
        print(time.strftime("%H:%M:%S"), *words, flush=True)

    strategy = Strategy(limits)
    feed = BotFeed(TYPES, events=options["events"], commands=options["commands"])
    bot = Bot(feed, strategy, options["target"], say)
    away = False
    while not stopped:
        try:
            bot.turn(wait_s=0.2)
            away = False
        except CommandFailed as what:
            if not away:
                say(what, "- trying on")
            away = True
    say("profit after tax", strategy.profit, "gp; held:", strategy.held)
    feed.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
