"""The example bot: its judgement by itself, and the whole of it against the real bridge."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from ppo_bridge import CommandRejected
from ppo_bridge_client import CommandFailed
from support import PATIENCE_S, ROOT, BridgeTest, free_port, started, wait_until

PROGRAM = ROOT / "clients/python/examples/margin_bot.py"
sys.path.insert(0, str(PROGRAM.parent))

from margin_bot import Bot, Limits, Order, Strategy  # noqa: E402


def price(item: str, buy: int, sell: int) -> dict:
    return {"item": item, "buy_price": buy, "sell_price": sell}


class Judgement(unittest.TestCase):
    def test_old_prices_small_margins_and_odd_ones_are_left_alone(self) -> None:
        strategy = Strategy(Limits())
        strategy.on_price(price("Old", 100, 200), at=94)
        strategy.on_price(price("Tax", 100, 102), at=100)
        strategy.on_price({"item": "None", "buy_price": None, "sell_price": "9"}, at=100)
        self.assertEqual(list(strategy.wishes(now=100)), [])
        strategy.on_price(price("Coal", 100, 110), at=100)
        self.assertEqual(list(strategy.wishes(100)), [Order("Coal", "buy", 100, 10, 100)])

    def test_what_is_held_and_on_order_counts_against_the_limits(self) -> None:
        strategy = Strategy(Limits(position_max=15, exposure_max=1900, lot=10))
        strategy.on_price(price("Coal", 100, 110), at=100)
        for expected in (10, 5, 0):
            for order in strategy.wishes(100):
                self.assertEqual((order.side, order.quantity), ("buy", expected))
                strategy.orders[(order.item, order.side)] = order
                fill = {"item": "Coal", "action_type": "buy", "price": 100, "quantity": 99}
                strategy.on_fill(fill)
                break
            strategy.orders[("Coal", "sell")] = Order("Coal", "sell", 110, 15, 100)
        self.assertEqual((strategy.held["Coal"], strategy.exposure()), (15, 1500))
        strategy.on_price(price("Iron", 100, 110), at=100)
        self.assertEqual([o.quantity for o in strategy.wishes(100)], [4])

    def test_trades_of_others_are_not_booked_and_a_sale_is(self) -> None:
        strategy = Strategy(Limits())
        sale = {"item": "Coal", "action_type": "sell", "price": 110, "quantity": 10}
        self.assertIsNone(strategy.on_fill(sale))
        strategy.held["Coal"], strategy.cost["Coal"] = 10, 1000
        strategy.orders[("Coal", "sell")] = Order("Coal", "sell", 110, 10, 100)
        strategy.orders[("Coal", "sell")].id = 7
        self.assertIsNone(strategy.on_fill({**sale, "price": 109}))
        self.assertIsNone(strategy.on_fill({**sale, "order": 6}))
        self.assertIsNotNone(strategy.on_fill(sale))
        self.assertEqual((strategy.profit, strategy.held["Coal"]), (10 * 108 - 1000, 0))
        self.assertEqual(strategy.orders, {})


    def test_fills_count_however_a_trainer_writes_them(self) -> None:
        for fill in (
            {"action_type": "BUY", "price": 100, "quantity": 10, "order": 1},
            {"action_type": "Buy", "price": "100", "quantity": "10", "order": "1"},
            {"action_type": "buy", "price": 99.0, "quantity": 10.0, "item": "COAL"},
            {"action_type": "buy", "price": 101, "quantity": 10, "order": "1"},  # it says which, so it counts
            {"action_type": "buy", "price": 100, "quantity": 10, "order": {"id": 1}},
        ):
            strategy = Strategy(Limits())
            strategy.orders[("Coal", "buy")] = Order("Coal", "buy", 100, 10, 100, id=1)
            self.assertIsNotNone(strategy.on_fill({"item": "Coal", **fill}), fill)
            self.assertEqual((strategy.held, strategy.orders), ({"Coal": 10}, {}))

    def test_a_fill_that_cannot_be_read_freezes_what_it_may_be_of(self) -> None:
        good = {"item": "Coal", "action_type": "buy", "price": 100, "quantity": 10}
        for wrong in (
            {"price": None},
            {"price": "cheap"},
            {"quantity": float("nan")},
            {"quantity": 10**400},
            {"quantity": 2.5},
            {"action_type": 1},
            {"item": None},
            {"item": 453},
            {"item": ["Coal"]},
        ):
            strategy = Strategy(Limits(order_age_max_s=1e9))
            strategy.on_price(price("Coal", 100, 110), at=100)
            order = strategy.orders[("Coal", "buy")] = Order("Coal", "buy", 100, 10, 100)
            self.assertIsNone(strategy.on_fill({**good, **wrong}))
            self.assertEqual(strategy.frozen, {"Coal"}, wrong)
            self.assertEqual(strategy.stale(100), [order])
            order.ends_at = 100
            self.assertEqual((strategy.ended(200), list(strategy.wishes(100))), ([], []))
            self.assertEqual(strategy.exposure(), 1000)
        for others in ({"action_type": "hold"}, {"quantity": 0}, {"item": "Iron"}, {"order": 7}):
            strategy = Strategy(Limits())
            strategy.orders[("Coal", "buy")] = Order("Coal", "buy", 100, 10, 100, id=1)
            self.assertIsNone(strategy.on_fill({**good, **others}))
            self.assertEqual(strategy.frozen, set(), others)

    def test_the_margin_after_tax_is_the_publishers_where_it_says_one(self) -> None:
        strategy = Strategy(Limits())
        for margin, after in ((5, 105), (-1, 99), (11, 108), ("x", 108), (None, 108), (1e999, 108)):
            strategy.on_price({**price("Coal", 100, 110), "margin_after_tax": margin}, at=100)
            self.assertEqual(strategy.prices["Coal"].sell_after_tax, after, margin)


class FakeFeed:
    """Gives what it is told to, and answers by functions."""

    def __init__(self) -> None:
        self.coming: list = []
        self.asked: list = []
        self.answers: dict = {}
        self.n = 0

    def publish(self, type: str, data: dict, run: str = "r1") -> None:
        self.n += 1
        data = {"agent_id": "agent_0", **data}
        named = {"source": "t", "run": run, "source_seq": self.n}
        self.coming.append({"type": type, "data": data, "seq": self.n, "timestamp": time.time(), **named})

    def news(self, wait_s: float = 0) -> list:
        coming, self.coming = self.coming, []
        return coming

    catch_up = news

    def ask(self, command: str, params: dict, target: str) -> dict:
        self.asked.append((command, params))
        answer = self.answers.get(command, {"order": len(self.asked)})
        if callable(answer):
            answer = answer(params)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Turns(unittest.TestCase):
    def setUp(self) -> None:
        self.feed = FakeFeed()
        self.said: list = []
        limits = Limits(position_max=20, settle_s=0, pause_s=0, order_age_max_s=1e9)
        self.strategy = Strategy(limits)
        self.bot = Bot(self.feed, self.strategy, "t/agent_0", lambda *words: self.said.append(words))

    def bought(self, fill: dict | None = None) -> None:
        self.feed.publish("margin_update", price("Coal", 100, 110))
        self.bot.turn(0)
        fill = {"item": "Coal", "action_type": "buy", "price": 100, "quantity": 10, **(fill or {})}
        self.feed.publish("trade_executed", fill)
        self.bot.turn(0)

    def orders(self) -> list:
        return [params for command, params in self.feed.asked if command == "place_order"]

    def test_a_fill_is_ours_however_the_agent_is_written_or_left_out(self) -> None:
        for n, agent in enumerate(("agent_0", " Agent_0", "", None)):
            with self.subTest(agent=agent):
                self.strategy.account_starts_over(1e18)
                self.bought({"agent_id": agent})
                self.assertEqual(self.strategy.held, {"Coal": 10})
        self.strategy.account_starts_over(1e18)
        self.bought({"agent_id": "agent_1"})
        self.assertEqual(self.strategy.held, {})

    def test_a_fill_just_before_a_cancel_is_not_forgotten(self) -> None:
        self.feed.publish("margin_update", price("Coal", 100, 110))
        self.bot.turn(0)
        fill = {"item": "Coal", "action_type": "buy", "price": 100, "quantity": 10}

        def cancel(params: dict) -> Exception:
            self.feed.publish("trade_executed", fill)  # on another socket than the answer
            return CommandFailed("rejected", "order 1 is not open")

        self.feed.answers["cancel_order"] = cancel
        self.strategy.limits.order_age_max_s = -1
        self.bot.turn(0)
        self.bot.turn(0)
        self.assertEqual(self.strategy.held, {"Coal": 10})
        self.assertEqual(self.strategy.frozen, set())

    def test_a_rejected_cancel_without_a_fill_is_not_taken_for_nothing(self) -> None:
        for answer, held, frozen in (
            ({"inventory": {"Coal": 7}, "orders": []}, {"Coal": 7}, set()),
            (CommandFailed("unknown_command", "get_portfolio"), {}, {"Coal"}),
            (CommandFailed("timeout", "get_portfolio"), {}, set()),
            ({"inventory": {"Coal": "many"}}, {}, {"Coal"}),
        ):
            self.setUp()
            self.feed.publish("margin_update", price("Coal", 100, 110))
            self.bot.turn(0)
            self.feed.answers["cancel_order"] = CommandFailed("rejected", "not open")
            self.feed.answers["get_portfolio"] = answer
            self.strategy.limits.order_age_max_s = -1
            self.bot.turn(0)
            self.strategy.prices.clear()
            self.bot.turn(0)
            self.assertEqual((self.strategy.held, self.strategy.frozen), (held, frozen))
            self.assertEqual(self.strategy.exposure(), 700 if held else 1000)

    def test_an_episode_that_begins_anew_has_no_items_of_ours(self) -> None:
        for restart in ("episode_end", "run", "portfolio_update"):
            self.setUp()
            self.bought()
            self.assertEqual(self.strategy.held, {"Coal": 10}, restart)
            if restart == "portfolio_update":
                self.feed.publish(restart, {"inventory": {"Coal": 10}})
                self.feed.publish(restart, {"inventory": {}})
            elif restart == "run":
                self.feed.publish("tick", {}, run="r2")
            else:
                self.feed.publish(restart, {})
            self.bot.turn(0)
            self.assertEqual(sum(self.strategy.held.values()), 0, restart)
            sales = [o for o in self.orders() if o["side"] == "sell"]
            self.feed.publish("margin_update", price("Coal", 100, 110))
            self.bot.turn(0)
            self.assertEqual([o for o in self.orders() if o["side"] == "sell"], sales)

    def test_an_order_that_may_be_of_the_new_episode_counts_until_it_is_taken_back(self) -> None:
        self.feed.publish("margin_update", price("Coal", 100, 110))
        self.bot.turn(0)
        self.feed.publish("episode_end", {})  # was on its way when the order was placed
        self.feed.answers["cancel_order"] = CommandFailed("rejected", "order 1 is not open")
        self.feed.answers["get_portfolio"] = {"inventory": {"Coal": 10}}
        self.bot.turn(0)
        self.assertEqual(self.strategy.exposure(), 1000)
        self.bot.turn(0)
        self.assertEqual(self.strategy.held, {"Coal": 10})
        self.assertEqual([command for command, _ in self.feed.asked][:3], ["place_order", "cancel_order", "get_portfolio"])
        self.feed.publish("episode_end", {})
        self.feed.coming[-1]["timestamp"] += 60
        self.bot.turn(0)
        self.assertEqual(self.strategy.held, {})

    def test_an_account_that_always_says_it_is_empty_is_not_believed(self) -> None:
        for _ in range(2):
            self.feed.publish("portfolio_update", {"inventory": {}})
            self.bought()
        self.assertEqual(self.strategy.held, {"Coal": 20})

    def test_an_ambiguous_target_is_left_alone_for_longer_and_longer(self) -> None:
        self.feed.answers["place_order"] = CommandFailed("ambiguous_target", "t@r1 and t@r2")
        waits = []
        for _ in range(4):
            self.bot._not_before = 0
            self.feed.publish("margin_update", price("Coal", 100, 110))
            self.bot.turn(0)
            waits.append(round(self.bot._not_before - time.time()))
            self.bot.turn(0)
        self.assertEqual(waits, [5, 10, 20, 40])
        self.assertEqual(len(self.orders()), 4)
        self.assertIn("t@r1 and t@r2", str(self.said))

    def test_a_price_is_as_old_as_its_source_says_where_it_says_so(self) -> None:
        for said, orders in ((None, 1), (time.time() - 60, 0), (time.time() + 60, 1)):
            self.setUp()
            self.feed.publish("margin_update", price("Coal", 100, 110))
            self.feed.coming[-1]["source_timestamp"] = said
            self.bot.turn(0)
            self.assertEqual(len(self.orders()), orders, said)

    def test_orders_freeze_where_the_source_has_lost_events(self) -> None:
        self.feed.publish("margin_update", price("Coal", 100, 110))
        self.feed.publish("trade_executed", {"action_type": "hold"})
        self.bot.turn(0)
        lost = {"status": "source_lost", "source": "t"}
        event = {"type": "system_status", "data": lost, "source": "someone", "timestamp": 1, "seq": 1}
        self.feed.coming.append(event)
        self.bot.turn(0)
        self.assertEqual(self.strategy.frozen, set())
        self.feed.coming.append({**event, "source": "ppo-bridge"})
        self.bot.turn(0)
        self.assertEqual(self.strategy.frozen, {"Coal"})


class Alone(unittest.TestCase):
    def test_without_a_bridge_it_says_so_within_two_seconds(self) -> None:
        addresses = ["tcp://127.0.0.1:%d" % free_port() for _ in range(2)]
        command = [sys.executable, str(PROGRAM), "--target", "a", "--events", addresses[0]]
        began = time.monotonic()
        subprocess.run([*command, "--help"], capture_output=True)
        start_s, began = time.monotonic() - began, time.monotonic()
        bot = started(self, command + ["--commands", addresses[1]], stdout=subprocess.PIPE, text=True)
        self.assertIn(addresses[1] + " does not answer", bot.stdout.readline())
        self.assertLess(time.monotonic() - began, 2.5 + 4 * start_s)  # on a busy machine it takes as many times longer to begin


def held_after(orders: list[dict]) -> int:
    return sum(order["quantity"] if order["side"] == "buy" else -order["quantity"] for order in orders)


class Whole(BridgeTest):
    def test_margin_bot_keeps_its_limits_across_a_restart_of_the_bridge(self) -> None:
        self.trades_within_its_limits("trainer-1", [sys.executable, str(PROGRAM), "--order-age-max-s", "2"])

    def test_ppo_bot_keeps_its_limits_across_a_restart_of_the_bridge(self) -> None:
        program = Path(os.environ["PPO_BRIDGE_BIN"]).parent / "ppo-bot"
        if not program.exists():
            self.skipTest("ppo-bot is not built")
        self.trades_within_its_limits("trainer-2", [str(program), "--order-interval", "0"])

    def trades_within_its_limits(self, trainer: str, command: list) -> None:
        orders: list = []
        refused: list = []
        closed = False
        publisher = self.publisher(trainer)
        publisher.set_agents(["agent_0"])

        @publisher.command("place_order")
        def place_order(command):
            if closed:
                refused.append(dict(command))
                raise CommandRejected("the exchange is closed")
            orders.append(dict(command))
            publisher.publish(
                "trade_executed",
                {
                    "agent_id": "agent_0",
                    "action_type": command["side"],
                    "item": command["item"],
                    "price": command["price"],
                    "quantity": command["quantity"],
                },
            )
            return {"order": len(orders)}

        # The answer to an order may die with the bridge: then the bot asks what became of it.
        @publisher.command("get_portfolio")
        def get_portfolio():
            return {"orders": [], "inventory": {"Coal": held_after(orders)}}

        command += ["--target", trainer + "/agent_0", "--lot", "2"]
        command += ["--events", self.bridge.events_out, "--commands", self.bridge.commands]
        command += ["--position-max", "4"]
        bot = started(self, command, stdout=subprocess.PIPE, text=True)

        def until(condition) -> None:
            def tick() -> bool:
                publisher.publish("margin_update", price("Coal", 100, 110))
                time.sleep(0.02)
                return condition()

            wait_until(tick)

        until(lambda: len(orders) >= 4)
        closed = True  # so that no fill is under way when the bridge dies
        until(lambda: len(self.bridge.events("trade_executed", trainer)) == len(orders))
        seen = len(refused)
        until(lambda: len(refused) >= seen + 2)
        self.bridge.kill()
        self.bridge.start()
        closed = False
        before = len(orders)
        until(lambda: len(orders) >= before + 4)
        bot.send_signal(signal.SIGTERM)
        out, _ = bot.communicate(timeout=PATIENCE_S)
        self.assertEqual(bot.returncode, 0)
        for n in range(len(orders)):
            self.assertTrue(0 <= held_after(orders[: n + 1]) <= 4, orders)
        self.assertRegex(out, "profit.* after tax")


if __name__ == "__main__":
    unittest.main()
