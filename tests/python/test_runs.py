"""Runs: a name, a config and an end, whatever ends it; scalars, spans and parameters."""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import threading
import types
import unittest
from pathlib import Path
from typing import Any

import numpy
from ppo_bridge import Publisher, _program
from support import BridgeTest, FakeBridge, run_python, wait_until


class RunTest(BridgeTest):
    """Each test has a source of its own."""

    def setUp(self) -> None:
        self.source = self.id().rpartition(".")[2][-60:]
        self.seen = 0

    def publisher(self, **options: Any) -> Publisher:
        return super().publisher(self.source, **{"run": "r", **options})

    def data(self, *types_: str) -> list[dict]:
        """The data of the next events, which are of these types."""
        until = self.seen + len(types_)
        events = self.bridge.wait_events(until, source=self.source)[self.seen : until]
        self.seen = until
        self.assertEqual([event["type"] for event in events], list(types_))
        return [event["data"] for event in events]

    def program(self, code: str) -> subprocess.CompletedProcess:
        begin = "from ppo_bridge import Publisher\np = Publisher(%r, system_metrics_s=0)\n"
        return run_python(
            begin % self.source + code,
            PPO_EVENTS_ADDRESS=self.bridge.events_in,
            PPO_CONTROL_ADDRESS=self.bridge.control,
        )


class Start(RunTest):
    def test_a_plain_publisher_publishes_nothing_by_itself(self) -> None:
        publisher = self.publisher()
        publisher.publish("x", {})
        publisher.close()
        self.data("x")
        self.assertEqual(publisher.stats().published, 1)
        self.assertIsNone(publisher.run_name)

    def test_name_config_and_tags_come_with_the_publisher(self) -> None:
        config = {"lr": 3e-4, "api_key": "k"}
        publisher = self.publisher(run_name="ppo-1", config=config, tags=["a", "b"])
        publisher.publish("x", {})
        started, _ = self.data("run_started", "x")
        program = started["config"].pop("program")
        shown = {"lr": 3e-4, "api_key": "***"}
        self.assertEqual(started, {"name": "ppo-1", "config": shown, "tags": ["a", "b"]})
        self.assertEqual(config["api_key"], "k")
        self.assertEqual(program["argv"], sys.argv)
        self.assertEqual(program["packages"]["numpy"], numpy.__version__)
        self.assertEqual(publisher.run_name, "ppo-1")

    def test_what_is_secret_is_so_at_every_level_and_of_every_type(self) -> None:
        publisher = self.publisher()
        given = {
            "env": {"password": "p", "names": [{"auth_token": b"t", "use_secret": True}]},
            "db": types.MappingProxyType({"secret": ["s"], "api_key": None}),
            "passwd": 1234,
        }
        publisher.start_run("n", given)
        publisher.update_config({"log": {"hf_token": "t", "eos_token": "</s>"}})
        started, changed = self.data("run_started", "run_config")
        del started["config"]["program"]
        self.assertEqual(
            started["config"],
            {
                "env": {"password": "***", "names": [{"auth_token": "***", "use_secret": True}]},
                "db": {"secret": "***", "api_key": None},
                "passwd": "***",
            },
        )
        self.assertEqual(changed["config"], {"log": {"hf_token": "***", "eos_token": "</s>"}})

    def test_a_run_starts_once_and_another_name_ends_it(self) -> None:
        publisher = self.publisher()
        self.assertEqual(publisher.start_run("one", {"lr": 1, "n": 2}), "one")
        publisher.start_run("one")
        publisher.start_run("one", {"lr": 2, "n": 2})
        publisher.start_run("two")
        publisher.start_run("of an agent", agent_id="agent_0")
        publisher.end_run("crashed", "out of gold", agent_id="agent_0")
        self.assertTrue(publisher.end_run())
        self.assertFalse(publisher.end_run())
        found = self.data("run_started", "run_config", "run_ended", "run_started", "run_started",
                          "run_ended", "run_ended")
        self.assertEqual(found[1], {"config": {"lr": 2}})
        self.assertEqual(found[2], {"state": "finished"})
        self.assertEqual(found[4]["agent_id"], "agent_0")
        ended = {"state": "crashed", "error": "out of gold", "agent_id": "agent_0"}
        self.assertEqual(found[5:], [ended, {"state": "finished"}])
        with self.assertRaisesRegex(ValueError, "state is 'well'; must be finished, crashed"):
            publisher.end_run("well")

    def test_a_name_is_made_up_of_the_program_and_the_run(self) -> None:
        self.assertEqual(self.publisher().start_run(), _program.program_name() + "-r")

    def test_or_it_is_that_of_the_experiment(self) -> None:
        publisher = self.publisher(config=argparse.Namespace(exp_name="dqn_atari", seed=1))
        self.assertEqual(publisher.run_name, "dqn_atari")
        self.assertEqual(publisher.start_run(config={"exp_name": "other"}), "dqn_atari")
        publisher.end_run()
        self.assertEqual(publisher.start_run(config={"exp_name": object()}), _program.program_name() + "-r")

    def test_config_is_taken_from_what_scripts_keep_it_in(self) -> None:
        @dataclasses.dataclass
        class Args:
            lr: float = 1.0

        class Base:
            lr = 2.0

        class Plain(Base):
            lr = 1.0
            _private = 2

            def method(self) -> None: ...

            @property
            def half(self) -> float: ...

            @staticmethod
            def make() -> None: ...

        for n, config in enumerate(
            ({"lr": 1.0}, argparse.Namespace(lr=1.0), Args(), Plain, Plain())
        ):
            publisher = self.publisher(run="r%d" % n, config=config)
            (started,) = self.data("run_started")
            started["config"].pop("program")
            self.assertEqual(started["config"], {"lr": 1.0})
            publisher.close(0)
            self.data("run_ended")

    def test_a_run_starts_whatever_is_wrong_with_what_it_is_given(self) -> None:
        class Hostile:
            @property
            def __dict__(self) -> dict:  # type: ignore[override]
                raise RuntimeError("no")

        publisher = self.publisher()
        with self.assertLogs("ppo_bridge", "WARNING") as logged:
            publisher.start_run("n", [1], tags=5)  # type: ignore[arg-type]
            publisher.start_run(7, Hostile())  # type: ignore[arg-type]
            publisher.update_config("text")
        text = "a run: Unencodable: config is a list; must be a mapping or an object with attributes"
        self.assertEqual(logged.records[0].getMessage(), text)
        self.assertEqual(len(logged.records), 4)
        started, _, other = self.data("run_started", "run_ended", "run_started")
        self.assertEqual((started["name"], list(started["config"])), ("n", ["program"]))
        self.assertEqual(other["name"], "7")

    def test_what_is_too_large_is_left_out_by_name(self) -> None:
        publisher = self.publisher(config={"seed": 1, "model": "x" * 70_000, "agents": "y" * 40_000})
        publisher.update_config({"more": "z" * 26_000, "less": 5})
        started, changed = self.data("run_started", "run_config")
        self.assertEqual(started["left_out"], ["model"])
        self.assertEqual(set(started["config"]), {"seed", "agents", "program"})
        self.assertEqual(changed, {"config": {"less": 5}, "left_out": ["more"]})


class About(unittest.TestCase):
    def test_commit_and_branch_are_read_without_git(self) -> None:
        commit = "0123456789abcdef" * 2 + "01234567"
        with tempfile.TemporaryDirectory() as place:
            git = Path(place) / ".git"
            (git / "refs/heads").mkdir(parents=True)
            (Path(place) / "a/b").mkdir(parents=True)
            (git / "HEAD").write_text("ref: refs/heads/main\n")
            found = {"git_branch": "main"}
            self.assertEqual(_program._checkout(Path(place) / "a/b"), found)
            (git / "packed-refs").write_text("# pack-refs\n%s refs/heads/main\n" % commit)
            self.assertEqual(_program._checkout(Path(place)), {"git_commit": commit, **found})
            other = commit[::-1]
            (git / "refs/heads/main").write_text(other + "\n")
            self.assertEqual(_program._checkout(Path(place)), {"git_commit": other, **found})
            tree = Path(place) / "tree"
            (git / "worktrees/t").mkdir(parents=True)
            (git / "worktrees/t/HEAD").write_text(commit)
            (git / "worktrees/t/commondir").write_text("../..")
            tree.mkdir()
            (tree / ".git").write_text("gitdir: ../.git/worktrees/t")
            self.assertEqual(_program._checkout(tree), {"git_commit": commit})
            (git / "worktrees/t/HEAD").write_bytes(b"\xff\0" * 5000)
            self.assertEqual(_program._checkout(tree), {})

    def test_secrets_among_the_arguments_are_not_shown(self) -> None:
        given = ["t.py", "--api-key", "k", "--token=k", "--tokens", "512", "--wandb_token", "k", "x"]
        shown = ["t.py", "--api-key", "***", "--token=***", "--tokens", "512", "--wandb_token", "***"]
        self.assertEqual(_program._arguments_shown(given), shown + ["x"])
        names = ("password", "db_password", "HF_TOKEN", "client-secret", "eos_token", "apikey", "keys")
        found = [name for name in names if _program.is_secret(name)]
        self.assertEqual(found, ["password", "db_password", "HF_TOKEN", "client-secret", "apikey"])


class End(RunTest):
    def ended(self, code: str, *between: str) -> list[dict]:
        """What a program that starts a run and then does this publishes after that start."""
        self.program("p.start_run('n')\n" + code)
        return self.data("run_started", *between, "run_ended")[1:]

    def test_the_interpreters_end_finishes_a_run(self) -> None:
        self.assertEqual(self.ended(""), [{"state": "finished"}])
        self.assertEqual(self.ended("p.close()"), [{"state": "finished"}])
        self.assertEqual(self.ended("del p"), [{"state": "finished"}])

    def test_a_publisher_that_outlives_the_modules_goes_in_silence(self) -> None:
        done = self.program("import sys\nsys.excepthook = lambda *_: p\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_an_exit_code_tells_how_it_ended(self) -> None:
        for code, ended in (
            ("0", {"state": "finished"}),
            ("", {"state": "finished"}),
            ("1", {"state": "crashed", "error": "SystemExit: 1"}),
            ("'no gold'", {"state": "crashed", "error": "SystemExit: no gold"}),
            ("130", {"state": "interrupted", "error": "SystemExit: 130"}),
        ):
            self.assertEqual(self.ended("import sys; sys.exit(%s)" % code), [ended])
            self.assertEqual(self.ended("def f(): raise SystemExit(%s)\nf()" % code), [ended])
        self.assertEqual(self.ended("exit()"), [{"state": "finished"}])
        ended = {"state": "crashed", "error": "SystemExit: 2"}
        self.assertEqual(self.ended("quit(code=2)"), [ended])
        self.assertEqual(self.ended("exit(2)"), [ended])
        self.assertEqual(self.ended("class Stop(SystemExit): pass\nraise Stop(2)"), [ended])

    def test_an_exit_that_somebody_catches_ends_nothing(self) -> None:
        for line in ("sys.exit(1)", "raise SystemExit(1)"):
            code = "import sys\ntry: %s\nexcept SystemExit as e: p.scalar('x', e.code)\n" % line
            scalar, ended = self.ended(code, "scalar")
            self.assertEqual((scalar["value"], ended), (1, {"state": "finished"}))
        code = "import sys, threading\nt = threading.Thread(target=sys.exit, args=(1,))\nt.start(); t.join()"
        self.assertEqual(self.ended(code), [{"state": "finished"}])

    def test_the_code_of_an_exit_is_as_ever(self) -> None:
        def after(line: str) -> str:
            return run_python(
                "import sys\nfrom ppo_bridge import Publisher\nPublisher('x', run_name='x', control='')\n"
                "import pickle\n"
                "try: %s\n"
                "except SystemExit as e:\n"
                "    before, e.code = e.code, 'other'\n"
                "    print(before, e.code, e.args, pickle.loads(pickle.dumps(e)).code)" % line
            ).stdout.strip()

        self.assertEqual(after("sys.exit()"), "None other () None")
        self.assertEqual(after("sys.exit('text')"), "text other ('text',) text")
        self.assertEqual(after("raise SystemExit"), "None other () None")
        self.assertEqual(after("raise SystemExit(1, 2)"), "(1, 2) other (1, 2) (1, 2)")

    def test_a_closed_publisher_starts_no_run(self) -> None:
        publisher = self.publisher()
        publisher.close()
        before = set(threading.enumerate())
        publisher.start_run("n")
        self.assertLessEqual(set(threading.enumerate()), before)
        self.assertFalse(publisher.end_run())

    def test_an_exception_that_nobody_caught_is_told(self) -> None:
        code = "def learn(): raise ValueError('no gold')\nlearn()\n"
        error, ended = self.ended(code, "error")
        self.assertEqual((error["error_type"], error["message"]), ("ValueError", "no gold"))
        self.assertEqual(error["details"]["thread"], "MainThread")
        self.assertRegex(error["details"]["frames"][-1], r"^<string>:\d+ in learn")
        self.assertEqual(ended, {"state": "crashed", "error": "ValueError: no gold"})

    def test_it_is_told_though_another_took_the_hook(self) -> None:
        code = "import sys\nsys.excepthook = lambda *_: None\nraise ValueError('no gold')\n"
        _, ended = self.ended(code, "error")
        self.assertEqual(ended["state"], "crashed")

    def test_an_iterator_that_runs_out_is_one(self) -> None:
        _, ended = self.ended("next(iter([]))", "error")
        self.assertEqual(ended, {"state": "crashed", "error": "StopIteration"})
        self.assertEqual(self.ended("try: next(iter([]))\nexcept StopIteration: p.close()"), [{"state": "finished"}])

    def test_the_user_sees_it_as_ever(self) -> None:
        done = self.program("p.start_run('n')\nraise ValueError('no gold')\n")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.startswith("Traceback"), done.stderr)
        self.assertEqual(done.stderr.count("ValueError: no gold"), 1)

    def test_an_exception_of_a_thread_is_told(self) -> None:
        code = (
            "import threading\n"
            "def learn(): raise ValueError('no gold')\n"
            "t = threading.Thread(target=learn, name='learner')\nt.start(); t.join()\n"
        )
        error, ended = self.ended(code, "error")
        self.assertEqual(error["details"]["thread"], "learner")
        self.assertEqual(ended, {"state": "crashed", "error": "ValueError: no gold"})
        _, ended = self.ended(code + "p.end_run()\n", "error")
        self.assertEqual(ended, {"state": "finished"})

    def test_a_block_that_fails_crashes_its_run(self) -> None:
        _, ended = self.ended("try:\n  with p: 1 / 0\nexcept Exception: pass\n", "error")
        self.assertEqual(ended["error"], "ZeroDivisionError: division by zero")
        (ended,) = self.ended("with p: raise SystemExit(3)\n")
        self.assertEqual(ended, {"state": "crashed", "error": "SystemExit: 3"})
        _, ended = self.ended("try: 1 / 0\nfinally: p.close()\n", "error")
        self.assertEqual(ended["error"], "ZeroDivisionError: division by zero")
        (ended,) = self.ended("try: raise KeyboardInterrupt\nexcept KeyboardInterrupt: p.close()\n")
        self.assertEqual(ended, {"state": "interrupted"})

    def test_a_run_ends_whatever_is_gathered_for_it(self) -> None:
        code = (
            "class Broken:\n    agent_id = None\n    def flush(self): raise ValueError\n"
            "broken = Broken(); p._gatherers.add(broken)\n"
        )
        self.assertEqual(self.ended(code), [{"state": "finished"}])

    def test_ctrl_c_interrupts_a_run(self) -> None:
        code = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n"
        self.assertEqual(self.ended(code), [{"state": "interrupted"}])

    def test_a_child_does_not_end_its_parents_run(self) -> None:
        code = (
            "import multiprocessing, os, sys\n"
            "def work(): raise ValueError('in the worker')\n"
            "w = multiprocessing.get_context('fork').Process(target=work); w.start(); w.join()\n"
            "if os.fork() == 0:\n    sys.exit(1)\nos.wait()\n"
            "if os.fork() == 0:\n    raise ValueError('in the child')\nos.wait()\n"
            "p.scalar('after', 1)\n"
        )
        self.assertEqual(self.ended(code, "scalar")[-1], {"state": "finished"})

    def test_a_worker_that_fails_crashes_its_own_run(self) -> None:
        code = (
            "import multiprocessing, sys\n"
            "def work(how):\n"
            "    w = Publisher(%r + how, system_metrics_s=0); w.start_run('of the worker')\n"
            "    if how == '.raise': raise ValueError('in the worker')\n"
            "    if how == '.exit': sys.exit(1)\n"
            "for how in ('.raise', '.exit', '.end'):\n"
            "    w = multiprocessing.get_context('fork').Process(target=work, args=(how,))\n"
            "    w.start(); w.join()\n" % self.source[:50]
        )
        self.assertEqual(self.ended(code), [{"state": "finished"}])
        for how, state in ((".raise", "crashed"), (".exit", "crashed"), (".end", "finished")):
            found = self.bridge.wait_events(1, "run_ended", self.source[:50] + how)
            self.assertEqual([event["data"]["state"] for event in found], [state])

    def test_a_notebook_goes_on_after_a_cell_that_failed(self) -> None:
        cells: list = []
        shell = types.SimpleNamespace(
            events=types.SimpleNamespace(register=lambda name, f: cells.append((name, f)))
        )
        ipython = types.ModuleType("IPython")
        ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
        sys.modules["IPython"] = ipython
        self.addCleanup(sys.modules.pop, "IPython")
        publisher = self.publisher(run_name="n", system_metrics_s=0)
        publisher.start_run("n")
        ((name, after_cell),) = cells
        self.assertEqual(name, "post_run_cell")
        after_cell(types.SimpleNamespace(error_in_exec=None))
        after_cell(types.SimpleNamespace(error_in_exec=ValueError("no gold")))
        publisher.start_run("n")
        after_cell(types.SimpleNamespace(error_in_exec=KeyboardInterrupt()))
        found = self.data("run_started", "error", "run_ended", "run_started", "run_ended")
        self.assertEqual(found[2], {"state": "crashed", "error": "ValueError: no gold"})
        self.assertEqual(found[4], {"state": "interrupted"})


class Scalars(RunTest):
    def test_any_tag_is_a_curve(self) -> None:
        publisher = self.publisher()
        self.assertTrue(publisher.scalar("charts/SPS", 120, 5, agent_id="agent_0"))
        self.assertTrue(publisher.scalar("x", numpy.float32(0.5)))
        self.assertTrue(publisher.scalar("x", float("nan"), numpy.int64(7)))
        self.assertTrue(publisher.scalars({"loss": {"policy": 1, "value": 2}, "x": 3}, 9))
        self.assertTrue(publisher.scalars({"a": True, "b": numpy.bool_(True), "c": numpy.array([2.5])}))
        found = self.data(*["scalar"] * 9)
        self.assertEqual([d["value"] for d in found[6:]], [1, 1, 2.5])
        self.assertNotIn(True, [d["value"] is True for d in found])
        self.assertEqual(
            found[:2],
            [{"tag": "charts/SPS", "value": 120, "step": 5, "agent_id": "agent_0"},
             {"tag": "x", "value": 0.5}],
        )
        self.assertEqual(found[2]["step"], 7)
        self.assertEqual([d["tag"] for d in found[3:6]], ["loss/policy", "loss/value", "x"])
        self.assertFalse(publisher.scalars(5))  # type: ignore[arg-type]

    def test_a_span_says_how_long_it_took(self) -> None:
        publisher = self.publisher()
        with publisher.span("rollout", step=3, agent_id="agent_0"):
            pass
        with self.assertRaises(KeyError), publisher.span("update"):
            raise KeyError
        rollout, update = self.data("span", "span")
        self.assertEqual((rollout["name"], rollout["step"]), ("rollout", 3))
        self.assertGreaterEqual(rollout["duration_ms"], 0)
        self.assertGreater(rollout["start"], 1e9)
        self.assertEqual(set(update), {"name", "start", "duration_ms"})


class Parameters(RunTest):
    def test_they_are_announced_and_new_values_follow(self) -> None:
        bridge = FakeBridge()
        self.addCleanup(bridge.close)
        publisher = self.publisher(endpoint=bridge.endpoint, control="tcp://127.0.0.1:9")
        rate = {"name": "lr", "value": numpy.float64(0.5), "kind": "number", "min": 0, "max": 1}
        mode = {"name": "mode", "value": "a", "kind": "choice", "choices": ("a", numpy.float32(2)), "unit": None}
        publisher.set_parameters([rate, mode])
        found = bridge.announcement(lambda d: "parameters" in d)["data"]["parameters"]
        mode = {"name": "mode", "value": "a", "kind": "choice", "choices": ["a", 2.0]}
        self.assertEqual(found, [{**rate, "value": 0.5}, mode])
        publisher.set_parameters([{**rate, "value": 0.25}])
        bridge.announcement(lambda d: d["parameters"][0]["value"] == 0.25)

    def test_what_is_none_is_named(self) -> None:
        publisher = self.publisher()
        good = {"name": "lr", "value": 1, "kind": "number"}
        for change, message in (
            ({"name": ""}, "name is ''; must be 1-256 characters"),
            ({"kind": "float"}, "parameter lr: kind is 'float'; must be number, integer"),
            ({"min": "low"}, "parameter lr: min is 'low'; must be a number"),
            ({"kind": "choice"}, "choices is None; must be 1-64"),
            ({"agent_id": "a b"}, "agent_id is 'a b'"),
            ({"value": object}, "value is <class 'object'>; must be a number, true"),
        ):
            with self.subTest(change), self.assertRaises(ValueError) as caught:
                publisher.set_parameters([{**good, **change}])
            self.assertIn(message, str(caught.exception))
        with self.assertRaisesRegex(ValueError, "65 parameters; must be at most 64"):
            publisher.set_parameters([good] * 65)
        with self.assertRaisesRegex(ValueError, "parameters of 1[0-9]{4} bytes; must be at most 16384"):
            publisher.set_parameters([{**good, "unit": "x" * 256}] * 60)


class Metrics(RunTest):
    def test_the_load_is_published_while_a_run_is_open(self) -> None:
        publisher = self.publisher(run_name="n", system_metrics_s=1)
        found = self.data("run_started", "scalar", "scalar", "scalar")
        values = {data["tag"]: data["value"] for data in found[1:]}
        self.assertEqual(set(values), {"system/cpu", "system/rss", "system/disk"})
        self.assertGreater(values["system/rss"], 1 << 20)
        self.assertTrue(0 <= values["system/disk"] <= 100)
        publisher.end_run()
        wait_until(lambda: all(t.name != "ppo-metrics" for t in threading.enumerate()))

    def test_a_gpu_is_asked_through_nvml(self) -> None:
        nvml = types.ModuleType("pynvml")
        for name, answer in {
            "Init": None,
            "DeviceGetCount": 1,
            "DeviceGetHandleByIndex": "gpu",
            "DeviceGetUtilizationRates": types.SimpleNamespace(gpu=40),
            "DeviceGetMemoryInfo": types.SimpleNamespace(used=1 << 30),
            "DeviceGetTemperature": 61,
            "DeviceGetPowerUsage": 70_000,
        }.items():
            setattr(nvml, "nvml" + name, lambda *_, answer=answer: answer)
        nvml.NVML_TEMPERATURE_GPU = 0  # type: ignore[attr-defined]
        sys.modules["pynvml"] = nvml
        self.addCleanup(sys.modules.pop, "pynvml")
        self.publisher(run_name="n", system_metrics_s=1)
        found = self.data("run_started", *["scalar"] * 7)[4:]
        self.assertEqual(
            [(data["tag"], data["value"]) for data in found],
            [("system/gpu/0/utilization", 40), ("system/gpu/0/memory", 1 << 30),
             ("system/gpu/0/temperature", 61), ("system/gpu/0/power", 70.0)],
        )

    def test_one_option_turns_it_off(self) -> None:
        def threads() -> list[str]:
            return [t.name for t in threading.enumerate()]

        wait_until(lambda: "ppo-metrics" not in threads())  # of another test
        self.publisher(run_name="n", system_metrics_s=0)
        self.assertNotIn("ppo-metrics", threads())
        os.environ["PPO_SYSTEM_METRICS"] = "0"
        self.addCleanup(os.environ.pop, "PPO_SYSTEM_METRICS")
        self.publisher(run_name="n")
        self.assertNotIn("ppo-metrics", threads())
        for wrong in (-1, 0.5, "x", True, float("nan")):
            with self.assertRaisesRegex(ValueError, "system_metrics_s is .*; must be 0 or 1..3600"):
                self.publisher(system_metrics_s=wrong)


if __name__ == "__main__":
    unittest.main()
