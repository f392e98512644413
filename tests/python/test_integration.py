"""PPOWebSocketIntegration: its helpers, and the calls of the scripts that there were before."""

from __future__ import annotations

import asyncio
import logging
import types
import unittest
import warnings

import stand_ins
from hook_case import HookTest
from ppo_bridge import EventTypes, Hooks, PPOWebSocketIntegration, Publisher
from ppo_bridge.integration import _addresses


class Helpers(HookTest):
    EVENTS = {
        "trade_executed": {
            "agent_id": "agent_0",
            "action_type": "buy",
            "item": "Abyssal whip",
            "price": 1500000,
            "quantity": 1,
            "profit": 0.0,
            "total_value": 1500000,
        },
        "price_update": {
            "item": "Abyssal whip",
            "price": 1500000,
            "change": 50000,
            "change_percent": 0.0333,
            "volume": 100,
        },
        "margin_update": {
            "item": "Abyssal whip",
            "buy_price": 1450000,
            "sell_price": 1550000,
            "margin": 100000,
            "margin_percent": 0.0689,
            "margin_after_tax": 69000,
        },
        "agent_decision": {
            "agent_id": "agent_0",
            "action_type": "buy",
            "item": "Abyssal whip",
            "price": 1450000,
            "quantity": 1,
            "reasoning": "High profit potential based on margin analysis",
        },
        "portfolio_update": {
            "agent_id": "agent_0",
            "gp": 10000000,
            "inventory": {"Abyssal whip": 1, "Dragon bones": 1000},
            "total_value": 12000000,
            "inventory_value": 2000000,
        },
        "market_analysis": {
            "item": "Abyssal whip",
            "analysis_type": "volume_trend",
            "data": {"recent_volume": 100, "trend": "increasing", "volatility": 0.05},
        },
        "system_status": {"status": "started", "message": "training"},
        "error": {
            "error_type": "connection_error",
            "message": "Failed to connect to database",
            "details": {"error_code": 500},
        },
    }

    def helper(self, type: str):
        return getattr(self.hooked, "error_event" if type == "error" else type)

    def test_the_eight_events_by_place_by_name_and_as_a_mapping_awaited_and_not(self) -> None:
        async def all_awaited() -> None:
            self.assertIs(await self.hooked.connect(timeout=20), True)
            for type, data in self.EVENTS.items():
                self.assertIs(await self.helper(type)(**data), True)
                self.assertIs(await asyncio.create_task(self.helper(type)(data)), True)
            await asyncio.gather(*(self.helper(t)(*d.values()) for t, d in self.EVENTS.items()))
            await asyncio.wait_for(self.hooked.submit_event("note", {"n": 1}), 20)

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            asyncio.run(all_awaited())
            for type, data in self.EVENTS.items():
                self.assertTrue(self.helper(type)(*data.values()))
            self.hooked.submit_event({"type": "note", "data": {"n": 1}})
            self.hooked.submit_event("note", n=1)
        events = self.bridge.wait_events(4 * 8 + 3, source=self.source)
        for type, data in self.EVENTS.items():
            self.assertEqual([e["data"] for e in events if e["type"] == type], [data] * 4)
        self.assertEqual([e["data"] for e in events if e["type"] == "note"], [{"n": 1}] * 3)

    def test_what_follows_is_filled_in_and_what_is_missing_is_survived(self) -> None:
        h = self.hooked
        h.trade_executed("agent_0", {"type": "buy", "item": "Coal", "price": 2, "quantity": 3})
        h.trade_executed("agent_0", None, None, None, None)
        h.margin_update("Coal", 100, 110)
        h.portfolio_update(agent_id="agent_0", gp=5, total_value=7)
        h.error_event("oops", "it broke")
        h.price_update()
        trade, none, margin, portfolio, error, price = self.sent(6)
        self.assertEqual((trade["agent_id"], trade["action_type"]), ("agent_0", "buy"))
        self.assertEqual((trade["total_value"], none["total_value"], none["item"]), (6, 0, None))
        self.assertEqual((margin["margin"], margin["margin_percent"]), (10, 0.1))
        self.assertEqual((portfolio["inventory_value"], error["details"], price), (2, {}, {}))

    def test_what_is_no_event_is_false_and_raises_nothing(self) -> None:
        h = self.hooked
        self.assertFalse(h.price_update(1, 2, 3, 4, 5, 6))
        self.assertFalse(h.submit_event("_source", {}))
        self.assertFalse(h.submit_event(None))
        self.assertFalse(h.submit_event({}))
        self.assertEqual(h.publisher.stats().refused, 4)

    def test_without_a_bridge_connect_is_false_and_everything_goes_on(self) -> None:
        lonely = PPOWebSocketIntegration("ws://127.0.0.1:9/ws", source="lonely", flush_ms=0)
        self.addCleanup(lonely.disconnect)
        self.assertEqual(lonely._options["endpoint"], "tcp://127.0.0.1:5556")
        lonely = PPOWebSocketIntegration("tcp://127.0.0.1:9", control="", flush_ms=0)
        self.assertIs(asyncio.run(lonely.connect(timeout=0.05)), False)
        self.assertTrue(lonely.system_status("started", "alone"))
        lonely.disconnect()
        self.assertFalse(lonely.system_status("started", "alone"))
        lonely.connect()
        self.assertTrue(lonely.system_status("started", "again"))
        lonely.disconnect()

    def test_a_publisher_can_be_shared(self) -> None:
        with Publisher("shared", endpoint=self.bridge.events_in, control="") as publisher:
            integration = PPOWebSocketIntegration(publisher)
            integration.system_status("started", "")
            integration.disconnect()
            self.assertTrue(publisher.publish("x", {}))
            self.assertIsInstance(Hooks(publisher).stats.failed, int)
        self.bridge.wait_events(2, source="shared")

    def test_the_old_name_of_the_module(self) -> None:
        from ppo_websocket_integration import PPOWebSocketIntegration as old

        self.assertIs(old, PPOWebSocketIntegration)


class SeedScripts(HookTest):
    """The calls of the scripts that a Python server had before, as they stand there."""

    def test_they_start_and_end_as_they_are(self) -> None:
        class Agent:
            def sample_action(self, observation):
                held = {"type": "hold", "item": "Coal", "price": 100, "quantity": 1, "_item_idx": 3}
                return held, -0.5

            def update(self, *args):
                return {"loss": 1.5, "pg_loss": 0.25, "v_loss": 0.5, "approx_kl": 0.01, "n_updates": 1}

        options = {"source": self.source, "endpoint": self.bridge.events_in}
        logger = logging.getLogger("ppo_bridge")
        logger.setLevel(logging.DEBUG)
        with self.assertLogs("ppo_bridge", logging.DEBUG) as logged:
            integration = PPOWebSocketIntegration(
                websocket_url="http://localhost:5178", max_slots=8, control=self.bridge.control, **options
            )
            integration.connected = True
        self.addCleanup(integration.publisher.close, 0)
        self.assertTrue(any("max_slots" in line for line in logged.output))
        self.assertEqual(integration.websocket_url, "http://localhost:5178")
        self.assertIsNone(integration.session)

        async def script() -> None:
            self.assertIs(await integration.connect(timeout=20), True)
            self.assertTrue(integration.connected and integration.session)
            agent, env = Agent(), stand_ins.SeedEnv(ends=(3,))
            method = agent.sample_action.__func__
            await integration.hook_agent(agent, agent_id="agent_0")
            integration.hook_env(env, env_id="env_0")
            self.assertIn("agent_0", integration.agent_hooks)
            self.assertIs(integration.agent_hooks["agent_0"]["agent"], agent)
            self.assertIsNot(agent.sample_action.__func__, method)
            observation, _ = env.reset()
            for _ in range(3):
                action, _ = agent.sample_action(observation)
                observation, *_ = env.step(action)
            agent.update()
            await integration.submit_event(EventTypes.TRADE_EXECUTED, {"item": "Coal"}, priority=2)
            integration.unhook_agent("agent_0")
            integration.unhook_env("env_0")
            self.assertIs(agent.sample_action.__func__, method)
            self.assertEqual(integration.agent_hooks, {})
            await integration.system_status("simulation_completed", "Simulation completed")
            await integration.disconnect()
            self.assertIsNone(integration.session)
            self.assertFalse(await integration.system_status("late", ""))
            self.env = env

        asyncio.run(script())
        trades = self.sent(3, "trade_executed")
        self.assertEqual(trades[2], {"item": "Coal"})
        self.assertEqual(
            trades[1],
            {
                "agent_id": "agent_0",
                "action_type": "sell",
                "item": "Coal",
                "item_id": 453,
                "price": 110.0,
                "quantity": 3,
                "profit": 30.0,
                "total_value": 330.0,
            },
        )
        portfolios = self.sent(3, "portfolio_update")
        got = [(p["agent_id"], p["gp"], p["inventory"], p["total_value"]) for p in portfolios]
        expected = [(10_000, {}, 10_000), (9600, {"453": 4}, 10_000), (9930, {"453": 1}, 10_030)]
        self.assertEqual(got, [("agent_0", *each) for each in expected])
        (episode,) = self.sent(1, "episode_end")
        self.assertEqual((episode["agent_id"], episode["profit"]), ("agent_0", 30))
        self.assertEqual((episode["reward"], episode["steps"]), self.env.account[0])
        (update,) = self.sent(1, "training_update")
        self.assertEqual((update["pg_loss"], update["policy_loss"]), (0.25, 0.25))
        self.assertEqual((update["v_loss"], update["value_loss"], update["approx_kl"]), (0.5, 0.5, 0.01))
        curves = {s["tag"]: (s["value"], s["step"]) for s in self.sent(4, "scalar")}
        expected = {"loss": (1.5, 3), "pg_loss": (0.25, 3), "v_loss": (0.5, 3), "n_updates": (1, 3)}
        self.assertEqual(curves, expected)

    def test_observations_with_gp_and_inventory_and_the_only_agent(self) -> None:
        class Env:
            def reset(self):
                return {"gp": 10, "inventory": {"Coal": 0}, "prices": {"Coal": 3}}

            def step(self, action):
                info = {"msg": "bought", "step_trades": 1, "trades": [action]}
                return {"gp": 7, "inventory": {"Coal": 1}, "prices": {"Coal": 3}}, 0.5, True, info

        env, agent = Env(), types.SimpleNamespace(update=lambda: None)
        bought = {"type": "buy", "item": "Coal", "price": 3, "quantity": 1}
        self.hooked.hook_env(env, "env_0")
        self.hooked.hook_agent(agent, "one")
        env.reset()
        env.step(bought)
        self.hooked.hook_agent(types.SimpleNamespace(update=lambda: None), "two")
        env.step(bought)
        self.hooked.unhook_agent("one")
        env.step(bought)
        self.assertEqual([p["gp"] for p in self.sent(2, "portfolio_update")], [10, 7])
        ends = [e["agent_id"] for e in self.sent(3, "episode_end")]
        self.assertEqual(ends, ["one", "env_0", "two"])
        self.assertEqual([t["agent_id"] for t in self.sent(3, "trade_executed")], ends)

    def test_an_agent_that_an_info_names_is_the_episode_s_too(self) -> None:
        env = types.SimpleNamespace(step=lambda action: (0, 1.0, True, {"agent_id": "b", "cash": 5}))
        self.hooked.hook_env(env, "env_0")
        env.step(0)
        self.assertEqual([data["agent_id"] for data in self.sent(2)], ["b", "b"])

    def test_a_number_of_trades_without_any_is_said_once(self) -> None:
        env = types.SimpleNamespace(step=lambda action: (0, 1.0, False, {"step_trades": 2}))
        self.hooked.hook_env(env, "env_0")
        logging.getLogger("ppo_bridge").setLevel(logging.NOTSET)
        with self.assertLogs("ppo_bridge") as logged:
            env.step(0)
            env.step(0)
        self.assertEqual(len(logged.output), 1)
        self.assertIn("looked for trades, executed_trades", logged.output[0])

    def test_the_addresses_of_pages(self) -> None:
        for url, host, page in (
            ("http://localhost:5178", "127.0.0.1", "http://localhost:5178/"),
            ("ws://10.0.0.7:6969/ws", "10.0.0.7", "http://10.0.0.7:6969/"),
            ("https://bridge.example", "bridge.example", "https://bridge.example/"),
            ("wss://[::1]:5178", "[::1]", "https://[::1]:5178/"),
        ):
            expected = {"endpoint": "tcp://%s:5556" % host, "control": "tcp://%s:5559" % host}
            self.assertEqual(_addresses(url), {**expected, "page": page})
        self.assertEqual(_addresses("tcp://1.2.3.4:5"), {"endpoint": "tcp://1.2.3.4:5"})
        several = {"endpoint": "tcp://m1:5556,tcp://m2:5556", "control": "tcp://m1:5559,tcp://m2:5559", "page": "https://m1/"}
        self.assertEqual(_addresses("wss://m1/ws, wss://m2:5178/ws"), several)


if __name__ == "__main__":
    unittest.main()
