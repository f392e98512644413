"""The example bot: its judgement by itself, and the whole of it against the real bridge."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unittest

from ppo_bridge import CommandRejected
from support import ROOT, BridgeTest, die_with_parent, wait_until

PROGRAM = ROOT / "clients/python/examples/margin_bot.py"
sys.path.insert(0, str(PROGRAM.parent))

from margin_bot import Limits, Order, Strategy  # noqa: E402


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
        strategy.orders[("Coal", "sell")].number = 7
        self.assertIsNone(strategy.on_fill({**sale, "price": 109}))
        self.assertIsNone(strategy.on_fill({**sale, "order": 6}))
        self.assertIsNotNone(strategy.on_fill(sale))
        self.assertEqual((strategy.profit, strategy.held["Coal"]), (10 * 108 - 1000, 0))
        self.assertEqual(strategy.orders, {})


class Whole(BridgeTest):
    def test_it_trades_within_its_limits_across_a_restart_of_the_bridge(self) -> None:
        orders: list = []
        refused: list = []
        closed = False
        publisher = self.publisher("trainer-1")
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

        command = [sys.executable, str(PROGRAM), "--target", "trainer-1/agent_0", "--lot", "2"]
        command += ["--events", self.bridge.events_out, "--commands", self.bridge.commands]
        command += ["--position-max", "4"]
        bot = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent
        )
        self.addCleanup(bot.stdout.close)
        self.addCleanup(bot.wait)
        self.addCleanup(bot.kill)

        def until(condition) -> None:
            def tick() -> bool:
                publisher.publish("margin_update", price("Coal", 100, 110))
                time.sleep(0.02)
                return condition()

            wait_until(tick)

        until(lambda: len(orders) >= 4)
        closed = True  # so that no fill is under way when the bridge dies
        until(lambda: len(self.bridge.events("trade_executed")) == len(orders))
        seen = len(refused)
        until(lambda: len(refused) >= seen + 2)
        self.bridge.kill()
        self.bridge.start()
        closed = False
        before = len(orders)
        until(lambda: len(orders) >= before + 4)
        bot.send_signal(signal.SIGTERM)
        out, _ = bot.communicate(timeout=20)
        self.assertEqual(bot.returncode, 0)
        held = 0
        for order in orders:
            held += order["quantity"] if order["side"] == "buy" else -order["quantity"]
            self.assertTrue(0 <= held <= 4, orders)
        self.assertIn("profit after tax", out)


if __name__ == "__main__":
    unittest.main()
