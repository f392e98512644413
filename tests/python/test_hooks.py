"""Hooks of agents and environments, against the real bridge."""

from __future__ import annotations

import asyncio
import collections
import copy
import dataclasses
import math
import pickle
import unittest

import numpy
from hook_case import HookTest
from ppo_bridge._told_trades import ToldTrades
from support import wait_until


class Agent:
    """As the scripts have them."""

    def __init__(self) -> None:
        self.calls: list = []
        self.action: object = {"type": "buy", "item": "Coal", "price": 150, "quantity": 10}
        self.losses: object = {"policy_loss": 0.5, "value_loss": numpy.float32(0.25), "entropy": 1}

    def sample_action(self, observation, *, greedy=False):
        self.calls.append((observation, greedy))
        return self.action, -0.5

    def record_trade(self, trade, note=None):
        if trade == "fail":
            raise KeyError(trade)
        return note

    def update(self):
        return self.losses


class Env:
    def __init__(self, results) -> None:
        self.results = list(results)

    def reset(self, seed=None):
        return numpy.zeros(3), {"cash": 1000, "total_value": 1000}

    def step(self, action):
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


@dataclasses.dataclass
class Trade:
    action_type: str
    item: str
    price: int
    quantity: int


class Agents(HookTest):
    def test_what_the_calls_return_is_unchanged_and_seen(self) -> None:
        agent = Agent()
        self.assertTrue(self.hooked.hook_agent(agent, "agent_0"))
        action, log_prob = agent.sample_action([1], greedy=True)
        self.assertIs(action, agent.action)
        self.assertEqual((log_prob, agent.calls), (-0.5, [([1], True)]))
        self.assertIs(agent.update(), agent.losses)
        trade = {"type": "sell", "item": "Coal", "price": 200, "quantity": 10, "profit": 490.0}
        trade["order"] = 7
        self.assertEqual(agent.record_trade(trade, note="n"), "n")
        decision, update, sold = self.sent(3)
        self.assertEqual(
            decision,
            {
                "agent_id": "agent_0",
                "action_type": "buy",
                "item": "Coal",
                "price": 150,
                "quantity": 10,
                "reasoning": "",
            },
        )
        self.assertEqual(
            update,
            {
                "agent_id": "agent_0",
                "update": 1,
                "steps": 1,
                "policy_loss": 0.5,
                "value_loss": 0.25,
                "entropy": 1,
            },
        )
        self.assertEqual((sold["action_type"], sold["profit"]), ("sell", 490.0))
        self.assertEqual((sold["total_value"], sold["order"]), (2000, 7))

    def test_decisions_of_any_kind_of_values_are_told_alike(self) -> None:
        agent = Agent()
        self.hooked.hook_agent(agent, "agent_0")
        nan, long, odd = float("nan"), "x" * 300, 'a "quoted" \\ Pi\u00f1a\n'
        kinds = (
            {"type": "buy", "item": odd, "price": 1.5, "quantity": 2, "reasoning": long},
            {"type": "buy", "item": odd, "price": 1.5, "quantity": 2, "reasoning": odd},
            {"action_type": "sell", "item": "Coal", "price": 10**400, "quantity": 10**20},
            {"action_type": "sell", "item": "Coal", "price": nan, "quantity": True},
            {"type": "buy", "item": 5, "price": numpy.float32(0.5), "quantity": None, "agent_id": "b"},
            {"type": "buy", "item": "Coal", "price": 1, "quantity": 1, "agent_id": "b"},
            {"type": "buy", "item": "50 % off %s", "price": -math.inf, "quantity": 1},
            {"type": "buy", "item": "Coal", "price": 10**5000, "quantity": 0.25},
        )
        for action in kinds:
            agent.action = action
            agent.sample_action(0)
        one, two, huge, none, odd_ones, named, minus, untold = self.sent(len(kinds))
        self.assertEqual((one["item"], one["price"], one["reasoning"]), (odd, 1.5, long))
        self.assertEqual((two["item"], two["price"], two["reasoning"]), (odd, 1.5, odd))
        self.assertEqual((huge["price"], huge["quantity"], huge["reasoning"]), (10**400, 10**20, ""))
        self.assertEqual((none["price"], none["quantity"]), (None, True))
        self.assertEqual((odd_ones["item"], odd_ones["price"], odd_ones["quantity"]), (5, 0.5, 0))
        self.assertEqual([d["agent_id"] for d in (one, odd_ones, named)], ["agent_0", "b", "b"])
        self.assertEqual((minus["item"], minus["price"], minus["quantity"]), ("50 % off %s", None, 1))
        self.assertEqual((untold["price"], untold["quantity"]), (None, 0.25))
        self.assertEqual(self.hooked.publisher.stats().nulled, 1)

    def test_as_many_names_as_before_may_be_other_names(self) -> None:
        agent = Agent()
        self.hooked.hook_agent(agent, "agent_0")
        usual = {"type": "buy", "item": "Coal", "price": 1, "quantity": 2}
        with_more = {**usual, "confidence": 0.5}
        actions = (
            usual,
            {"type": "buy", "item_name": "Rune", "price": 3, "quantity": 4},
            {"action": "sell", "item": "Coal", "price": 5, "quantity": 6},
            {"type": "buy", "item": "Coal", "price": 7, "reasoning": "cheap"},
            with_more,
            {**usual, "reasoning": "cheap"},
            {**usual, "agent_id": "b"},
            {**with_more, "price": 8},
            {**usual, "price": 9},
        )
        for action in (*actions, *actions):
            agent.action = dict(action)
            agent.sample_action(0)
        got = self.sent(2 * len(actions))
        self.assertEqual(got[: len(actions)], got[len(actions) :])
        told = [(d["action_type"], d["item"], d["price"], d["quantity"]) for d in got[: len(actions)]]
        coal = ("buy", "Coal", 1, 2)
        others = [("buy", "Rune", 3, 4), ("sell", "Coal", 5, 6), ("buy", "Coal", 7, 0)]
        last = [("buy", "Coal", 8, 2), ("buy", "Coal", 9, 2)]
        self.assertEqual(told, [coal, *others, coal, coal, coal, *last])
        self.assertEqual([n for n, d in enumerate(got) if d["reasoning"]], [3, 5, 12, 14])
        self.assertEqual([n for n, d in enumerate(got) if d["agent_id"] == "b"], [6, 15])

    def test_what_the_calls_raise_is_unchanged_and_nothing_is_sent(self) -> None:
        agent = Agent()
        self.hooked.hook_agent(agent, "agent_0")
        with self.assertRaises(TypeError):
            agent.sample_action()
        with self.assertRaisesRegex(KeyError, "fail"):
            agent.record_trade("fail")
        agent.update()
        self.sent(1)

    def test_nothing_that_they_return_disturbs(self) -> None:
        class Evil:
            def __getattr__(self, name):
                raise RuntimeError(name)

        agent = Agent()
        self.hooked.hook_agent(agent, "agent_0")
        self.hooked.hook_env(Env([]), "env_0")
        results = [None, 3, (), (None, None), {"type": None}, {"type": "buy", "price": None}, Evil()]
        for agent.action in results:
            self.assertIs(agent.sample_action(0)[0], agent.action)
        for agent.losses in (None, "text", Evil(), numpy.zeros(3), {"a": None}, (), [None]):
            self.assertIs(agent.update(), agent.losses)
        self.assertIs(agent.record_trade(None), None)
        sent = self.sent(1)
        self.assertEqual((sent[0]["action_type"], sent[0]["price"]), ("buy", 0))
        self.assertGreater(self.hooked.stats.unrecognised, 8)

    def test_a_trade_that_agent_and_environment_tell_is_one_event(self) -> None:
        coal = {"type": "buy", "item": "Coal", "price": 3, "quantity": 10}
        env, agent = Env([]), Agent()
        env.id_to_name_map = {4151: "Abyssal whip"}
        self.hooked.hook_env(env, "env_0")
        self.hooked.hook_agent(agent, "agent_0")

        def step(*trades: dict, **said: object) -> None:
            env.results.append((0, 1.0, False, {"step_trades": list(trades), **said}))
            env.step(0)

        step(coal, coal)  # as many as are the same are as many trades
        agent.record_trade(coal)
        agent.record_trade(Trade("BUY", "Coal", 3.0, numpy.int64(10)))
        agent.record_trade(coal)  # the third, which the environment tells later
        step()
        step({**coal, "profit": 5})
        whip = {"type": "sell", "item": 4151, "price": 7, "quantity": 1}
        agent.record_trade({**whip, "order": 1})  # the environment knows what it is called, and tells no order
        step(whip)
        step({**whip, "order": 2}, {**whip, "order": 3})
        agent.record_trade({**whip, "order": 3})
        agent.record_trade({**whip, "order": 4})
        for other in ({"price": 4}, {"quantity": 9}, {"type": "sell"}, {"item": "Rune"}, {"agent_id": "b"}):
            step(coal)
            agent.record_trade({**coal, **other})
        told = [(d["item"], d["order"] if "order" in d else None) for d in self.sent_of("trade_executed", 17)]
        coals = [("Coal", None)] * 3
        self.assertEqual(told[:7], [*coals, ("4151", 1), *[("Abyssal whip", n) for n in (2, 3)], ("4151", 4)])
        stats = self.hooked.stats
        self.assertEqual((stats.trades, stats.told_twice, stats.failed), (17, 5, 0))

    def test_what_the_other_way_has_not_told_is_forgotten_at_last(self) -> None:
        trades = ToldTrades(recorded=True)
        first, *others = [
            {"agent_id": "a", "action_type": "buy", "item": str(n % 500), "price": n, "quantity": 1} for n in range(3000)
        ]
        self.assertTrue(trades.is_news(first, False))
        for other in others:
            self.assertTrue(trades.is_news(other, False))
        self.assertFalse(trades.is_news(others[-1], True))
        self.assertTrue(trades.is_news(first, True))
        self.assertFalse(trades.is_news(others[2000], True))
        self.assertLessEqual(sum(len(each) for each in trades._waiting), 2048)

    def test_losses_without_names_and_trades_by_arguments_are_seen(self) -> None:
        class Other:
            def update(self, losses):
                return losses

            def record_trade(self, action_type, item, price, quantity, profit=0.0):
                pass

        agent = Other()
        self.hooked.hook_agent(agent, "agent_0")
        agent.update(0.5)
        agent.update((1.0, 2))
        agent.update({"stats": {"approx_kl": 0.01}})
        agent.record_trade("sell", "Coal", price=200, quantity=3, profit=7)
        agent.record_trade(None, "Coal", 5, 2)
        agent.record_trade("Coal", None, 5, 2)
        one, curve, two, three, sold, unnamed, odd = self.sent(7)
        expected = {"tag": "loss", "value": 0.5, "step": 1, "agent_id": "agent_0"}
        self.assertEqual(curve, expected)
        self.assertEqual((unnamed["action_type"], unnamed["total_value"]), ("trade", 10))
        self.assertEqual((odd["action_type"], odd["item"]), ("Coal", ""))
        self.assertEqual((one["loss"], two["losses"], three["approx_kl"]), (0.5, [1.0, 2], 0.01))
        self.assertEqual((sold["item"], sold["profit"], sold["total_value"]), ("Coal", 7, 600))

    def test_unhooking_restores_the_very_same_methods(self) -> None:
        agent = Agent()
        own = lambda: {"policy_loss": 1.0}  # noqa: E731
        agent.update = own
        before = dict(vars(agent))
        function = agent.sample_action.__func__
        self.hooked.hook_agent(agent, "agent_0")
        self.assertIsNot(agent.update, own)
        self.assertEqual(agent.sample_action.__name__, "sample_action")
        self.assertTrue(self.hooked.unhook_agent("agent_0"))
        self.assertFalse(self.hooked.unhook_agent("agent_0"))
        self.assertEqual(vars(agent), before)
        self.assertIs(agent.update, own)
        self.assertIs(agent.sample_action.__func__, function)
        agent.update()
        self.sent(0)

    def test_two_hooks_on_one_agent_can_end_in_any_order(self) -> None:
        for first, second in (("a", "b"), ("b", "a")):
            agent = Agent()
            before = dict(vars(agent))
            self.hooked.hook_agent(agent, "a")
            self.hooked.hook_agent(agent, "b")
            self.hooked.unhook_agent(first)
            agent.update()
            self.hooked.unhook_agent(second)
            self.assertEqual(vars(agent), before)
        self.assertEqual([d["agent_id"] for d in self.sent(2)], ["b", "a"])

    def test_what_others_put_over_a_hook_stays(self) -> None:
        agent = Agent()
        self.hooked.hook_agent(agent, "agent_0")
        hooked = agent.update
        agent.update = theirs = lambda: hooked()
        self.hooked.unhook_all()
        self.assertIs(agent.update, theirs)
        self.assertIs(agent.update(), agent.losses)
        self.sent(0)

    def test_hooking_an_id_again_ends_the_hook_that_had_it(self) -> None:
        one, two = Agent(), Agent()
        self.hooked.hook_agent(one, "agent_0")
        self.hooked.hook_agent(two, "agent_0")
        one.update()
        two.update()
        self.assertNotIn("update", vars(one))
        self.sent(1)

    def test_copies_and_pickles_are_not_hooked(self) -> None:
        agent = Agent()
        self.hooked.hook_agent(agent, "agent_0")
        for other in (copy.deepcopy(agent), pickle.loads(pickle.dumps(agent))):
            other.sample_action(7)
            self.assertEqual(other.calls, [(7, False)])
            self.assertEqual(agent.calls, [])
        self.sent(0)

    def test_what_cannot_be_hooked_is_said(self) -> None:
        class Slots:
            __slots__ = ()

            def update(self):
                return 1

        with self.assertLogs("ppo_bridge", "WARNING") as logs:
            for thing in (object(), None, 5, Slots()):
                self.assertFalse(self.hooked.hook_agent(thing, "agent_0"))
                self.assertFalse(self.hooked.hook_env(thing, "env_0"))
        said = "\n".join(logs.output)
        self.assertIn("nothing is hooked of a int; looked for methods sample_action, record_trade, update", said)
        self.assertIn("cannot hook update of a Slots", said)

    def test_coroutine_functions_are_seen_when_they_are_done(self) -> None:
        class Later:
            async def update(self):
                await asyncio.sleep(0)
                return {"policy_loss": 1.0}

        agent = Later()
        self.hooked.hook_agent(agent, "agent_0")
        self.assertEqual(asyncio.run(agent.update()), {"policy_loss": 1.0})
        self.sent(1)

    def test_hooked_agents_are_targets_of_commands(self) -> None:
        self.hooked.hook_agent(Agent(), "agent_7")
        self.hooked.publisher.on_command("pause", lambda command: {"agent": command.agent_id})
        wait_until(lambda: self.bridge.commands_of(self.source))
        reply = wait_until(lambda: self.bridge.ask("pause", self.source + "/agent_7").get("result"))
        self.assertEqual(reply, {"agent": "agent_7"})
        self.hooked.unhook_all()
        self.assertEqual(self.hooked.publisher.agents, [])


class Envs(HookTest):
    def test_trades_of_any_kind_of_values_are_told_as_they_were_done(self) -> None:
        """Those of plain values go another way than the others; their events are alike."""
        whip = {"type": "buy", "item": "50 % off %s", "price": 7, "quantity": 3}
        kinds = (
            (whip, {"profit": 0.0, "total_value": 21, "agent_id": "env_0"}),
            ({**whip, "price": 8, "pnl": -1.5}, {"price": 8, "profit": -1.5, "total_value": 24}),
            ({**whip, "profit": 2, "pnl": 9, "cost": 20}, {"profit": 2, "total_value": 20}),
            ({**whip, "total_value": 5, "cost": 20}, {"total_value": 5}),
            ({**whip, "agent_id": "b"}, {"agent_id": "b"}),
            ({**whip, "success": True}, {"total_value": 21}),
            ({**whip, "success": False}, None),
            ({**whip, "order": 4}, {"order": 4, "total_value": 21}),
            ({**whip, "price": numpy.float32(0.5)}, {"price": 0.5, "total_value": 1.5}),
            ({**whip, "price": math.nan}, {"price": None, "total_value": None}),
            ({**whip, "price": "7"}, {"price": "7", "total_value": 0}),
            ({**whip, "quantity": None}, {"quantity": 0, "total_value": 0}),
            ({**whip, "item": 4151}, {"item": "4151", "item_id": 4151}),
            ({"side": "sell", "item_name": "Coal", "price": 2, "quantity": 2}, {"action_type": "sell"}),
        )
        info = {"step_trades": [dict(each) for each, _ in kinds]}
        env = Env([(0, 0.0, False, info)] * 2)
        self.hooked.hook_env(env, "env_0")
        env.step(0)
        env.step(0)  # now the templates are known
        wanted = [told for _, told in kinds if told is not None]
        events = self.sent(2 * len(wanted), "trade_executed")
        for found, told in zip(events, wanted * 2):
            self.assertEqual({key: found[key] for key in told}, told)
        self.assertEqual(events[0]["item"], whip["item"])
        self.assertEqual(events[: len(wanted)], events[len(wanted) :])

    def test_steps_of_both_kinds_are_seen(self) -> None:
        trade = {"type": "buy", "item": "Coal", "price": 150, "quantity": 2}
        info = {
            "cash": 700,
            "total_value": numpy.int64(1000),
            "inventory": {"Coal": 2},
            "step_trades": [trade, Trade("sell", "Coal", 200, 1), None, 5, {}, {"item": "Coal"}],
            "realized_pnl": 50,
        }
        env = Env(
            [
                (numpy.zeros(3), 1.5, False, info),
                ({"prices": numpy.ones(2)}, numpy.float64(2.5), False, False, info),
                (numpy.zeros(3), numpy.array([1.0]), False, numpy.bool_(True), {}),
            ]
        )
        expected = list(env.results)
        self.hooked.hook_env(env, "env_0", "agent_0")
        env.reset(seed=1)
        for result in expected:
            self.assertIs(env.step(0), result)
        env.reset()
        self.hooked.publisher.flush(20)
        trades = self.sent_of("trade_executed", 4)
        self.assertEqual([t["action_type"] for t in trades], ["buy", "sell"] * 2)
        self.assertEqual(trades[0]["total_value"], 300)
        portfolios = self.sent_of("portfolio_update", 3)
        self.assertEqual(
            portfolios[1],
            {
                "agent_id": "agent_0",
                "gp": 700,
                "inventory": {"Coal": 2},
                "total_value": 1000,
                "inventory_value": 300,
                "realized_pnl": 50,
            },
        )
        self.assertEqual(
            self.sent_of("episode_end", 1),
            [
                {
                    "agent_id": "agent_0",
                    "episode": 1,
                    "steps": 3,
                    "length": 3,
                    "global_step": 3,
                    "reward": 5.0,
                    "reward_from": "steps",
                    "ended": "truncated",
                    "profit": 50,
                    "final_value": 1000,
                }
            ],
        )

    def test_portfolios_of_any_kind_of_values_are_told_alike(self) -> None:
        nan = float("nan")
        held = {'a "b"': 1, "nested": {"n": [1, {}]}, "none": nan}
        infos = (
            {"cash": 1, "total_value": 2.5, "realized_pnl": -0.5, "inventory": {"Coal": 1}},
            {"cash": 1, "total_value": 2.5, "inventory": {"Coal": 1}, "inventory_value": 7},
            {"cash": 1, "total_value": 2, "inventory": held},
            {"cash": nan, "total_value": 2, "inventory": {"Coal": 1}},
            {"cash": 1, "total_value": 10**20, "agent_id": "b"},
            {"total_value": 3},
        )
        env = Env([(0, 0.0, False, info) for info in infos])
        self.hooked.hook_env(env, "env_0", "a")
        for _ in infos:
            env.step(0)
        got = self.sent(len(infos))
        coal = {"agent_id": "a", "gp": 1, "inventory": {"Coal": 1}, "total_value": 2.5}
        self.assertEqual(got[0], {**coal, "inventory_value": 1.5, "realized_pnl": -0.5})
        self.assertEqual(got[1], {**coal, "inventory_value": 7})
        self.assertEqual(got[2]["inventory"], {**held, "none": None})
        self.assertEqual((got[3]["gp"], got[3]["inventory"]), (None, {"Coal": 1}))
        big = {"agent_id": "b", "gp": 1, "total_value": 10**20, "inventory_value": 10**20 - 1}
        self.assertEqual(got[4:], [big, {"agent_id": "b", "total_value": 3}])

    def test_infos_of_other_names_and_kinds_are_told_as_they_come(self) -> None:
        usual = {"cash": 1, "total_value": 2, "inventory": {"Coal": 1}, "realized_pnl": 1}
        told = {"agent_id": "a", "gp": 1, "inventory": {"Coal": 1}, "total_value": 2, "inventory_value": 1}
        known = {**told, "realized_pnl": 1}
        left_out = {"cash": 6, "total_value": 7, "inventory": {"Coal": 1}}
        expected: tuple = (
            (usual, known),
            (usual, None),
            ({**usual, "cash": 0}, {**known, "gp": 0, "inventory_value": 2}),
            ({**left_out, "lives": 3}, {**told, "gp": 6, "total_value": 7}),
            ({**left_out, "inventory_value": 5}, {**told, "gp": 6, "total_value": 7, "inventory_value": 5}),
            ({**usual, "realized_pnl": None}, told),
            ({**usual, "lives": 3}, known),
            ({**usual, "lives": 2}, None),
            ({**usual, "realized_pnl": 4, "lives": 1}, {**known, "realized_pnl": 4}),
            ({**usual, "agent_id": "b"}, {**known, "agent_id": "b"}),
            ({**usual, "total_value": 0.5}, {**known, "agent_id": "b", "total_value": 0.5, "inventory_value": -0.5}),
            ({**usual, "cash": 10**400, "total_value": 2.5}, {**known, "agent_id": "b", "gp": 10**400,
              "total_value": 2.5, "inventory_value": None}),
            ({**usual, "inventory": numpy.ones(2)}, {"agent_id": "b", "gp": 1, "total_value": 2,
              "inventory_value": 1, "realized_pnl": 1}),
            (usual, {**known, "agent_id": "b"}),
        )
        env = Env([(0, 0.0, info is expected[-1][0], dict(info)) for info, _ in expected])
        self.hooked.hook_env(env, "env_0", "a")
        for _ in expected:
            env.step(0)
        events = [told for _, told in expected if told is not None]
        self.assertEqual(self.sent(len(events), "portfolio_update"), events)

    def test_the_profit_of_an_episode_is_that_of_its_last_step(self) -> None:
        usual = {"cash": 1, "total_value": 2, "inventory": {}, "realized_pnl": 1}
        infos = usual, {**usual, "realized_pnl": 5, "total_value": 9}, usual, usual, {}
        env = Env([(0, 0.0, n in (1, 3, 4), dict(info)) for n, info in enumerate(infos)])
        self.hooked.hook_env(env, "env_0", "a")
        for _ in infos:
            env.step(0)
        ends = [(e.get("profit"), e.get("final_value")) for e in self.sent(3, "episode_end")]
        self.assertEqual(ends, [(5, 9), (1, 2), (None, None)])

    def test_an_inventory_that_changes_in_place_is_seen(self) -> None:
        inventory = {"Coal": 1, "Rune": {"bought": 1}}
        results = [(0, 0.0, False, {"gp": 5, "inventory": inventory}) for _ in range(5)]
        env = Env(results)
        self.hooked.hook_env(env, "env_0")
        env.step(0)
        env.step(0)
        inventory["Coal"] = 2
        env.step(0)
        inventory["Rune"]["bought"] = 2
        env.step(0)
        env.step(0)
        coals = [(p["inventory"]["Coal"], p["inventory"]["Rune"]["bought"]) for p in self.sent(3)]
        self.assertEqual(coals, [(1, 1), (2, 1), (2, 2)])

    def test_dict_observations_say_what_info_leaves_out(self) -> None:
        env = Env([({"gp": 5, "inventory": {"Coal": 1}, "item": "Coal"}, 0.0, False, None)])
        self.hooked.hook_env(env, "env_0")
        env.step(0)
        self.assertEqual(self.sent(1), [{"agent_id": "env_0", "gp": 5, "inventory": {"Coal": 1}}])

    def test_nothing_that_a_step_returns_or_raises_disturbs(self) -> None:
        results = [
            None,
            (),
            5,
            (None, None, None, None),
            (None, "high", [], {}, "info"),
            (0, float("nan"), False, {"cash": "much", "inventory": [1], "step_trades": 3}),
            (0, numpy.zeros(4), numpy.zeros(4, bool), [{}] * 4),
            (0, 1.0, False, {"cash": None, "total_value": None, "step_trades": None}),
        ]
        env = Env([*results, ValueError("bad action")])
        self.hooked.hook_env(env, "env_0")
        for result in results:
            self.assertIs(env.step(0), result)
        with self.assertRaisesRegex(ValueError, "bad action"):
            env.step(0)
        self.sent(0)
        self.assertEqual(self.hooked.stats.failed, 0)

    def test_a_result_with_a_discount_is_not_taken_for_one_with_an_end(self) -> None:
        """dm_env's, where the third of four is 1.0 until the end."""
        result = collections.namedtuple("TimeStep", "step_type reward discount observation")(1, 0.5, 1.0, {"cash": 5})
        env = Env([result, result])
        self.hooked.hook_env(env, "env_0")
        self.assertIs(env.step(0), result)
        env.step(0)
        self.sent(0)
        self.assertEqual(self.hooked.stats.unrecognised, 2)

    def test_unhooked_environments_are_as_before(self) -> None:
        env = Env([(0, 0.0, True, {})])
        before = list(vars(env))
        self.hooked.hook_env(env, "env_0")
        self.hooked.unhook_env("env_0")
        self.assertEqual(list(vars(env)), before)
        env.step(0)
        self.sent(0)


if __name__ == "__main__":
    unittest.main()
