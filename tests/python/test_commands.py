"""Commands, announcements and `_replay`, against a false bridge, and commands through the real one."""

from __future__ import annotations

import gc
import json
import logging
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

import zmq

from ppo_bridge import CommandRejected, Publisher
from ppo_bridge._clock import BridgeClock
from ppo_bridge._commands import DONE_MAX, Command, DoneCommands, result_reply
from support import (
    ROOT,
    Bridge,
    BridgeTest,
    FakeBridge,
    free_port,
    freeze,
    started,
    wait_until,
)


class FalseBridge(unittest.TestCase):
    def setUp(self) -> None:
        self.bridge = FakeBridge()
        self.addCleanup(self.bridge.close)
        logging.getLogger("ppo_bridge").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("ppo_bridge").setLevel, logging.NOTSET)

    def publisher(self, **options) -> Publisher:
        publisher = Publisher(
            "s", run="r", endpoint=self.bridge.endpoint, control=self.bridge.control, **options
        )
        self.addCleanup(publisher.close, 0)
        return publisher

    def wait_for_end(self) -> None:
        """Of a publisher, so that the next of that name is not taken for it."""
        names = lambda: {thread.name for thread in threading.enumerate()}  # noqa: E731
        wait_until(lambda: "ppo-publisher" not in names())

    def ask(self, command: str, params: dict | None = None, **fields) -> dict:
        self.bridge.ask("s", command, params, **{"run": "r", **fields})
        answer = self.bridge.answer()
        self.assertIsNotNone(answer)
        return answer


class Answers(FalseBridge):
    def test_what_is_no_command_gets_an_error_or_nothing(self) -> None:
        publisher = self.publisher()
        publisher.on_command("echo", lambda command: command)
        for body, error_type, message in (
            (b"{", "bad_json", "one JSON object"),
            (b"[]", "bad_json", "one JSON object"),
            (b'{"id":"i","command":"echo","params":{"a":NaN}}', "bad_json", "one JSON object"),
            (b"\xff", "bad_json", "one JSON object"),
            (b"[" * 100_000, "bad_json", "one JSON object"),
            (b"[" * 65 + b'"' + b'\\"' * 500_000, "bad_json", "one JSON object"),
            (b'{"id":"i","command":"echo","params":' + b"[" * 985 + b"]" * 985 + b"}", "bad_json", ""),
            (b'{"id":"i","command":"echo","params":{"a":"\\udc00"}}', "bad_json", "one JSON object"),
            (b'{"id":"i","command":"echo","params":{"a":1e400}}', "bad_json", "one JSON object"),
            (b'{"id":"i","command":"echo","params":{"a":1%s}}' % (b"0" * 500_000), "bad_json", "one"),
            (b'{"id":"i","command":"echo","deadline_ms":-1%s}' % (b"0" * 300), "timeout", "passed"),
            (b'{"id":"i","command":"echo","by":1%s}' % (b"0" * 300), "bad_request", "by is 1000"),
            (b'{"id":"i","command":"echo","by":-1}', "bad_request", "by is -1; must be seconds"),
            (b"{}", "bad_request", "id is missing; must be a string of 1-64 characters"),
            (b'{"id":5,"command":"echo"}', "bad_request", "id is 5;"),
            (b'{"id":"i"}', "bad_request", "command is missing"),
            (b'{"id":"i","command":"echo","params":[]}', "bad_request", "params is []; must be an"),
            (b'{"id":"i","command":"echo","agent_id":"a b"}', "bad_request", 'agent_id is "a b"'),
            (b'{"id":"i","command":"echo","deadline_ms":"5"}', "bad_request", "deadline_ms is"),
            (b'{"id":"i","command":"echo","deadline_ms":60001}', "bad_request", "at most 60000"),
            (b'{"id":"i","command":"echo","deadline_ms":0}', "timeout", "deadline passed"),
            (b'{"id":"i","command":"echo","run":"old"}', "rejected", "is for run 'old'; this is"),
            (b'{"id":"i","command":"nothing"}', "unknown_command", "no command 'nothing' here"),
        ):
            with self.subTest(body[:60]):
                self.bridge.send("s", [b"", body])
                answer = self.bridge.answer()
                self.assertFalse(answer["success"])
                self.assertEqual(answer["error"]["error_type"], error_type)
                self.assertIn(message, answer["error"]["message"])
        for frames in ([b"no delimiter"], [b""], [b"", b"", b"{}"], [b"x"] * 1000):
            self.bridge.send("s", frames)
        self.assertTrue(self.ask("echo")["success"])
        self.assertEqual(publisher.command_stats().malformed, 4)

    def test_a_handler_takes_what_it_has_names_for(self) -> None:
        publisher = self.publisher()
        seen: list = []

        @publisher.command("whole")
        def whole(command):
            seen.append((command.name, command.agent_id, command.params, command["x"]))
            return {"step": 7}

        publisher.on_command("nothing", lambda: None)
        publisher.on_command("named", lambda x, agent_id, y=5: [x, agent_id, y])
        publisher.on_command("all", lambda **params: params)
        publisher.on_command("builtin", dict)
        answer = self.ask("whole", {"x": 1}, agent_id="agent_0", id="c-9")
        self.assertEqual(answer, {"id": "c-9", "success": True, "result": {"step": 7}})
        self.assertEqual(seen, [("whole", "agent_0", {"x": 1}, 1)])
        self.assertEqual(self.ask("nothing", {"x": 1})["result"], {})
        named = self.ask("named", {"x": 1, "z": 2}, agent_id="a")
        self.assertEqual(named["result"], {"value": [1, "a", 5]})
        self.assertEqual(self.ask("all", {"x": 1})["result"], {"x": 1})
        self.assertEqual(self.ask("builtin", {"x": 1})["result"], {"x": 1})

    def test_a_handler_that_fails_is_answered_as_rejected(self) -> None:
        publisher = self.publisher()

        @publisher.command("rejects")
        def rejects():
            raise CommandRejected("not while saving")

        @publisher.command("breaks")
        def breaks():
            return {}["learning_rate"]

        publisher.on_command("large", lambda: {"a": "x" * (1 << 20)})
        publisher.on_command("odd", lambda: {"a": float("nan"), "b": {1: {2}}})
        publisher.on_command("named", lambda x, y: None)
        for command, message in (
            ("rejects", "not while saving"),
            ("breaks", "KeyError: 'learning_rate'"),
            ("large", "the result is 1048584 bytes long; must be at most 1048576"),
            ("named", "TypeError: "),
        ):
            answer = self.ask(command)
            self.assertEqual(answer["error"]["error_type"], "rejected")
            self.assertIn(message, answer["error"]["message"])
        self.assertEqual(self.ask("odd")["result"], {"a": None, "b": {"1": [2]}})

    def test_polled_commands_run_on_the_thread_that_polls(self) -> None:
        publisher = self.publisher()
        ran_on: list = []
        publisher.on_command(
            "pause", lambda: ran_on.append(threading.current_thread()), polled=True
        )
        self.assertEqual(publisher.poll_commands(), 0)
        self.bridge.ask("s", "pause")
        self.assertEqual(publisher.wait_commands(20), 1)
        self.assertTrue(self.bridge.answer()["success"])
        self.assertEqual(ran_on, [threading.current_thread()])

    def test_a_command_nobody_polls_for_is_refused_at_its_deadline(self) -> None:
        publisher = self.publisher()
        publisher.on_command("pause", lambda: None, polled=True)
        answer = self.ask("pause", deadline_ms=50)
        self.assertEqual(answer["error"]["error_type"], "timeout")
        self.assertEqual(answer["error"]["message"], "not polled in time; not carried out")
        self.assertEqual(publisher.poll_commands(), 0)

    def test_the_sixty_fifth_that_waits_is_told_busy(self) -> None:
        publisher = self.publisher()
        publisher.on_command("pause", lambda: None, polled=True)
        for n in range(65):
            self.bridge.ask("s", "pause", id="c-%d" % n)
        answer = self.bridge.answer()
        self.assertEqual((answer["id"], answer["error"]["error_type"]), ("c-64", "busy"))
        self.assertEqual(publisher.wait_commands(20), 64)

    def test_what_waits_at_the_end_is_answered(self) -> None:
        publisher = self.publisher()
        publisher.on_command("pause", lambda: None, polled=True)
        self.bridge.ask("s", "pause")
        wait_until(lambda: publisher.command_stats().received == 1)
        publisher.close()
        self.assertEqual(self.bridge.answer()["error"]["message"], "this source is closing")

    def test_a_handler_may_close_its_publisher(self) -> None:
        for flush_s in (1, 0):
            publisher = self.publisher()
            publisher.on_command("stop", lambda: publisher.close(flush_s))
            self.assertTrue(self.ask("stop")["success"])
            self.wait_for_end()

    def test_a_polled_handler_may_close_its_publisher(self) -> None:
        for flush_s in (1, 0):
            publisher = self.publisher()

            def stop() -> dict:
                publisher.close(flush_s)
                time.sleep(1.5)  # to save a model
                return {"step": 7}

            publisher.on_command("stop", stop, polled=True)
            self.bridge.ask("s", "stop")
            self.assertEqual(publisher.wait_commands(float("inf")), 1)
            self.assertEqual(self.bridge.answer()["result"], {"step": 7})
            self.wait_for_end()

    def test_what_a_handler_raises_to_end_the_program_ends_no_thread_of_the_library(self) -> None:
        publisher = self.publisher()
        publisher.on_command("exit", lambda: sys.exit(3))
        publisher.on_command("cancel", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        publisher.on_command("echo", lambda command: command)
        for command, name in (("exit", "SystemExit"), ("cancel", "KeyboardInterrupt")):
            error = self.ask(command)["error"]
            self.assertEqual(error["error_type"], "rejected")
            self.assertIn(name + " does not end the program on this thread", error["message"])
        self.assertTrue(self.ask("echo")["success"])

    def test_a_polled_handler_may_end_the_program(self) -> None:
        publisher = self.publisher()
        publisher.on_command("stop", lambda: sys.exit(), polled=True)
        publisher.on_command("fail", lambda: sys.exit("no gold"), polled=True)
        self.bridge.ask("s", "stop")
        with self.assertRaises(SystemExit):
            publisher.wait_commands(20)
        self.assertTrue(self.bridge.answer()["success"])
        self.bridge.ask("s", "fail")
        with self.assertRaises(SystemExit):
            publisher.wait_commands(20)
        self.assertEqual(self.bridge.answer()["error"]["message"], "SystemExit: no gold")

    def test_a_publisher_that_is_dropped_with_its_handlers_ends(self) -> None:
        class Trainer:
            def __init__(self, publisher: Publisher) -> None:
                self.publisher, self.me = publisher, self
                if not publisher._options.control:
                    return
                publisher.on_command("pause", self.pause)
                publisher.on_command("step", self.pause, polled=True)

            def pause(self) -> None:
                pass

        def threads() -> set:
            return {thread for thread in threading.enumerate() if thread.name.startswith("ppo-")}

        before = threads()
        for n in range(3):  # as a notebook's cell that is run again
            trainer = Trainer(Publisher("s%d" % n, endpoint=self.bridge.endpoint,
                                        control=self.bridge.control))
            self.bridge.ask("s%d" % n, "pause")
            self.assertTrue(self.bridge.answer()["success"])
        self.assertGreater(len(threads() - before), 1)
        del trainer
        gc.collect()
        wait_until(lambda: threads() <= before)
        gc.disable()  # of one name, even the last one that was dropped ends in time
        self.addCleanup(gc.enable)
        for slow_s in (0, 0, 0.7):  # the last one's maker still has the one before when that is first looked for
            publisher = Publisher("s", endpoint=self.bridge.endpoint, control="")
            time.sleep(slow_s)
            trainer = Trainer(publisher)
        wait_until(lambda: len(threads() - before) == 1)
        self.assertIsNotNone(trainer)

    def test_what_starts_from_the_library_hears_signals(self) -> None:
        """A log's handler, here, which may well start a program."""
        masks: list = []

        class Starter(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                command = ["grep", "SigBlk", "/proc/self/status"]
                masks.append(subprocess.run(command, capture_output=True, text=True).stdout)

        log = logging.getLogger("ppo_bridge")
        log.setLevel(logging.NOTSET)
        starter = Starter()
        log.addHandler(starter)
        self.addCleanup(log.removeHandler, starter)
        self.publisher().publish("no type", {})
        wait_until(lambda: masks)
        self.assertEqual(int(masks[0].split()[1], 16), 0)

    def test_names_and_handlers_that_are_none_raise_where_they_are_given(self) -> None:
        publisher = self.publisher()

        async def later():
            pass

        for name, handler in (("_replay", print), ("a b", print), (5, print), ("a", 5), ("a", later)):
            with self.assertRaises((ValueError, TypeError)):
                publisher.on_command(name, handler)
        with Publisher("t", endpoint="tcp://127.0.0.1:9", control="", flush_ms=0) as mute:
            with self.assertRaisesRegex(ValueError, "control is empty"):
                mute.on_command("pause", print)

    def test_a_command_of_a_bridge_that_went_is_not_answered_to_the_next(self) -> None:
        publisher = self.publisher()
        publisher.on_command("pause", lambda: None, polled=True)
        self.bridge.ask("s", "pause")
        wait_until(lambda: publisher.command_stats().received == 1)
        endpoint, control = self.bridge.endpoint, self.bridge.control
        self.bridge.close()
        wait_until(lambda: publisher.command_stats().unheard == 1)
        self.bridge = FakeBridge(endpoint, control)
        self.addCleanup(self.bridge.close)
        self.bridge.ask("s", "pause", id="new")
        self.assertEqual(publisher.wait_commands(20), 1)
        self.assertEqual(self.bridge.answer()["id"], "new")


class Announcements(FalseBridge):
    def test_a_source_says_who_it_is_and_when_it_stops(self) -> None:
        publisher = self.publisher()
        publisher.publish("x", {})
        publisher.on_command("pause", print)
        publisher.set_agents(["agent_0"])
        body = self.bridge.announcement(lambda d: d["agents"] and d["commands"] and d["head"] == 1)
        self.assertEqual((body["source"], body["run"]), ("s", "r"))
        data = body["data"]
        self.assertEqual(data["commands"], ["pause"])
        self.assertEqual((data["agents"], data["oldest"]), (["agent_0"], 1))
        self.assertEqual(data["state"], "running")
        self.assertIsInstance(data["pid"], int)
        publisher.set_state("paused")
        self.bridge.announcement(lambda d: d["state"] == "paused")
        with self.assertRaises(ValueError):
            publisher.set_state("resting")
        with self.assertRaises(ValueError):
            publisher.set_agents(["a b"])
        closing = threading.Thread(target=publisher.close)
        closing.start()
        self.bridge.announcement(lambda d: d["state"] == "stopped")
        closing.join()

    def test_it_goes_on_every_second(self) -> None:
        self.publisher()
        first = time.monotonic()
        for _ in range(3):
            self.bridge.announcement()
        self.assertGreater(time.monotonic() - first, 1.0)


    def test_a_hello_says_the_same_over_the_control_connection(self) -> None:
        publisher = self.publisher()
        publisher.publish("x", {})
        publisher.on_command("pause", print)
        publisher.set_agents(["agent_0"])
        hello = self.bridge.hello(lambda d: d["agents"] and d["head"] == 1 and "clock" in d)
        self.assertEqual((hello["source"], hello["run"]), ("s", "r"))
        self.assertEqual(hello["data"]["commands"], ["pause"])
        self.assertEqual(hello["data"]["state"], "running")
        self.assertLess(abs(hello["data"]["clock"] - time.time()), 60)
        later = hello["data"]["clock"] + 0.9
        self.bridge.hello(lambda d: d.get("clock", 0) > later)
        publisher.set_state("paused")
        self.bridge.hello(lambda d: d["state"] == "paused")
        publisher.close()
        self.bridge.hello(lambda d: d["state"] == "stopped")

    def test_a_bridge_that_comes_back_hears_it_too(self) -> None:
        self.publisher()
        self.bridge.hello()
        endpoint, control = self.bridge.endpoint, self.bridge.control
        self.bridge.close()
        self.bridge = FakeBridge(endpoint, control)
        self.addCleanup(self.bridge.close)
        self.bridge.hello()


FROZEN = """
import sys, time
from ppo_bridge import Publisher
publisher = Publisher("s", run="r", endpoint=sys.argv[1], control=sys.argv[2])
ran = []
publisher.on_command("count", lambda: ran.append(1) or len(ran))
publisher.on_command("stats", lambda: {"late": publisher.command_stats().late})
print("ready", flush=True)
sys.stdin.read()
"""


def start_frozen(test: unittest.TestCase, endpoint: str, control: str) -> subprocess.Popen:
    """A trainer to be frozen, once its commands are registered."""
    trainer = started(test, [sys.executable, "-c", FROZEN, endpoint, control], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    trainer.stdout.readline()
    return trainer


class Clock(FalseBridge):
    AHEAD_S = 2_600_000  # a month

    def test_a_trainer_that_was_frozen_does_nothing_that_is_over(self) -> None:
        self.bridge.ahead_s = self.AHEAD_S
        began = time.monotonic()
        trainer = start_frozen(self, self.bridge.endpoint, self.bridge.control)
        now = time.time() + self.AHEAD_S
        self.assertEqual(self.ask("count", by=now + 60)["result"], {"value": 1})
        while not self.bridge.clocks_answered:
            self.bridge.hello()
        # What is asked behind the clock's answer is answered behind it.
        self.assertEqual(self.ask("stats", by=now + 60)["result"], {"late": 0})
        round_trip_max_s = time.monotonic() - began
        freeze(trainer)
        self.bridge.ask("s", "count", run="r", by=time.time() + self.AHEAD_S + 0.2)
        time.sleep(0.3 + round_trip_max_s)  # the command's time passes, and more than a round trip
        trainer.send_signal(signal.SIGCONT)
        error = self.bridge.answer()["error"]
        self.assertEqual(error["error_type"], "timeout")
        self.assertEqual(error["message"], "deadline passed; not carried out")
        now = time.time() + self.AHEAD_S
        self.assertEqual(self.ask("stats", by=now + 60)["result"], {"late": 1})
        self.assertEqual(self.ask("count", by=now + 60)["result"], {"value": 2})

    def test_without_the_bridges_time_only_the_deadline_counts(self) -> None:
        self.publisher().on_command("count", lambda: None)
        self.assertTrue(self.ask("count", by=1)["success"])

    def test_the_answer_with_the_least_round_trip_counts_and_a_clock_may_be_set(self) -> None:
        clock = BridgeClock()
        clock.answered(1.5, 5000.0, 10.0)
        self.assertIsNone(clock.surely_past(5000.0))
        for stamp, round_trip in ((1.0, 0.1), (2.0, 0.02), (3.0, 0.06)):
            clock.asked(stamp, 10.0)
            clock.answered(stamp, 5000.0 + round_trip / 2, 10.0 + round_trip)
            clock.answered(stamp, 9999.0, 10.0)  # a second time
        self.assertAlmostEqual(clock.surely_past(5001.0), 11.01)
        clock.asked(4.0, 10.0)
        clock.answered(4.0, 7000.0, 10.0)
        self.assertAlmostEqual(clock.surely_past(7001.0), 11.0)
        clock.forget()
        self.assertIsNone(clock.surely_past(7001.0))

    def test_times_that_are_none_do_no_harm(self) -> None:
        self.publisher().on_command("count", lambda: None)
        for params in (b"{}", b"[]", b"null", b'{"clock":"x","at":1}', b'{"clock":1}',
                       b'{"clock":-1,"at":1e308}', b'{"clock":1%s,"at":1}' % (b"0" * 300)):
            self.bridge.send("s", [b"", b'{"command":"_clock","params":%b}' % params])
        self.assertTrue(self.ask("count", by=1)["success"])


class Replay(FalseBridge):
    def test_what_was_sent_is_given_again_byte_for_byte(self) -> None:
        publisher = self.publisher()
        for n in range(1, 101):
            publisher.publish("n", {"n": n, "big": 2**64 + n, "f": 0.1}, n)
        bodies = self.bridge.bodies(100)
        answer = self.ask("_replay", {"from": 20, "to": 30})
        self.assertEqual(answer["result"]["events"], bodies[19:30])
        answer = self.ask("_replay", {"from": 90, "to": 200})
        self.assertEqual(answer["result"]["events"], bodies[89:])

    def test_at_the_end_it_is_given_for_a_while(self) -> None:
        publisher = self.publisher()
        publisher.publish("n", {})
        self.bridge.bodies(1)
        self.assertTrue(self.ask("_replay", {"from": 1, "to": 1})["success"])
        closing = threading.Thread(target=publisher.close, args=(20,))
        closing.start()
        self.bridge.announcement(lambda data: data["state"] == "stopped")
        self.assertEqual(len(self.ask("_replay", {"from": 1, "to": 1})["result"]["events"]), 1)
        closing.join()
        self.assertEqual(publisher.stats().replayed, 2)

    def test_nan_is_null_in_a_reply(self) -> None:
        publisher = self.publisher()
        publisher.publish("n", {"n": float("nan"), "text": "NaN", "m": [1e400]})
        self.bridge.bodies(1)
        answer = self.ask("_replay", {"from": 1, "to": 1})
        data = answer["result"]["events"][0]["data"]
        self.assertEqual(data, {"n": None, "text": "NaN", "m": [None]})

    def test_a_reply_is_a_megabyte_at_most_and_what_is_gone_is_left_out(self) -> None:
        publisher = self.publisher(ring_events_max=2000)
        for n in range(1, 3001):
            publisher.publish("n", {"n": n, "text": "x" * 1000})
            if n % 1000 == 0:
                self.bridge.bodies(1000)
        expected, got = 1001, []
        while expected <= 3000:
            answer = self.ask("_replay", {"from": expected if got else 1, "to": 3000})
            self.assertLessEqual(len(json.dumps(answer, separators=(",", ":"))), 1 << 20)
            numbers = [event["source_seq"] for event in answer["result"]["events"]]
            self.assertEqual(numbers[0], expected)
            got += numbers
            expected = numbers[-1] + 1
        self.assertEqual(got, list(range(1001, 3001)))
        self.assertEqual(self.ask("_replay", {"from": 1, "to": 1000})["result"]["events"], [])

    def test_an_event_as_large_as_a_reply_is_given_alone(self) -> None:
        publisher = self.publisher()
        publisher.publish("n", {"text": "x" * (1024 * 1024 - 300)})
        publisher.publish("n", {})
        self.bridge.bodies(2)
        events = self.ask("_replay", {"from": 1, "to": 2})["result"]["events"]
        self.assertEqual([event["source_seq"] for event in events], [1])

    def test_a_range_that_is_none_is_refused(self) -> None:
        self.publisher()
        for first, last in ((5, 4), (2**64 - 1, 2**64 - 1), (10**300, 10**300)):
            params = {"from": first, "to": last}
            self.assertEqual(self.ask("_replay", params)["result"]["events"], [])
        deep: list = []
        for _ in range(60):
            deep = [deep]
        for params in ({}, {"from": 1}, {"from": True, "to": 2}, {"from": "1", "to": 2},
                       {"from": 1, "to": 1e30}, {"from": deep, "to": deep}):
            error = self.ask("_replay", params)["error"]
            self.assertEqual(error["error_type"], "bad_request")


class Repeated(FalseBridge):
    def test_what_was_done_is_answered_again_and_not_done_again(self) -> None:
        publisher = self.publisher()
        done: list = []

        @publisher.command("count")
        def count(command):
            done.append(command.pop("x"))  # its own to change
            return {"count": len(done)}

        key = {"idempotency_key": "me/k"}
        first = self.ask("count", {"x": 1}, id="a", **key)
        self.assertEqual(self.ask("count", {"x": 1}, id="b", **key), {**first, "id": "b"})
        self.assertEqual(done, [1])
        for params, fields in (({"x": 2}, {}), ({"x": 1}, {"agent_id": "agent_0"})):
            error = self.ask("count", params, **key, **fields)["error"]
            self.assertEqual(error["error_type"], "bad_request")
            self.assertIn("idempotency_key is of another command: count", error["message"])
        self.assertEqual(self.ask("count", {"x": 1})["result"], {"count": 2})
        self.assertEqual(self.ask("count", {"x": 1}, idempotency_key="you/k")["result"], {"count": 3})
        stats = publisher.command_stats()
        self.assertEqual((stats.executed, stats.repeated), (3, 3))
        for bad in (5, "", "x" * 1025):
            error = self.ask("count", idempotency_key=bad)["error"]
            self.assertIn("idempotency_key is", error["message"])

    def test_what_was_not_done_is_tried_again(self) -> None:
        publisher = self.publisher()
        asked: list = []

        @publisher.command("save")
        def save():
            asked.append(1)
            if len(asked) == 1:
                raise CommandRejected("not now")

        self.assertFalse(self.ask("save", idempotency_key="me/k")["success"])
        self.assertTrue(self.ask("save", idempotency_key="me/k")["success"])
        self.assertTrue(self.ask("save", idempotency_key="me/k")["success"])
        self.assertEqual(len(asked), 2)

    def test_the_oldest_answers_go_by_number_and_by_bytes(self) -> None:
        def command(n: int, x: str = "") -> Command:
            about = dict(id="i", name="c", agent_id="", deadline=0.0, idempotency_key="k%d" % n)
            return Command({"x": x}, **about)

        for count, answer, kept in ((DONE_MAX + 10, "", DONE_MAX), (6, "x" * 1_000_000, 4)):
            done = DoneCommands()
            for n in range(count):
                one = command(n)
                done.add(one, done.what(one), result_reply("i", {"a": answer}))
            known = [n for n in range(count) if done.find(command(n)) is not None]
            self.assertEqual(known, list(range(count - kept, count)))


class RealBridge(BridgeTest):
    def test_a_command_is_done_once_though_the_bridge_that_had_it_was_killed(self) -> None:
        bridge = Bridge()
        self.addCleanup(bridge.close)
        publisher = Publisher("once", endpoint=bridge.events_in, control=bridge.control)
        self.addCleanup(publisher.close, 0)
        done: list = []
        publisher.on_command("buy", lambda command: done.append(command["item"]) or {"orders": len(done)})

        def buy(name: bytes, **more) -> dict:
            with zmq.Context() as context, context.socket(zmq.REQ) as bot:
                bot.setsockopt(zmq.ROUTING_ID, name)
                bot.setsockopt(zmq.LINGER, 0)
                bot.connect(bridge.commands)
                request = {"command": "buy", "target": "once", "params": {"item": "Coal"}}
                bot.send_json({**request, "idempotency_key": "k1", **more})
                return bot.recv_json()

        wait_until(lambda: bridge.commands_of("once"))
        first = buy(b"bot")
        self.assertEqual(first["result"], {"orders": 1})
        bridge.kill()
        bridge.start()
        wait_until(lambda: bridge.commands_of("once"))
        self.assertEqual(buy(b"bot")["result"], first["result"])
        error = buy(b"bot", params={"item": "Iron ore"})["data"]
        self.assertEqual(error["error_type"], "bad_request")
        self.assertEqual(done, ["Coal"])
        self.assertEqual(buy(b"other")["result"], {"orders": 2})  # its own key

    def test_a_command_goes_there_and_back(self) -> None:
        publisher = self.publisher("trainer-1")

        @publisher.command("set_hyperparameter")
        def set_hyperparameter(name, value):
            return {name: value}

        publisher.set_agents(["agent_0"])
        wait_until(lambda: self.bridge.commands_of("trainer-1"))
        reply = self.bridge.ask(
            "set_hyperparameter", "agent_0", name="learning_rate", value=0.001
        )
        self.assertEqual(reply["result"], {"learning_rate": 0.001})
        self.assertEqual(reply["source"], "trainer-1")
        self.assertEqual(
            self.bridge.ask("fly", "trainer-1")["data"]["error_type"], "unknown_command"
        )

    def who(self, target: str) -> str:
        """The run that answers, or why none does."""
        reply = self.bridge.ask("who", target)
        return reply["result"]["run"] if "result" in reply else reply["data"]["error_type"]

    def test_two_of_one_name_are_told_apart_and_one_that_ends_is_gone(self) -> None:
        first = self.publisher("trainer-2")
        first.on_command("who", lambda: {"run": first.run})
        wait_until(lambda: self.who("trainer-2") == first.run)
        second = self.publisher("trainer-2")
        second.on_command("who", lambda: {"run": second.run})
        wait_until(lambda: self.who("trainer-2") == "ambiguous_target")
        for publisher in (first, second):
            self.assertEqual(self.who("trainer-2@" + publisher.run), publisher.run)
        conflict = self.bridge.wait_events(1, "system_status", "ppo-bridge")
        self.assertIn("source_conflict", [event["data"]["status"] for event in conflict])
        second.close()
        wait_until(lambda: self.who("trainer-2") == first.run)
        first.close(0)
        wait_until(lambda: self.bridge.source("trainer-2").get("state") == "gone")

    def test_a_trainer_that_was_frozen_does_nothing_that_is_over(self) -> None:
        trainer = start_frozen(self, self.bridge.events_in, self.bridge.control)
        count = lambda: self.bridge.ask("count", "s").get("result")  # noqa: E731
        wait_until(lambda: count() == {"value": 1})
        wait_until(lambda: "clock_error_ms" in self.bridge.source("s"), "for it to hear the bridge's clock")
        freeze(trainer)
        reply = self.bridge.ask("count", "s", deadline_ms=200)
        self.assertEqual(reply["data"]["error_type"], "timeout")
        # Its clock and the bridge's are known to each other up to a round trip.
        time.sleep(0.3 + 4e-3 * self.bridge.source("s")["clock_error_ms"])
        trainer.send_signal(signal.SIGCONT)
        wait_until(lambda: self.bridge.ask("stats", "s").get("result") == {"late": 1})
        self.assertEqual(count(), {"value": 2})

    def test_the_raw_trainers_of_the_readme_are_commanded(self) -> None:
        readme = (ROOT / "publishers/python/README.md").read_text()
        rep, dealer = re.findall(r"```python\n(import [^`]*zmq\n[^`]*)```", readme)
        port = free_port()
        bridge = Bridge('trainers.connect={"rep"="tcp://127.0.0.1:%d"}' % port)
        self.addCleanup(bridge.close)
        rep = rep.replace("6001", str(port))
        dealer = dealer.replace("tcp://127.0.0.1:5559", bridge.control)
        for source, code in (("rep", rep), ("trainer-1", dealer)):
            started(self, [sys.executable, "-c", code])
            wait_until(lambda: bridge.ask("pause", source).get("result") == {})
            error = bridge.ask("fly", source)["data"]
            self.assertEqual((error["error_type"], error["message"]), ("rejected", "only pause"))


if __name__ == "__main__":
    unittest.main()
