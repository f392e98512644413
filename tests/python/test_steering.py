"""Steering: one loop and what an operator does to it, over the real bridge."""

from __future__ import annotations

import threading
import time
import types
import unittest
from typing import Any

from ppo_bridge import Steering
from ppo_bridge.tensorboard import SummaryWriter
from support import BridgeTest, wait_until


class Optimizer:
    """As torch's: groups of parameters, each with its rate."""

    def __init__(self, *rates: float) -> None:
        self.param_groups = [{"params": [], "lr": rate} for rate in rates]

    def load_state_dict(self, rates: list) -> None:
        self.param_groups = [{"params": [], "lr": rate} for rate in rates]


class Tensor:
    """As a rate that a captured graph holds."""

    def __init__(self, value: float) -> None:
        self.value = value

    def item(self) -> float:
        return self.value

    def fill_(self, value: float) -> None:
        self.value = value


class SteeringTest(BridgeTest):
    def setUp(self) -> None:
        self.source = self.id().split(".")[-1][-60:]
        self.to = self.publisher(self.source, system_metrics_s=0)

    def ask(self, steering: Any, command: str, agent: str = "", **params: Any) -> dict:
        """The reply, while the loop goes on."""
        steps = steering if isinstance(steering, list) else [steering]
        wait_until(lambda: command in self.bridge.commands_of(self.source))
        replies: list = []
        target = self.source + ("/" + agent if agent else "")
        asking = threading.Thread(
            target=lambda: replies.append(self.bridge.ask(command, target, **params))
        )
        asking.start()
        while asking.is_alive():
            for each in steps:
                each.step()
            asking.join(0.005)
        return replies[0]

    def set(self, steering: Any, name: str, value: Any, agent: str = "") -> Any:
        """The result, or why not."""
        reply = self.ask(steering, "set_hyperparameter", agent, name=name, value=value)
        return reply["result"] if reply.get("success") else reply["data"]["message"]


class Commands(SteeringTest):
    def test_a_loop_is_paused_resumed_and_stopped(self) -> None:
        steering = Steering(self.to)
        self.assertTrue(steering.step(7))
        self.assertEqual(steering.steps, 7)
        steps: list = []

        def operate() -> None:
            wait_until(lambda: "pause" in self.bridge.commands_of(self.source))
            self.assertTrue(self.bridge.ask("pause", self.source)["success"])
            wait_until(lambda: self.bridge.source(self.source).get("activity") == "paused")
            steps.append(steering.steps)
            self.assertEqual(self.bridge.ask("get_hyperparameters", self.source)["result"]["step"], steps[0])
            self.bridge.ask("resume", self.source)
            wait_until(lambda: self.bridge.source(self.source).get("activity") == "running")
            steps.append(steering.steps)
            self.bridge.ask("stop", self.source)

        operator = threading.Thread(target=operate)
        operator.start()
        while steering.step():
            pass
        operator.join()
        self.assertEqual(len(steps), 2)
        self.assertFalse(steering.step())

    def test_a_checkpoint_says_where_it_is_or_why_there_is_none(self) -> None:
        plain = Steering(self.to)
        self.assertNotIn("checkpoint", plain._router._commands)
        steering = Steering(self.to, checkpoint=lambda step: "/tmp/at_%d.pt" % step)
        steering.step(41)
        wait_until(lambda: "checkpoint" in self.bridge.commands_of(self.source))
        reply = self.ask(steering, "checkpoint")["result"]
        self.assertEqual(reply["path"], "/tmp/at_%d.pt" % reply["step"])

        def full() -> None:
            raise OSError("no space left")

        steering = Steering(self.to, checkpoint=full)
        self.assertIn("no space left", self.ask(steering, "checkpoint")["data"]["message"])
        self.assertTrue(steering.step())

    def test_a_publisher_without_commands_is_steered_by_nobody(self) -> None:
        quiet = self.publisher("quiet", control="")
        steering = Steering(quiet)
        self.assertTrue(steering.step())
        steering.stop()
        self.assertFalse(steering.step())

    def test_closing_the_publisher_ends_a_pause(self) -> None:
        steering = Steering(self.to)
        steering.pause()
        self.to.close()
        self.assertTrue(steering.step())


class Values(SteeringTest):
    def test_what_is_wrong_is_rejected_and_changes_nothing(self) -> None:
        args = types.SimpleNamespace(clip=0.2, epochs=4, norm=True, mode="a", note="x")
        steering = Steering(self.to)
        steering.parameter("clip", args, min=0, max=1)
        steering.parameter("epochs", args, min=1, max=10)
        steering.parameter("norm", args)
        steering.parameter("mode", args, choices=["a", "b"])
        steering.parameter("note", args)
        steering.parameter("target", get=lambda: 3.5, why_fixed="the model learns it")
        before = vars(args).copy()
        for name, value, message in (
            ("lr", 1, "name is 'lr'; must be one of clip, epochs, norm, mode, note"),
            (5, 1, "name is 5"),
            (None, 1, "name is None"),
            ("clip", 2, "clip is 2; must be 0..1"),
            ("clip", True, "clip is True; must be 0..1"),
            ("clip", None, "clip is None"),
            ("clip", "0.1", "clip is '0.1'"),
            ("clip", [0.1], "clip is [0.1]"),
            ("epochs", 2.5, "epochs is 2.5; must be 1..10"),
            ("epochs", 0, "epochs is 0; must be 1..10"),
            ("norm", 1, "norm is 1; must be true or false"),
            ("mode", "c", "mode is 'c'; must be one of a, b"),
            ("note", 1, "note is 1; must be a text"),
            ("note", "x" * 300, "must be a text of at most 256"),
            ("target", 1, "it cannot be set, for the model learns it; must be one of clip"),
        ):
            self.assertIn(message, self.set(steering, name, value))
        self.assertEqual(vars(args), before)

    def test_every_kind_is_set_and_keeps_its_type(self) -> None:
        args = types.SimpleNamespace(clip=0.2, epochs=4, norm=True)
        table = {"mode": "a"}
        steering = Steering(self.to)
        steering.parameter("clip", args, min=0, max=1, also=["clip_coef"])
        steering.parameter("epochs", args, min=1, max=10)
        steering.parameter("norm", args)
        steering.parameter("way", table, key="mode", choices=["a", "b"])
        steering.parameter("temperature", value=1.0, min=0)
        self.assertEqual(self.set(steering, "clip_coef", 1)["clip_coef"], 1.0)
        self.set(steering, "epochs", 5.0)
        self.set(steering, "norm", False)
        self.set(steering, "way", "b")
        self.set(steering, "temperature", 2)
        self.assertEqual((args.clip, args.epochs, args.norm), (1.0, 5, False))
        self.assertEqual([type(v) for v in vars(args).values()], [float, int, bool])
        self.assertEqual((table, steering["temperature"]), ({"mode": "b"}, 2.0))
        values = self.ask(steering, "get_hyperparameters")["result"]
        values.pop("step")
        expected = {"clip": 1.0, "epochs": 5, "norm": False, "way": "b", "temperature": 2.0}
        self.assertEqual(values, expected)

    def test_what_reads_back_as_something_else_is_rejected_and_put_back(self) -> None:
        class Stubborn:
            rate = property(lambda self: 0.5, lambda self, value: None)

        kept = {"value": 1.0}

        def broken(value: float) -> None:
            kept["value"] = value
            if value != 1.0:
                raise RuntimeError("not now")

        steering = Steering(self.to)
        steering.parameter("rate", Stubborn(), min=0)
        steering.parameter("broken", get=lambda: kept["value"], set=broken)
        self.assertIn("was set to 0.25 and is 0.5", self.set(steering, "rate", 0.25))
        self.assertIn("broken stays 1.0: not now", self.set(steering, "broken", 3))
        self.assertEqual(kept["value"], 1.0)

    def test_declared_parameters_reach_those_who_watch(self) -> None:
        args = types.SimpleNamespace(clip=0.2, mode="a", inf=float("inf"))
        steering = Steering(self.to, Optimizer(1e-3))
        steering.parameter("clip", args, min=0, max=1, unit="ratio")
        steering.parameter("mode", args, choices=("a", "b"))
        steering.parameter("inf", args)
        told: list = []
        self.to.set_parameters = lambda found: told.append(found)
        steering.step()
        expected = [
            {"name": "learning_rate", "value": 1e-3, "kind": "number", "min": 0.0, "max": 10.0},
            {"name": "clip", "value": 0.2, "kind": "number", "min": 0, "max": 1, "unit": "ratio"},
            {"name": "mode", "value": "a", "kind": "choice", "choices": ["a", "b"]},
            {"name": "inf", "value": None, "kind": "number"},
        ]
        self.assertEqual(told, [expected])
        args.clip = 0.1  # the script's own doing
        steering._tell_at = 0
        steering.step()
        self.assertEqual(told[1][1]["value"], 0.1)
        steering._tell_at = 0
        steering.step()
        self.assertEqual(len(told), 2)

    def test_bad_declarations_are_refused(self) -> None:
        steering = Steering(self.to)
        for name in ("", "step", "a b", None, "x" * 65):
            self.assertRaises(ValueError, steering.parameter, name, value=1.0)
        for n in range(64):
            steering.parameter("p%d" % n, value=1.0)
        self.assertRaisesRegex(ValueError, "more than 64", steering.parameter, "q", value=1.0)
        for lr in (1e-3, "lr", (1, 2, 3)):
            self.assertRaisesRegex(TypeError, "lr is", Steering, self.to, lr=lr)
        self.assertRaisesRegex(TypeError, "must have param_groups", Steering, self.to, object())


class Rates(SteeringTest):
    def test_a_rate_that_was_set_stays_whatever_a_schedule_does(self) -> None:
        optimizer = Optimizer(1e-3, 1e-3)
        steering = Steering(self.to, optimizer)
        self.assertEqual(self.set(steering, "learning_rate", 0.5)["learning_rate"], 0.5)
        optimizer.load_state_dict([1e-3, 1e-3])
        optimizer.param_groups[0]["lr"] = 1e-3
        steering.step()
        self.assertEqual([group["lr"] for group in optimizer.param_groups], [0.5, 0.5])

    def test_the_rate_of_a_script_s_own_schedule_is_set_where_it_is_kept(self) -> None:
        args, optimizer = types.SimpleNamespace(learning_rate=1e-3), Optimizer(1e-3)
        steering = Steering(self.to, optimizer, lr=(args, "learning_rate"))
        self.set(steering, "lr", 0.5)
        self.assertEqual((args.learning_rate, optimizer.param_groups[0]["lr"]), (0.5, 0.5))
        optimizer.param_groups[0]["lr"] = 0.9 * args.learning_rate
        steering.step()
        self.assertEqual(optimizer.param_groups[0]["lr"], 0.45)

    def test_groups_and_optimizers_with_other_rates_are_set_apart(self) -> None:
        actor, critic = Optimizer(3e-4), Optimizer(1e-3, 3e-4)
        steering = Steering(self.to, [actor, critic])
        self.set(steering, "learning_rate_2", 0.5)
        self.set(steering, "learning_rate", 0.25)
        rates = [group["lr"] for each in (actor, critic) for group in each.param_groups]
        self.assertEqual(rates, [0.25, 0.5, 0.25])
        steering = Steering(self.to, {"actor": actor, "critic": critic})
        self.set(steering, "actor_learning_rate", 0.125)
        self.assertEqual(actor.param_groups[0]["lr"], 0.125)
        self.assertIn("must be 0.0..10.0", self.set(steering, "critic_learning_rate", 11))

    def test_a_setter_and_a_tensor(self) -> None:
        given: list = []
        self.set(Steering(self.to, lr=given.append), "learning_rate", 0.5)
        self.assertEqual(given, [0.5])
        rate = Tensor(1e-3)
        optimizer = Optimizer(rate)
        self.set(Steering(self.to, optimizer), "learning_rate", 0.5)
        self.assertIs(optimizer.param_groups[0]["lr"], rate)
        self.assertEqual(rate.value, 0.5)


class Agents(SteeringTest):
    def test_each_agent_is_steered_by_its_name_and_all_without_one(self) -> None:
        self.to.set_agents(["a", "b"])
        both = [Steering(self.to, agent_id=agent) for agent in ("a", "b")]
        for steering in both:
            steering.parameter("clip", value=0.2, min=0, max=1)
        both[1].parameter("only_b", value=1.0)
        wait_until(lambda: self.bridge.source(self.source).get("agents"))
        self.assertEqual(self.set(both, "clip", 0.5, "a")["clip"], 0.5)
        self.assertEqual([s["clip"] for s in both], [0.5, 0.2])
        self.assertEqual(set(self.set(both, "clip", 0.75)["agents"]), {"a", "b"})
        self.assertEqual([s["clip"] for s in both], [0.75, 0.75])
        message = self.set(both, "only_b", 2)
        self.assertIn("a: name is 'only_b'", message)
        self.assertIn("done for b", message)
        both[0].close()
        self.assertIn("clip", self.ask(both[1:], "get_hyperparameters")["result"])
        self.assertIn("must be one of b", self.set(both[1:], "clip", 1, "a"))


class CleanRl(SteeringTest):
    def test_a_script_of_cleanrl_s_shape_is_steered(self) -> None:
        args = types.SimpleNamespace(learning_rate=1e-3, clip_coef=0.2, ent_coef=0.01)
        optimizer = Optimizer(args.learning_rate)
        writer = SummaryWriter("runs/CartPole-v1__ppo__1", publisher=self.to)
        steering = Steering(
            writer.publisher, optimizer, lr=(args, "learning_rate"), checkpoint=lambda step: "step_%d.pt" % step
        )
        steering.parameter("clip_coef", args, min=0, max=1, also=["clip_range"])
        steering.parameter("ent_coef", args, min=0, max=1, also=["entropy_coefficient"])
        replies: list = []

        def operate() -> None:
            wait_until(lambda: "checkpoint" in self.bridge.commands_of(self.source))
            for name, value in (("learning_rate", 0.5), ("clip_range", 0.125), ("entropy_coefficient", 0.25)):
                replies.append(self.bridge.ask("set_hyperparameter", self.source, name=name, value=value))
            for command in ("checkpoint", "pause", "resume", "stop"):
                replies.append(self.bridge.ask(command, self.source))

        operator = threading.Thread(target=operate)
        operator.start()
        global_step = iteration = 0
        going_on = True
        while going_on:
            iteration += 1
            optimizer.param_groups[0]["lr"] = args.learning_rate / (1 + iteration % 2)  # a schedule
            for _ in range(8):
                global_step += 4
                going_on = going_on and steering.step(global_step)
            writer.add_scalar("charts/learning_rate", optimizer.param_groups[0]["lr"], global_step)
            time.sleep(0.001)
        writer.close()
        operator.join()
        self.assertEqual([r.get("success") for r in replies], [True] * 7, replies)
        self.assertEqual(vars(args), {"learning_rate": 0.5, "clip_coef": 0.125, "ent_coef": 0.25})
        self.assertEqual(replies[3]["result"]["path"], "step_%d.pt" % replies[3]["result"]["step"])
        self.to.flush(20)
        rates = [e["data"]["value"] for e in self.bridge.events("scalar", self.source)]
        self.assertIn(rates[-1], (0.5, 0.25))

        def declared() -> dict:
            found = self.bridge.source(self.source).get("parameters", [])
            return {p["name"]: p["value"] for p in found if p["name"] != "learning_rate"}

        wait_until(lambda: declared() == {"clip_coef": 0.125, "ent_coef": 0.25})


if __name__ == "__main__":
    unittest.main()
