"""The SummaryWriter: every tag is a curve, and torch's surface is all there."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import types
import unittest
from typing import Any
from unittest import mock

import numpy
from ppo_bridge.tensorboard import SummaryWriter
from support import PublishedTest, wait_until


class TorchWriter:
    """As torch.utils.tensorboard's."""

    made: list = []

    def __init__(self, log_dir: Any = None, comment: str = "", **kwargs: Any) -> None:
        self.log_dir = log_dir or "runs/made-up" + comment
        self.calls: list = []
        self.made.append((self, kwargs))
        self.file_writer = self

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("add_") and name not in ("flush", "close"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs))


def with_torch(writer: Any = TorchWriter) -> Any:
    names = ("torch", "torch.utils", "torch.utils.tensorboard")
    modules: dict = {name: types.ModuleType(name) for name in names}
    modules["torch.utils.tensorboard"].SummaryWriter = writer
    return mock.patch.dict(sys.modules, modules)


class Curves(PublishedTest):
    def test_a_script_of_cleanrl_s_streams(self) -> None:
        writer = SummaryWriter("runs/CartPole-v1__ppo__1__170", publisher=self.to)
        args = {"exp_name": "ppo", "seed": 1, "learning_rate": 2.5e-4, "track": False, "target_kl": None}
        args["wandb_api_key"] = "k1|k2"
        rows = "\n".join("|%s|%s|" % item for item in args.items())
        writer.add_text("hyperparameters", "|param|value|\n|-|-|\n" + rows)
        logged = [
            ("charts/episodic_return", numpy.array([21.5], "float32"), 128),
            ("charts/episodic_length", numpy.array([22]), 128),
            ("charts/episodic_return", 3.0, 128),
            ("charts/episodic_length", 3, 128),
            ("charts/episodic_return", 5.0, 130),
            ("charts/learning_rate", 2.5e-4, 256),
            ("losses/value_loss", numpy.float64(0.5), 256),
            ("losses/policy_loss", float("nan"), 256),
            ("losses/entropy", 0.625, 256),
            ("losses/old_approx_kl", 0.01, 256),
            ("losses/approx_kl", 0.02, 256),
            ("losses/clipfrac", 0.25, 256),
            ("losses/explained_variance", float("-inf"), 256),
            ("charts/SPS", 1000, 256),
            ("gradients/norm", 0.75, 256),
        ]
        for each in logged:
            writer.add_scalar(*each)
        writer.close()
        agent = {"agent_id": "agent_0"}
        expected = []
        for tag, value, step in logged:
            value = float(numpy.asarray(value).item())
            expected.append((tag, value if numpy.isfinite(value) else None, step))
        self.assertEqual(self.scalars(), expected)
        train = {**agent, "kind": "train"}
        self.assertEqual(
            self.events("episode_end"),
            [
                {**train, "episode": 1, "global_step": 128, "reward": 21.5, "length": 22, "steps": 22},
                {**train, "episode": 2, "global_step": 128, "reward": 3.0, "length": 3, "steps": 3},
                {**train, "episode": 3, "global_step": 130, "reward": 5.0},
            ],
        )
        update = {"learning_rate": 2.5e-4, "value_loss": 0.5, "policy_loss": None, "entropy": 0.625}
        update.update(old_approx_kl=0.01, approx_kl=0.02, clip_fraction=0.25, explained_variance=None)
        update.update(steps_per_second=1000, update=1, steps=256)
        self.assertEqual(self.events("training_update"), [{**agent, **update}])
        self.assertEqual(self.events("run_started")[0]["name"], "CartPole-v1__ppo__1__170")
        self.assertEqual(self.events("run_config")[0]["config"], {**args, "wandb_api_key": "***"})
        text = self.events("text")[0]
        self.assertEqual(text["tag"], "hyperparameters")
        self.assertEqual(text["text"].splitlines()[2:], (rows.replace("k1|k2", "***")).splitlines())
        self.assertEqual(self.events("run_ended"), [{"state": "finished"}])

    def test_cleanrl_s_dqn_and_sac(self) -> None:
        writer = SummaryWriter("runs/sac", publisher=self.to)
        logged = [("charts/episodic_return", numpy.float32(9.0), 41), ("charts/episodic_length", 41, 41)]
        logged += [("losses/td_loss", 0.5, 100), ("losses/q_values", 1.25, 100), ("charts/SPS", 250, 100)]
        for name in ("qf1_values", "qf2_values", "qf1_loss", "qf2_loss", "qf_loss", "actor_loss", "alpha"):
            logged.append(("losses/" + name, 0.125, 200))
        logged += [("losses/alpha_loss", -1.5, 200), ("charts/SPS", 260, 200)]
        for each in logged:
            writer.add_scalar(*each)
        writer.close()
        self.assertEqual(self.scalars(), [(tag, float(value), step) for tag, value, step in logged])
        (episode,) = self.events("episode_end")
        self.assertEqual((episode["reward"], episode["length"], episode["global_step"]), (9, 41, 41))
        speeds = [(u["steps"], u["steps_per_second"]) for u in self.events("training_update")]
        self.assertEqual(speeds, [(100, 250), (200, 260)])

    def test_means_and_evaluations_are_no_episodes(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        for tag in ("rollout/ep_rew_mean", "eval/episodic_return", "eval/episode_reward", "mean_episode_reward"):
            writer.add_scalar(tag, 1.0, 5)
        writer.close()
        self.assertEqual(self.events("episode_end"), [])
        self.assertEqual(len(self.scalars()), 4)

    def test_two_agents_updates_in_one_step(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        for step in (1, 2):
            writer.add_scalar("a/policy_loss", 0.25, step)
            writer.add_scalar("b/policy_loss", 0.5, step)
        writer.add_scalar("a/policy_loss", 0.125, 2)
        writer.close()
        self.assertEqual([u["policy_loss"] for u in self.events("training_update")], [0.25, 0.25, 0.125])
        self.assertEqual(len(self.scalars()), 5)

    def test_threads_that_share_a_writer_do_not_mix_up_their_steps(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        interval = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-6)

        def log(first: int) -> None:
            for step in range(first, 8000, 4):
                writer.add_scalar("losses/policy_loss", step / 2, step)
                writer.add_scalar("charts/episodic_return", step / 4, step)

        threads = [threading.Thread(target=log, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writer.close()
        updates = sorted((u["steps"], u["policy_loss"]) for u in self.events("training_update"))
        self.assertEqual(updates, [(step, step / 2) for step in range(8000)])
        ends = sorted((e["global_step"], e["reward"]) for e in self.events("episode_end"))
        self.assertEqual(ends, [(step, step / 4) for step in range(8000)])

    def test_a_child_has_nothing_of_what_its_parent_gathered(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        writer.add_scalar("losses/policy_loss", 0.5, 1)
        held, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            with writer._curves._lock:
                held.set()
                let_go.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # should it hang
            writer.add_scalar("losses/policy_loss", 0.25, 2)
            writer.flush()
            self.to.flush(10)
            os._exit(0)
        let_go.set()
        thread.join()
        os.waitpid(child, 0)
        source = "%s.%d" % (self.source, child)
        wait_until(lambda: self.bridge.events("training_update", source), "for the child's")
        (update,) = self.bridge.events("training_update", source)
        self.assertEqual((update["data"]["policy_loss"], update["data"]["steps"]), (0.25, 2))

    def test_what_is_no_number_costs_no_event(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        writer.add_scalar(None, object(), "never")
        writer.add_scalar("flag", True, 1)
        writer.add_scalar("flag", numpy.bool_(True), 2)
        writer.add_scalar("text", "0.5", numpy.int64(2))
        writer.add_scalars("loss", {"a": 1, "b": 2.5}, 3)
        writer.add_scalars("loss", None, 3)
        writer.add_histogram("h", object(), 3)
        writer.close()
        expected = [("None", None, None), ("flag", 1, 1), ("flag", 1, 2), ("text", None, 2), ("loss/a", 1, 3)]
        self.assertEqual(self.scalars(), [*expected, ("loss/b", 2.5, 3)])
        self.assertEqual((self.to.stats().refused, self.to.stats().nulled), (2, 2))

    def test_walltime_is_the_event_s_time(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        then = 1_234_567
        writer.add_scalar("a", 1, 1, then + 0.5)
        writer.add_scalar("b", 1, 1, walltime=then + 1.5)
        writer.add_text("c", "d", 1, then + 2.5)
        self.to.flush(20)
        events = self.bridge.wait_events(4, None, self.source)
        self.assertEqual([e["source_timestamp"] - then for e in events[1:]], [0.5, 1.5, 2.5])


class Surface(PublishedTest):
    def test_histograms_are_quantiles(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        writer.add_histogram("h", numpy.arange(101.0).reshape(1, 101), 3)
        writer.add_histogram("gaps", [1.0, float("nan"), 3.0], 3)
        writer.add_histogram("empty", [], 3)
        writer.add_histogram_raw("raw", 0.0, 8.0, 8, 32.0, 200.0, [4.0, 1.8e308], [4, 4], 3)
        with mock.patch.dict(sys.modules, {"numpy": None}):
            writer.add_histogram("list", [[0, 1], [2, 3, 4]], 3)
        writer.close()
        found = {h.pop("tag"): h for h in self.events("histogram")}
        common = {"agent_id": "agent_0", "step": 3}
        h = {"count": 101, "min": 0, "p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "max": 100}
        self.assertEqual(found["h"], {**common, **h, "mean": 50})
        self.assertEqual(found["gaps"]["not_finite"], 1)
        self.assertEqual((found["gaps"]["count"], found["gaps"]["mean"]), (2, 2))
        self.assertEqual(found["empty"], {**common, "count": 0})
        self.assertEqual((found["raw"]["p25"], found["raw"]["p50"], found["raw"]["p75"]), (2, 4, 6))
        self.assertEqual((found["raw"]["count"], found["raw"]["mean"], found["raw"]["max"]), (8, 4, 8))
        self.assertEqual((found["list"]["p25"], found["list"]["mean"]), (1, 2))

    def test_hyperparameters_are_the_config(self) -> None:
        writer = SummaryWriter("runs/x", publisher=self.to)
        writer.add_hparams({"lr": 0.1, "bsize": 1}, {"hparam/accuracy": 0.5}, run_name="r", global_step=4)
        writer.add_text("notes", "|a|b|\n|-|-|\n|c|d|")
        writer.close()
        self.assertEqual([c["config"] for c in self.events("run_config")], [{"lr": 0.1, "bsize": 1}])
        self.assertEqual(self.scalars(), [("hparam/accuracy", 0.5, 4)])

    def test_a_log_dir_is_made_up_as_torch_does_and_nothing_is_written(self) -> None:
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                writer = SummaryWriter(
                    comment="_mine", purge_step=3, max_queue=1, flush_secs=1, filename_suffix="s", publisher=self.to
                )
                self.assertRegex(writer.log_dir, r"^runs/[A-Z][a-z]{2}\d\d_\d\d-\d\d-\d\d_.*_mine$")
                self.assertEqual(writer.get_logdir(), writer.log_dir)
                for name in "image images figure video audio graph embedding pr_curve mesh tensor".split():
                    getattr(writer, "add_" + name)("tag", object(), 5, more=1)
                self.assertIsNone(writer.file_writer)
                given = (writer.purge_step, writer.max_queue, writer.flush_secs, writer.filename_suffix)
                self.assertEqual((given, writer.default_bins), ((3, 1, 1, "s"), []))
                self.assertRaises(AttributeError, getattr, writer, "no_such_thing")
                with writer as same:
                    self.assertIs(same, writer)
                    writer.flush()
                self.assertEqual(os.listdir(folder), [])
            finally:
                os.chdir(before)
        name = self.events("run_started")[0]["name"]
        self.assertEqual(name, os.path.basename(writer.log_dir))

    def test_what_is_left_out_is_said_once(self) -> None:
        from ppo_bridge import _curves

        _curves._noted.clear()
        writer = SummaryWriter("runs/x", publisher=self.to)
        with self.assertLogs("ppo_bridge", "WARNING") as logs:
            writer.add_image("a", 1)
            writer.add_image("b", 2)
        self.assertEqual(len(logs.output), 1)
        self.assertIn("add_image has no event", logs.output[0])

    def test_torch_s_own_writer_is_written_to_and_is_what_isinstance_says(self) -> None:
        with with_torch():
            writer = SummaryWriter("runs/x", publisher=self.to, flush_secs=5)
        inner, kwargs = TorchWriter.made[-1]
        self.assertEqual(kwargs, {"flush_secs": 5})
        self.assertIsInstance(writer, TorchWriter)
        self.assertIsInstance(writer, SummaryWriter)
        self.assertIs(writer.file_writer, inner)
        writer.add_scalar("losses/entropy", 1.0, 5, new_style=True)
        writer.add_scalar("b", 1.0, walltime=7.5)
        writer.add_image("i", 3, dataformats="HW")
        writer.add_hparams({"a": 1}, {"b": 2})
        writer.add_histogram("h", [1.0], 1, bins="auto")
        writer.close()
        self.assertEqual(
            inner.calls,
            [
                ("add_scalar", ("losses/entropy", 1.0, 5), {"new_style": True}),
                ("add_scalar", ("b", 1.0, None, 7.5), {}),
                ("add_image", ("i", 3), {"dataformats": "HW"}),
                ("add_hparams", ({"a": 1}, {"b": 2}), {}),
                ("add_histogram", ("h", [1.0], 1, "auto"), {}),
                ("close", (), {}),
            ],
        )

    def test_a_folder_that_cannot_be_written_stops_nothing(self) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise PermissionError("runs is read-only")

        with with_torch(refuse), self.assertLogs("ppo_bridge", "WARNING"):
            writer = SummaryWriter("runs/x", publisher=self.to)
        writer.add_scalar("a", 1.0, 5)
        writer.close()
        self.assertEqual(self.scalars(), [("a", 1.0, 5)])


class Ends(PublishedTest):
    def test_how_the_run_ended(self) -> None:
        for error, state in (
            (None, "finished"),
            (RuntimeError("diverged"), "crashed"),
            (KeyboardInterrupt(), "interrupted"),
            (SystemExit(0), "finished"),
            (SystemExit(3), "crashed"),
            (StopIteration(), {"with": "crashed", "finally": "finished"}),  # by which generators end
        ):
            for how in ("with", "finally"):
                writer = SummaryWriter("runs/%s" % how, publisher=self.to)
                try:
                    if how == "with":
                        with writer:
                            if error is not None:
                                raise error
                    else:
                        try:
                            if error is not None:
                                raise error
                        finally:
                            writer.close()
                except BaseException:
                    pass
                ended = self.events("run_ended")[-1]
                expected = state[how] if isinstance(state, dict) else state
                self.assertEqual(ended["state"], expected, (error, how))
        self.assertEqual(len(self.events("run_ended")), 12)
        self.assertIn("diverged", self.events("error")[0]["message"])

    def test_a_crash_loses_nothing_that_was_gathered(self) -> None:
        writer = SummaryWriter("runs/a", publisher=self.to)
        writer.add_scalar("charts/episodic_return", 21.5, 40)
        writer.add_scalar("losses/value_loss", 0.5, 40)
        self.to.end_run("crashed", ValueError("boom"))
        self.assertEqual([e["reward"] for e in self.events("episode_end")], [21.5])
        self.assertEqual([e["value_loss"] for e in self.events("training_update")], [0.5])
        self.assertEqual(self.bridge.events(None, self.source)[-1]["type"], "run_ended")

    def test_writers_of_two_agents_have_a_run_each(self) -> None:
        writers = [SummaryWriter("runs/" + a, publisher=self.to, agent_id=a) for a in ("a", "b")]
        for writer in writers:
            writer.add_scalar("x", 1.0, 1)
            writer.close()
        started = [(r["name"], r["agent_id"]) for r in self.events("run_started")]
        self.assertEqual(started, [("a", "a"), ("b", "b")])
        self.assertEqual([r["agent_id"] for r in self.events("run_ended")], ["a", "b"])
        self.assertEqual([s["agent_id"] for s in self.events("scalar")], ["a", "b"])


if __name__ == "__main__":
    unittest.main()
