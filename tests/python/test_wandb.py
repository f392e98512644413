"""ppo_bridge.wandb: a script of wandb's or Trackio's with one line changed."""

from __future__ import annotations

import argparse
import os
import unittest
from typing import Any
from unittest import mock

import numpy
import ppo_bridge.wandb as wandb
from ppo_bridge import _curves
from support import PublishedTest, run_python


class WandbTest(PublishedTest):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(wandb.finish)

    def init(self, **options: Any) -> Any:
        return wandb.init(publisher=self.to, **options)


class Logging(WandbTest):
    def test_rows_with_and_without_a_step(self) -> None:
        self.init(project="p")
        wandb.log({"loss": numpy.float32(0.5), "charts": {"return": 21, "deep": {"er": 1}}})
        wandb.log({"loss": 0.25}, commit=False)
        wandb.log({"acc": True})
        wandb.log({"loss": 0.125}, step=128)
        wandb.log({"acc": 1}, step=128)
        wandb.log({"loss": float("nan"), "none": None})
        with self.assertLogs("ppo_bridge", "WARNING") as logs:
            wandb.log({"loss": 9}, step=127)
        self.assertIn("step 127 is past; the run is at step 129", logs.output[0])
        wandb.log({"loss": 1}, step=200, commit=True)
        self.assertEqual(wandb.run.step, 201)
        expected = [("loss", 0.5, 0), ("charts/return", 21, 0), ("charts/deep/er", 1, 0), ("loss", 0.25, 1)]
        expected += [("acc", 1, 1), ("loss", 0.125, 128), ("acc", 1, 128), ("loss", None, 128), ("loss", 1, 200)]
        self.assertEqual(self.scalars(), expected)

    def test_a_flag_of_any_library_is_a_point(self) -> None:
        self.init()
        wandb.log({"won": numpy.bool_(True), "lost": False, "each": [True, False]})
        self.assertEqual(self.scalars(), [("won", 1, 0), ("lost", 0, 0)])
        self.assertEqual(self.events("histogram")[0]["mean"], 0.5)

    def test_axes_are_those_that_were_defined(self) -> None:
        self.init()
        wandb.define_metric("env_step")
        wandb.define_metric("train/*", step_metric="env_step")
        wandb.define_metric("val/acc", step_metric=wandb.define_metric("epoch"))
        wandb.log({"env_step": 640, "train/loss": 0.5})
        wandb.log({"train/loss": 0.25, "val/acc": 0.75})
        wandb.log({"epoch": 3, "val/acc": 0.5, "other": 1})
        wandb.log({"global_step": 1000, "return": 5})
        found = {(tag, value): step for tag, value, step in self.scalars()}
        self.assertEqual(found["train/loss", 0.5], 640)
        self.assertEqual((found["train/loss", 0.25], found["val/acc", 0.75]), (640, 1))
        self.assertEqual((found["val/acc", 0.5], found["other", 1], found["return", 5]), (3, 2, 1000))

    def test_known_names_are_an_update_and_an_episode_besides(self) -> None:
        self.init()
        row = {"losses/policy_loss": 0.5, "losses/entropy": 1.5, "charts/episodic_return": 9.0}
        wandb.log({**row, "charts/episodic_length": 7, "global_step": 64})
        (update,) = self.events("training_update")
        self.assertEqual((update["policy_loss"], update["entropy"], update["steps"]), (0.5, 1.5, 64))
        (episode,) = self.events("episode_end")
        self.assertEqual((episode["reward"], episode["length"], episode["global_step"]), (9.0, 7, 64))

    def test_histograms_texts_and_what_is_left_out(self) -> None:
        self.init()
        _curves._noted.clear()
        wandb.log({"h": wandb.Histogram(list(range(101)), num_bins=100), "word": "up", "array": numpy.ones(9)})
        wandb.log({"np": wandb.Histogram(np_histogram=([1, 3], [0.0, 1.0, 2.0])), "list": [1, 2, 3]})
        found = {h["tag"]: h for h in self.events("histogram")}
        self.assertEqual((found["h"]["p5"], found["h"]["p50"], found["h"]["mean"]), (5, 50, 50))
        self.assertEqual((found["h"]["count"], found["array"]["mean"], found["list"]["p50"]), (101, 1, 2))
        self.assertEqual((found["np"]["count"], found["np"]["min"], found["np"]["max"]), (4, 0, 2))
        self.assertEqual([t["text"] for t in self.events("text")], ["up"])
        with self.assertLogs("ppo_bridge", "WARNING") as logs:
            for _ in range(2):
                table = wandb.Table(columns=["a"])
                table.add_data(1)
                artifact = wandb.Artifact("model", type="model")
                artifact.add_file("x")
                wandb.run.log_artifact(artifact).wait()
                wandb.log_artifact(artifact)
                wandb.log({"image": wandb.Image(numpy.ones((2, 2))), "t": table, "many": [wandb.Image(1)]})
                wandb.log({"plot": wandb.plot.line(table, "a", "b"), "figure": Any})
                wandb.watch(object(), log="all")
                wandb.save("*.pt")
                wandb.alert(title="x", text="y", level=wandb.AlertLevel.WARN)
                wandb.show()
        self.assertGreater(wandb.__version__.split("."), ["0"])
        self.assertEqual((wandb.run.project_name(), wandb.run.get_project_url()), (wandb.run.project, None))
        said = sorted(line.split(":")[-1].split(" has")[0] for line in logs.output)
        self.assertEqual(len(said), len(set(said)))
        self.assertLessEqual({"Table", "Artifact", "Image", "log_artifact", "watch", "save"}, set(said))
        self.assertTrue(isinstance(wandb.Image(1), wandb.Image))
        self.assertEqual((self.scalars(), self.to.stats().refused), ([], 0))
        with self.assertRaisesRegex(AttributeError, "no sweep; .* need the servers"):
            wandb.sweep


class Runs(WandbTest):
    def test_a_run_has_its_name_config_tags_and_end(self) -> None:
        config = argparse.Namespace(lr=1e-3, layers=[64, 64])
        run = self.init(
            project="flip", name="ppo-1", config=config, tags=["a", "b"], group="g", job_type="train", notes="n",
            entity="me", save_code=True, monitor_gym=True, sync_tensorboard=True, resume="allow", space_id="x",
        )  # fmt: skip
        self.assertIs(run, wandb.run)
        self.assertEqual((run.name, run.project, run.group, run.tags), ("ppo-1", "flip", "g", ("a", "b")))
        self.assertEqual((run.path, run.url, run.disabled), ("me/flip/" + run.id, None, False))
        self.assertTrue(os.path.isdir(run.dir))
        os.rmdir(run.dir)
        wandb.finish()
        (started,) = self.events("run_started")
        self.assertEqual((started["name"], started["tags"]), ("ppo-1", ["a", "b"]))
        self.assertEqual((started["config"]["lr"], started["config"]["layers"]), (1e-3, [64, 64]))
        about = {"project": "flip", "group": "g", "job_type": "train", "notes": "n", "entity": "me"}
        self.assertEqual(started["config"]["wandb"], about)
        self.assertEqual(self.events("run_ended"), [{"state": "finished"}])

    def test_a_run_has_all_that_wandb_s_has_and_what_is_changed_later_is_told(self) -> None:
        run = self.init(tags=["a"])
        run.tags += ("b",)
        run.notes = "good"
        run.name = "best"
        self.assertEqual((run.tags, run.notes, run.name), (("a", "b"), "good", "best"))
        told = [e["config"] for e in self.events("run_config")]
        self.assertEqual(told, [{"tags": ["a", "b"]}, {"notes": "good"}, {"name": "best"}])
        for name in "display status to_html finish_artifact upsert_artifact write_logs".split():
            getattr(run, name)()
        unknown = run.url, run.project_url, run.sweep_url
        self.assertEqual((unknown, run.config_static), ((None,) * 3, run.config))
        self.assertIsNotNone((run.settings, run.start_time))
        self.assertIsInstance(run, wandb.sdk.wandb_run.Run)
        self.assertIs(wandb.data_types.Image, wandb.Image)
        wandb.Classes([{"id": 0, "name": "coal"}])
        self.assertRaises(AttributeError, getattr, wandb, "Api")

    def test_a_run_without_a_name_has_that_of_its_experiment(self) -> None:
        self.assertEqual(self.init(config={"exp_name": "ppo"}).name, "ppo")

    def test_the_config_by_item_attribute_and_update(self) -> None:
        self.init(config={"lr": 1, "net": {"width": 8}, "secret": 0}, config_exclude_keys=["secret"])
        config = wandb.config
        self.assertEqual((config.lr, config["lr"], config.net["width"], config.get("no", 5)), (1, 1, 8, 5))
        config.update({"lr": 2, "seed": 3}, allow_val_change=True)
        config.batch = 4
        config["epochs"] = 5
        config.setdefaults({"lr": 9, "gamma": 0.5})
        self.assertIs(wandb.run.config, config)
        expected = {"lr": 2, "net": {"width": 8}, "seed": 3, "batch": 4, "epochs": 5, "gamma": 0.5}
        self.assertEqual((dict(config), config.as_dict(), dict(config.items())), (expected,) * 3)
        self.assertEqual(("lr" in config, len(config), list(config.keys())[0]), (True, 6, "lr"))
        self.assertRaises(AttributeError, getattr, config, "secret")
        told: dict = {}
        for event in self.events("run_config"):
            told.update(event["config"])
        self.assertEqual(told, {"lr": 2, "seed": 3, "batch": 4, "epochs": 5, "gamma": 0.5})

    def test_the_summary_is_the_last_or_what_was_defined(self) -> None:
        self.init()
        wandb.define_metric("loss", summary="min")
        wandb.define_metric("acc", summary="max")
        wandb.define_metric("avg", summary="mean")
        for loss, acc, avg in ((3, 1, 1), (1, 5, 2), (2, 3, 6)):
            wandb.log({"loss": loss, "acc": acc, "avg": avg, "plain": loss})
        summary = wandb.summary
        self.assertEqual((summary["loss"], summary.acc, summary.avg, summary["plain"]), (1, 5, 3, 2))
        wandb.run.summary["best"] = 7
        summary.update({"worst": {"loss": 0.5}})
        self.assertEqual(self.scalars()[-2:], [("summary/best", 7, 3), ("summary/worst/loss", 0.5, 3)])

    def test_init_twice_is_the_same_run_except_with_reinit(self) -> None:
        first = self.init(name="first")
        self.assertIs(self.init(name="second"), first)
        second = self.init(name="second", reinit=True)
        self.assertIsNot(second, first)
        self.assertIs(wandb.run, second)
        self.assertEqual([r["name"] for r in self.events("run_started")], ["first", "second"])
        self.assertEqual([r["state"] for r in self.events("run_ended")], ["finished"])

    def test_before_init_and_after_finish(self) -> None:
        self.assertIsNone(wandb.run)
        for call in (
            lambda: wandb.log({"a": 1}),
            lambda: wandb.define_metric("a"),
            lambda: wandb.config.lr,
            lambda: wandb.config["lr"],
            lambda: wandb.config.__setattr__("lr", 1),
            lambda: wandb.config.update({}),
            lambda: wandb.summary["a"],
        ):
            with self.assertRaisesRegex(wandb.Error, "You must call wandb.init"):
                call()
        wandb.finish()
        run = self.init()
        self.assertRaises(TypeError, run.log, 5)
        self.assertRaises(TypeError, run.log, {5: 5})
        run.finish()
        run.finish()
        wandb.finish()
        self.assertIsNone(wandb.run)
        self.assertRaises(wandb.UsageError, run.log, {"a": 1})
        self.assertRaises(wandb.Error, wandb.log, {"a": 1})
        self.assertEqual(len(self.events("run_ended")), 1)

    def test_how_it_ended(self) -> None:
        self.init(name="a").finish(exit_code=3)
        for error in (RuntimeError("diverged"), KeyboardInterrupt(), SystemExit(0)):
            with self.assertRaises(type(error)), self.init(name="b") as run:
                run.log({"a": 1})
                raise error
        with self.init(name="c"):
            pass
        states = [r["state"] for r in self.events("run_ended")]
        self.assertEqual(states, ["crashed", "crashed", "interrupted", "finished", "finished"])
        self.assertIn("diverged", self.events("run_ended")[1]["error"])

    def test_disabled_publishes_nothing(self) -> None:
        with mock.patch.dict(os.environ, {"WANDB_MODE": "disabled", "WANDB_NAME": "quiet"}):
            run = self.init(config={"a": 1})
        self.assertEqual((run.disabled, run.name, run.config.a), (True, "quiet", 1))
        wandb.log({"a": 1})
        wandb.config.update({"a": 2})
        wandb.summary["b"] = 1
        self.assertEqual(wandb.summary["a"], 1)
        wandb.finish()
        self.assertEqual(self.to.stats().published, 0)

    def test_a_summary_writer_belongs_to_the_run(self) -> None:
        from ppo_bridge.tensorboard import SummaryWriter

        self.init(name="one", sync_tensorboard=True)
        writer = SummaryWriter("runs/one")
        self.assertIs(writer.publisher, self.to)
        writer.add_scalar("losses/value_loss", 0.5, 128)
        writer.close()
        wandb.log({"x": 1})
        wandb.finish()
        self.assertEqual([r["name"] for r in self.events("run_started")], ["one"])
        self.assertEqual(self.events("run_ended"), [{"state": "finished"}])
        self.assertEqual(self.scalars(), [("losses/value_loss", 0.5, 128), ("x", 1, 0)])


class Scripts(WandbTest):
    def test_a_script_by_one_changed_line_and_its_crash(self) -> None:
        script = (
            "import ppo_bridge.wandb as wandb\n"
            "wandb.login()\n"
            "run = wandb.init(project='p', name='script', config={'lr': 0.1}, settings=wandb.Settings(a=1))\n"
            "for step in range(3):\n"
            "    wandb.log({'loss': wandb.config.lr * step})\n"
            "raise ValueError('it diverged')\n"
        )
        addresses = {"PPO_EVENTS_ADDRESS": self.bridge.events_in, "PPO_CONTROL_ADDRESS": self.bridge.control}
        done = run_python(script, **addresses)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ValueError: it diverged", done.stderr)
        started = [e for e in self.bridge.wait_events(1, "run_started") if e["data"]["name"] == "script"]
        source = started[0]["source"]
        ended = self.bridge.wait_events(1, "run_ended", source)[0]["data"]
        self.assertEqual((ended["state"], ended["error"]), ("crashed", "ValueError: it diverged"))
        values = [e["data"]["value"] for e in self.bridge.events("scalar", source) if e["data"]["tag"] == "loss"]
        self.assertEqual(values, [0.0, 0.1, 0.2])


if __name__ == "__main__":
    unittest.main()
