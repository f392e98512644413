"""The publisher's events, against the real bridge and a false one."""

from __future__ import annotations

import array
import collections
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import itertools
import json
import logging
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest
import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any
from unittest import mock

import numpy
import zmq
from ppo_bridge import Publisher, _greeting, _send, _sender
from ppo_bridge._json import encode
from ppo_bridge._outbox import Outbox
from support import PATIENCE_S, Bridge, BridgeTest, FakeBridge, run_python, wait_until


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "tcp://127.0.0.1:%d" % probe.getsockname()[1]


def quiet(test: unittest.TestCase) -> None:
    """Warnings are expected; they are for users' eyes."""
    logging.getLogger("ppo_bridge").setLevel(logging.CRITICAL)
    test.addCleanup(logging.getLogger("ppo_bridge").setLevel, logging.NOTSET)


class Options(unittest.TestCase):
    def test_what_is_out_of_range_is_named_with_its_range(self) -> None:
        for options, message in (
            ({"source": "a b"}, "source is 'a b'; must be 1-64 of A-Z a-z 0-9 _ . : -"),
            ({"source": ""}, "source is ''"),
            ({"source": "x" * 65}, "source is"),
            ({"run": 7}, "run is 7; must be 1-64 of"),
            ({"ring_events_max": 0}, "ring_events_max is 0; must be 1..16777216"),
            ({"flush_ms": -1}, "flush_ms is -1; must be 0..3600000"),
            ({"endpoint": "nowhere"}, "endpoint 'nowhere'"),
            ({"control": "nowhere"}, "control 'nowhere'"),
            ({"endpoint": 5}, "endpoint is 5; must be a ZeroMQ address"),
        ):
            with self.subTest(options), self.assertRaises(ValueError) as caught:
                Publisher(**options)
            self.assertIn(message, str(caught.exception))

    def test_without_a_thread_it_raises_and_leaves_nothing_behind(self) -> None:
        with mock.patch("threading.Thread.start", side_effect=RuntimeError("no thread")):
            with self.assertRaisesRegex(ValueError, "no thread"):
                Publisher("t", endpoint="tcp://127.0.0.1:9", control="", flush_ms=0)
        self.assertFalse([s for s in _sender.running if s._options.source == "t"])

    def test_addresses_come_from_the_environment(self) -> None:
        done = run_python(
            "from ppo_bridge import Publisher; p = Publisher(flush_ms=0)\n"
            "print(p._options.endpoint, repr(p._options.control))",
            PPO_EVENTS_ADDRESS="tcp://127.0.0.1:9",
            PPO_CONTROL_ADDRESS="",
        )
        self.assertEqual(done.stdout, "tcp://127.0.0.1:9 ''\n")


class Sources(unittest.TestCase):
    """Names that are made up."""

    BEGIN = (
        "import os, sys\nfrom ppo_bridge import Publisher\n"
        "def one(): return Publisher(endpoint='tcp://127.0.0.1:9', control='', flush_ms=0)\n"
    )

    def names(self, code: str) -> list[str]:
        done = run_python(self.BEGIN + code)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_host_program_and_a_random_part(self) -> None:
        (name,) = self.names("print(one().source)")
        host = re.sub("[^A-Za-z0-9_.:-]", "-", socket.gethostname()[:20])
        self.assertRegex(name, "^%s-python-[0-9a-z]{6}$" % re.escape(host))
        with tempfile.TemporaryDirectory() as place:
            program = pathlib.Path(place) / "train ppo.py"
            program.write_text(self.BEGIN + "print(one().source)")
            done = subprocess.run([sys.executable, program], capture_output=True, text=True)
        self.assertRegex(done.stdout, "-train-ppo-[0-9a-z]{6}\n$")

    def test_no_two_processes_have_the_same(self) -> None:
        code = (
            "print(one().source, flush=True)\n"
            "for _ in range(2):\n"
            "    if os.fork() == 0: print(one().source, flush=True); os._exit(0)\n"
            "    os.wait()\n"
        )
        names = self.names(code) + self.names(code)
        self.assertEqual(len(set(names)), 6, names)

    def test_it_stays_the_same_but_is_never_that_of_two_at_a_time(self) -> None:
        names = self.names(
            "a = one(); b = one(); print(a.source, b.source)\n"
            "a.close(); print(one().source)\n"
            "class Trainer:\n"
            "    def __init__(self): self.publisher = one(); self.me = self\n"
            "for _ in range(3): Trainer(); print(one().source)\n"
        )
        first, second, *rest = names
        self.assertEqual(second, first + "-2")
        self.assertEqual(rest, [first] * 4)


class Greeting(unittest.TestCase):
    BEGIN = "import time\nfrom ppo_bridge import Publisher\n"

    def said(self, code: str, **environment: str) -> list[str]:
        environment = {"PPO_QUIET": "", "PPO_CONTROL_ADDRESS": "", **environment}
        done = run_python(self.BEGIN + code, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr.splitlines()

    def test_one_line_says_who_and_where_to_look(self) -> None:
        for endpoint, page in (
            ("tcp://127.0.0.1:9", "http://127.0.0.1:5178/"),
            ("tcp://[::1]:9", "http://[::1]:5178/"),
            ("ipc:///tmp/none", "http://127.0.0.1:5178/"),
        ):
            where = page + " (where the bridge has its default port)"
            line = "ppo_bridge: publishing as trainer-1; to watch: " + where
            code = "Publisher('trainer-1', endpoint=%r, flush_ms=0)" % endpoint
            self.assertEqual(self.said(code), [line])
            self.assertEqual(self.said(code, PPO_QUIET="1"), [])
        code = "import sys; sys.stderr = None\nPublisher('t', flush_ms=0)"
        self.assertEqual(self.said(code, PPO_EVENTS_ADDRESS="tcp://127.0.0.1:9"), [])

    def test_the_page_is_where_the_bridge_tells(self) -> None:
        bridge = Bridge()
        self.addCleanup(bridge.close)
        page = bridge.ws.replace("ws://", "http://").replace("/ws", "/")
        said = "ppo_bridge: publishing as t; to watch: %s"
        code = "p = Publisher('t', endpoint=%r, control=%r%s); time.sleep(1.2)"
        here = bridge.events_in, bridge.control
        self.assertEqual(self.said(code % (*here, "")), [said % page])
        self.assertEqual(self.said(code % (*here, ", page='http://p/'")), [said % "http://p/"])
        self.assertEqual(
            self.said("Publisher('t', endpoint=%r, control=%r)" % here),
            [said % "http://127.0.0.1:5178/ (where the bridge has its default port)"],
        )

    def test_a_page_that_is_told_late_is_told_as_well(self) -> None:
        options = types.SimpleNamespace(source="t", endpoint="tcp://gpu-box:5556", control="c")
        told = "ws://0.0.0.0:6000/ws"
        calls = ((0, "", False), (0.6, "", False), (2.1, "", False), (9, told, True), (10, told, True))
        default = "publishing as t; to watch: http://gpu-box:5178/ (where the bridge has its default port)"
        lines = [
            default,
            "no bridge answers at tcp://gpu-box:5556 so far; events wait for it",
            "to watch: http://gpu-box:6000/",
        ]
        self.assertEqual(self.seen(options, calls), lines)
        for odd in ("ws://x/ws", "wss://:1/ws\nx", "http://h:1/", "ws://h:123456/ws", "x" * 9999):
            self.assertEqual(self.seen(options, [(0, odd, True)]), [default])
        # A bridge that tells another one all the time fills no terminal.
        flood = [(n / 100, "ws://h:%d/ws" % (n + 1), True) for n in range(1501)]
        self.assertEqual([line[-2 - len(str(n)):-1] for n, line in zip((1, 2, 1002), self.seen(options, flood))], [":1", ":2", ":1002"])
        secure = [(0, "wss://h:443/ws", True)]
        self.assertEqual(
            self.seen(options, secure), ["publishing as t; to watch: https://gpu-box:443/"]
        )

    def seen(self, options: types.SimpleNamespace, calls: Iterable) -> list[str]:
        """What is said after so many seconds, of what the bridge tells then."""
        with contextlib.redirect_stderr(io.StringIO()) as shown:
            greeting = _greeting.Greeting(options, None)
            now = time.monotonic()
            for after, told, met in calls:
                greeting.see(now + after, told, met)
        return [line.replace("ppo_bridge: ", "") for line in shown.getvalue().splitlines()]

    def test_another_one_when_no_bridge_answers(self) -> None:
        bridge = FakeBridge()
        self.addCleanup(bridge.close)
        code = "p = Publisher('t', endpoint=%r, flush_ms=0); time.sleep(3.5)"
        self.assertEqual(
            self.said(code % "tcp://127.0.0.1:9")[1:],
            ["ppo_bridge: no bridge answers at tcp://127.0.0.1:9 so far; events wait for it"],
        )
        # A false bridge has to be looked after to be one.
        ended = threading.Event()
        thread = threading.Thread(target=lambda: [bridge.receive(0.01) for _ in iter(ended.is_set, 1)])
        thread.start()
        try:
            self.assertEqual(self.said(code % bridge.endpoint)[1:], [])
        finally:
            ended.set()
            thread.join()

    def test_workers_say_nothing(self) -> None:
        for method in ("fork", "spawn"):
            with tempfile.TemporaryDirectory() as place:
                program = pathlib.Path(place) / "train.py"
                program.write_text(
                    "import multiprocessing\nfrom ppo_bridge import Publisher\n"
                    "def work(): Publisher('w', flush_ms=0).close()\n"
                    "if __name__ == '__main__':\n"
                    "    w = multiprocessing.get_context(%r).Process(target=work)\n"
                    "    w.start(); w.join()\n" % method
                )
                done = subprocess.run(
                    [sys.executable, program],
                    capture_output=True,
                    text=True,
                    env={**os.environ, "PPO_QUIET": "0"},
                )
            self.assertEqual((done.returncode, done.stderr), (0, ""))


class Refusals(unittest.TestCase):
    def setUp(self) -> None:
        quiet(self)
        self.publisher = Publisher("t", endpoint="tcp://127.0.0.1:9", control="", flush_ms=0)
        self.addCleanup(self.publisher.close)

    def test_what_cannot_be_an_event_is_counted_and_raises_nothing(self) -> None:
        for event_type, data in (
            ("", {}),
            ("_source", {}),
            ("a b", {}),
            ("x" * 65, {}),
            (None, {}),
            ([], {}),
            ("x", 5),
            ("x", [1]),
            ("x", "text"),
            ("x", iter([])),
            ("x", mock.MagicMock()),  # has whatever it is asked for
            ("x", {str(n): "y" * 10 for n in range(100_000)}),
            ("x", {str(n): n for n in range(300_000)}),
        ):
            with self.subTest(type=str(event_type)[:10]):
                self.assertFalse(self.publisher.publish(event_type, data))
        self.assertEqual(self.publisher.stats().refused, 13)
        self.assertEqual(self.publisher.stats().published, 0)

    def test_after_close_everything_is_refused(self) -> None:
        self.publisher.close()
        self.publisher.close()
        self.assertFalse(self.publisher.publish("x", {}))
        self.assertIn("closed", self.publisher.error)

    def test_a_handler_that_raises_costs_its_line_alone(self) -> None:
        class Broken(logging.Handler):
            def handle(self, record: logging.LogRecord) -> bool:
                met.append(record)
                raise RuntimeError("no")

        met: list = []
        log = logging.getLogger("ppo_bridge")
        log.setLevel(logging.NOTSET)
        broken = Broken()
        log.addHandler(broken)
        self.addCleanup(log.removeHandler, broken)
        self.publisher.publish("not a type", {})
        wait_until(lambda: met)
        self.assertTrue(self.publisher.publish("x", {}))
        self.publisher.close()
        self.assertFalse([s for s in _sender.running if s is self.publisher._sender])

    def test_refusals_are_logged_together(self) -> None:
        logging.getLogger("ppo_bridge").setLevel(logging.NOTSET)
        with self.assertLogs("ppo_bridge", "WARNING") as logged:
            for _ in range(100):
                self.publisher.publish("a b", {})
            wait_until(lambda: self.publisher._sender._logged[0] == 100)
        self.assertLessEqual(len(logged.output), 3)
        self.assertIn("the type must be 1-64 of", logged.output[-1])

    def test_what_no_bridge_took_is_said_so_at_the_end(self) -> None:
        logging.getLogger("ppo_bridge").setLevel(logging.NOTSET)
        for n in range(5):
            self.publisher.publish("x", {})
        with self.assertLogs("ppo_bridge", "WARNING") as logged:
            self.publisher.close()
        self.assertEqual(
            [record.getMessage() for record in logged.records],
            ["5 event(s) are lost: no bridge was there at tcp://127.0.0.1:9"],
        )

    def test_what_was_left_out_is_logged_with_its_path(self) -> None:
        logging.getLogger("ppo_bridge").setLevel(logging.NOTSET)
        with self.assertLogs("ppo_bridge", "WARNING") as logged:
            self.publisher.publish("x", {"a": {"b": [1, 2, 3, iter("eaten")]}})
            wait_until(lambda: logged.output)
        self.assertIn(
            "left out 1 value(s); the last: of an event of type 'x', data.a.b[3]: a str_ascii_iterator,"
            .replace("str_ascii_iterator", type(iter("eaten")).__name__),
            logged.output[0],
        )


class Values(unittest.TestCase):
    """What one value costs the others of its event: nothing."""

    def setUp(self) -> None:
        quiet(self)
        self.outbox = Outbox(1024 * 1024)

    def told(self, data: Any, timestamp: Any = None) -> dict:
        self.assertTrue(self.outbox.offer("x", data, timestamp), self.outbox.complaint)
        (text,) = self.outbox.take(1, 0, ',"number":')
        body = json.loads(text)
        self.at = body["timestamp"]
        return body["data"]

    def test_types_of_the_standard_library(self) -> None:
        @dataclasses.dataclass
        class Slots:
            __slots__ = ("low", "high")
            low: int
            high: int

        Pair = collections.namedtuple("Pair", "a b")

        class Side(enum.Enum):
            BUY = "buy"
            SELL = object()

        day = datetime.datetime(2026, 4, 26, 1, 2, 3, tzinfo=datetime.timezone.utc)
        for value, told in (
            (decimal.Decimal("1.25"), 1.25),
            (fractions.Fraction(1, 4), 0.25),
            (collections.deque([1, 2]), [1, 2]),
            ({"a": 1}.keys(), ["a"]),
            ({"a": 1}.values(), [1]),
            ({"a": 1}.items(), [["a", 1]]),
            (collections.UserDict(a=1), {"a": 1}),
            (collections.UserList([1]), [1]),
            (collections.UserString("a"), "a"),
            (types.MappingProxyType({"a": 1}), {"a": 1}),
            (range(3), [0, 1, 2]),
            (array.array("d", [1.5]), [1.5]),
            (memoryview(b"ab"), [97, 98]),
            (Side.BUY, "buy"),
            (Side.SELL, "SELL"),
            (signal.SIGTERM, 15),
            (Slots(1, 2), {"low": 1, "high": 2}),
            (Pair(1, 2), [1, 2]),
            (day, "2026-04-26T01:02:03+00:00"),
            (day.date(), "2026-04-26"),
            (day.time(), "01:02:03"),
            (datetime.timedelta(seconds=90), 90.0),
            (pathlib.PurePosixPath("/a"), "/a"),
            (uuid.UUID(int=1), str(uuid.UUID(int=1))),
            (1 + 2j, "(1+2j)"),
            (int, "<class 'int'>"),
        ):
            with self.subTest(repr(value)):
                self.assertEqual(self.told({"a": value, "b": [value]}), {"a": told, "b": [told]})
                self.assertEqual(self.told({"a": value, (): 1})["a"], told)  # told piece by piece
        self.assertEqual(self.told(Slots(1, 2)), {"low": 1, "high": 2})
        self.assertEqual(self.told(Pair(1, 2)), {"a": 1, "b": 2})
        self.assertEqual(self.outbox.nulled, 0)

    def test_types_of_numpy(self) -> None:
        class Eager:  # has the shape of TensorFlow's
            def __array__(self) -> numpy.ndarray:
                return numpy.array([1.0, 2.0])

        for value, told in (
            (numpy.longdouble(1.5), 1.5),
            (numpy.array([1.5], numpy.longdouble), [1.5]),
            (numpy.complex64(1j), "1j"),
            (numpy.clongdouble(1j), "1j"),
            (numpy.float16(0.5), 0.5),
            (numpy.datetime64("2026-04-26T01:02:03.000000001"), "2026-04-26T01:02:03.000000001"),
            (numpy.array(["2026-04-26"], "datetime64[D]"), ["2026-04-26"]),
            (numpy.timedelta64(90, "s"), 90.0),
            (numpy.array([{"a": decimal.Decimal(1)}], object), [{"a": 1.0}]),
            (numpy.str_("a"), "a"),
            (numpy.bytes_(b"a"), "a"),
            (numpy.array(5), 5),
            (Eager(), [1.0, 2.0]),
        ):
            with self.subTest(repr(value)):
                self.assertEqual(self.told({"a": value}), {"a": told})
        self.assertEqual(self.outbox.nulled, 0)

    def test_what_reading_would_use_up_is_not_read(self) -> None:
        counter = itertools.count()
        file = tempfile.TemporaryFile()
        self.addCleanup(file.close)
        for value in (iter([1, 2]), (n for n in [1, 2]), map(str, [1, 2]), zip([1, 2])):
            self.assertEqual(self.told({"a": value, "b": 1}), {"a": None, "b": 1})
            self.assertEqual(len(list(value)), 2)
        self.assertEqual(self.told({"a": counter, "b": file}), {"a": None, "b": None})
        self.assertEqual(next(counter), 0)
        self.assertEqual(self.outbox.nulled, 6)
        self.assertFalse(self.outbox.offer("x", iter([("a", 1)]), None))

    def test_what_has_a_length_and_goes_on_for_ever_is_not_read_to_its_end(self) -> None:
        class Endless(Sequence):
            def __getitem__(self, n: object) -> object:
                return n

            def __len__(self) -> int:
                return 3

        class EndlessSet(Set):
            def __contains__(self, _: object) -> bool:
                return True

            def __iter__(self) -> Any:
                return itertools.count()

            def __len__(self) -> int:
                return 3

        class EndlessMapping(Mapping):
            def __getitem__(self, key: object) -> object:
                return key

            def __iter__(self) -> Any:
                return map(str, itertools.count())

            def __len__(self) -> int:
                return 3

        for value in (Endless(), EndlessSet(), EndlessMapping()):
            self.assertEqual(self.told({"a": value, "b": 1}), {"a": None, "b": 1})
            self.assertIn("data.a: of 262145 elements", self.outbox.loss)
        self.assertFalse(self.outbox.offer("x", EndlessMapping(), None))

    def test_a_name_that_is_too_long_costs_its_member_and_no_time(self) -> None:
        self.assertEqual(self.told({"y" * (1 << 21): 1, "b": 2}), {"b": 2})
        self.assertIn("a name of 2097152 characters", self.outbox.loss)
        names = {"%d" % n + "y" * (1 << 18 - 1): 1 for n in range(20)}
        with mock.patch("ppo_bridge._json.encode", side_effect=encode) as encoded:
            self.assertFalse(self.outbox.offer("x", names, None))
        self.assertLess(encoded.call_count, 32 * len(names))

    def test_one_bad_value_costs_that_value(self) -> None:
        class Stubborn:
            def __str__(self) -> str:
                raise RuntimeError("no")

        class Even:  # a new one each time
            def tolist(self) -> object:
                return Odd()

        class Odd:
            def tolist(self) -> object:
                return Even()

        @dataclasses.dataclass
        class Half:
            __slots__ = ("low", "high")
            low: int
            high: int

        half = Half(1, 2)
        del half.high
        deep: list = []
        for _ in range(100):
            deep = [deep]
        ring: dict = {"n": 1}
        ring["self"] = [ring]
        for value, told, lost in (
            (Stubborn(), None, "data.a.b[1]: RuntimeError: no"),
            (Odd(), None, "data.a.b[1]: within itself"),
            (decimal.Decimal("sNaN"), None, "data.a.b[1]: ValueError: cannot convert"),
            (10**5000, None, "data.a.b[1]: an integer of 16610 bits"),
            (half, {"low": 1, "high": None}, "data.a.b[1].high: has no value"),
            (ring, {"n": 1, "self": [None]}, "data.a.b[1].self[0]: within itself"),
            (numpy.zeros(1 << 20), None, "data.a.b[1]: of 1048576 elements; must be at most 262144"),
            (range(1 << 40), None, "data.a.b[1]: of 1099511627776 elements"),
            ([0] * (1 << 19), None, "data.a.b[1]: of 524288 elements"),
            ("y" * (1 << 20), None, "data.a.b[1]: 1048578 characters, for which there is no room"),
            ("\u20ac" * 400_000, None, "data.a.b[1]: 400002 characters, for which"),
            ({Stubborn(): 1, "c": 2}, {"c": 2}, "data.a.b[1].<Stubborn>: no"),
        ):
            with self.subTest(lost):
                before = self.outbox.nulled
                found = self.told({"a": {"b": [0, value]}, "c": 5})
                self.assertEqual(found, {"a": {"b": [0, told]}, "c": 5})
                self.assertIn(lost, self.outbox.loss)
                self.assertEqual(self.outbox.nulled, before + 1)
        found = self.told({"a": deep, "b": 1})
        self.assertEqual(found["b"], 1)
        self.assertIn("deeper than 63 levels", self.outbox.loss)
        self.assertIn("null", encode(found))

    def test_members_go_one_by_one_until_the_rest_has_room(self) -> None:
        data = {name: "y" * size for name, size in (("a", 10), ("b", 600_000), ("c", 700_000))}
        found = self.told({**data, "d": {"e": "z" * 300_000}})
        self.assertEqual({k: v is not None for k, v in found.items()},
                         {"a": True, "b": True, "c": False, "d": True})

    def test_a_time_that_is_none_costs_the_time(self) -> None:
        for timestamp in ("yesterday", float("nan"), float("inf"), -1e12, 10**400, [], object()):
            self.assertEqual(self.told({"a": 1}, timestamp), {"a": 1})
            self.assertLess(abs(self.at - time.time()), 60)
        self.assertEqual(self.outbox.nulled, 7)
        self.assertIn("timestamp: <object object at", self.outbox.loss)
        for timestamp, at in (
            (numpy.float32(1.5), 1.5),
            (0, 0.0),
            (decimal.Decimal(2), 2.0),
            (datetime.datetime.fromtimestamp(7), 7.0),
        ):
            self.told({}, timestamp)
            self.assertEqual(self.at, at)
        self.assertEqual(self.outbox.nulled, 7)

    def test_a_dict_that_another_thread_changes_is_published(self) -> None:
        data = {str(n): n for n in range(1000)}
        ended = threading.Event()

        def change() -> None:
            n = 0
            while not ended.is_set():
                data["more%d" % (n % 500)] = n
                data.pop("more%d" % ((n - 200) % 500), None)
                n += 1

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(300):
                self.assertEqual(self.told({"a": data, (): 1})["a"]["999"], 999)
        finally:
            ended.set()
            thread.join()


class Overload(unittest.TestCase):
    def test_what_was_refused_does_not_count_as_waiting(self) -> None:
        outbox = Outbox(1024 * 1024)
        data = {"text": "x" * 200_000}

        def fill() -> None:
            while outbox.offer("x", data, None):
                pass
            for _ in range(400):
                outbox.offer("x", data, None)

        threads = [threading.Thread(target=fill) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertGreaterEqual(outbox.refused, 1600)
        while not outbox.empty():
            outbox.take(64, 0, ',"number":')
        for _ in range(300):
            self.assertTrue(outbox.offer("x", {}, None), outbox.complaint)

    def test_many_wake_a_thread_that_gathers_once(self) -> None:
        for data, few in (({}, 4097), ({"text": "x" * 500_000}, 8)):
            outbox = Outbox(1024 * 1024)
            outbox.wake = mock.Mock()
            outbox.gathering = True
            for _ in range(few):
                outbox.offer("x", data, None)
            self.assertEqual((outbox.wake.call_count, outbox.gathering), (0, True))
            for _ in range(10):
                outbox.offer("x", data, None)
            self.assertEqual((outbox.wake.call_count, outbox.gathering), (1, False))


class Wire(BridgeTest):
    """What the bridge makes of the bytes."""

    def setUp(self) -> None:
        quiet(self)

    def test_awkward_values_arrive_as_json(self) -> None:
        class Side(enum.Enum):
            BUY = "buy"

        @dataclasses.dataclass
        class Quote:
            low: int
            high: int

        class Tensor:  # has the shape of torch's
            def __init__(self, value: object) -> None:
                self.value = value

            def size(self) -> tuple:
                return ()

            def numel(self) -> int:
                return 1

            def tolist(self) -> object:
                return self.value

        sent = {
            "nan": float("nan"),
            "infinite": [float("inf"), -float("inf")],
            "float64": numpy.float64(0.1),
            "float32": numpy.float32(0.5),
            "int64": numpy.int64(2**62),
            "bool": numpy.bool_(True),
            "array": numpy.arange(3),
            "tensor": Tensor(2.5),
            "big": 2**64,
            "tiny": 1e-300,
            "text": "Ring of wealth (i) \u00e9 \U0001f4b0 \"quoted\" \\ \n \0 \ud800",
            "enum": Side.BUY,
            "dataclass": Quote(1, 2),
            "set": {7},
            "tuple": (1, None),
            "bytes": b"abc",
            "keys": {1: "a", None: "b", False: "c", 2.5: "d", numpy.int64(4151): "e"},
        }
        publisher = self.publisher("awkward")
        self.assertTrue(publisher.publish("odd", sent, 1619395200.25))
        event = self.bridge.wait_events(1, source="awkward", type="odd")[0]
        self.assertEqual(event["source_timestamp"], 1619395200.25)
        self.assertEqual((event["run"], event["source_seq"]), (publisher.run, 1))
        self.assertEqual(
            event["data"],
            {
                **sent,
                "nan": None,
                "infinite": [None, None],
                "array": [0, 1, 2],
                "tensor": 2.5,
                "text": sent["text"].replace("\ud800", "\ufffd"),
                "enum": "buy",
                "dataclass": {"low": 1, "high": 2},
                "set": [7],
                "tuple": [1, None],
                "bytes": "abc",
                "keys": {"1": "a", "null": "b", "false": "c", "2.5": "d", "4151": "e"}
            },
        )

    def test_an_event_as_deep_and_as_long_as_allowed_arrives(self) -> None:
        publisher = self.publisher("limits")
        deep: object = 1
        for _ in range(62):
            deep = [deep]
        self.assertTrue(publisher.publish("deep", {"a": deep}))
        self.assertTrue(publisher.publish("braces", {"a": "{[" * 100}))
        self.assertTrue(publisher.publish("long", {"a": "x" * (1024 * 1024 - 300)}))
        types = [e["type"] for e in self.bridge.wait_events(3, source="limits")]
        self.assertEqual(types, ["deep", "braces", "long"])

    def test_what_is_changed_after_publish_was_not_published(self) -> None:
        publisher = self.publisher("snapshot")
        inventory = {"Coal": 1}
        publisher.publish("portfolio_update", {"inventory": inventory})
        inventory["Coal"] = 2
        event = self.bridge.wait_events(1, source="snapshot")[0]
        self.assertEqual(event["data"], {"inventory": {"Coal": 1}})

    def test_events_of_many_threads_come_complete_and_numbered(self) -> None:
        publisher = self.publisher("threads")
        threads = [
            threading.Thread(
                target=lambda t=t: [publisher.publish("n", {"t": t, "n": n}) for n in range(1000)]
            )
            for t in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        events = self.bridge.wait_events(4000, source="threads")
        self.assertEqual([e["source_seq"] for e in events], list(range(1, 4001)))
        for t in range(4):
            numbers = [e["data"]["n"] for e in events if e["data"]["t"] == t]
            self.assertEqual(numbers, list(range(1000)))
        self.assertTrue(publisher.flush())
        stats = publisher.stats()
        self.assertEqual((stats.published, stats.sent, stats.queued), (4000, 4000, 0))

    def test_the_bridge_refused_nothing(self) -> None:
        self.publisher("last").publish("x", {})
        self.bridge.wait_events(1, source="last")
        self.assertEqual(self.bridge.counters()["rejected"], 0)


class Sending(unittest.TestCase):
    """By a call that keeps the interpreter, and by pyzmq's where there is none."""

    def test_the_call_is_found(self) -> None:
        self.assertIsNotNone(_send._zmq_send)

    def test_both_send_the_same_and_tell_when_a_queue_is_full(self) -> None:
        for quick in (_send._zmq_send, None):
            with mock.patch.object(_send, "_zmq_send", quick), zmq.Context() as context:
                there, here = context.socket(zmq.PULL), context.socket(zmq.PUSH)
                here.setsockopt(zmq.LINGER, 0)
                with self.assertRaises(zmq.Again):  # nobody is there
                    _send.send(here, b"x")
                for socket in (there, here):
                    socket.set_hwm(1)
                there.bind("inproc://there")
                here.connect("inproc://there")
                _send.send(here, b"a\0b", zmq.SNDMORE)
                _send.send(here, b"")
                with self.assertRaises(zmq.Again):
                    for _ in range(8):
                        _send.send(here, b"more")
                self.assertEqual(there.recv_multipart(), [b"a\0b", b""])
                there.close(), here.close()


class Bytes(unittest.TestCase):
    def test_one_line_an_event_behind_a_topic(self) -> None:
        bridge = FakeBridge()
        self.addCleanup(bridge.close)
        with Publisher("s", run="r", endpoint=bridge.endpoint, control="") as publisher:
            publisher.publish("price_update", {"item": "Coal\n", "price": 199}, 1.5)
            topic, body = bridge.receive()
        self.assertEqual(topic, b"price_update/s/")
        self.assertEqual(
            body,
            b'{"type":"price_update","data":{"item":"Coal\\n","price":199},"timestamp":1.500000,'
            b'"source":"s","run":"r","source_seq":1}',
        )

    def test_the_first_event_waits_for_the_bridge(self) -> None:
        endpoint = free_address()
        with Publisher("s", endpoint=endpoint, control="") as publisher:
            for n in range(100):
                publisher.publish("n", {"n": n})
            bridge = FakeBridge(endpoint)
            self.addCleanup(bridge.close)
            self.assertEqual([b["data"]["n"] for b in bridge.bodies(100)], list(range(100)))

    def test_who_subscribes_to_more_than_a_bridge_does_gets_nothing_and_is_tried_again(self) -> None:
        quiet(self)
        bridge = FakeBridge()
        self.addCleanup(bridge.close)
        topics = [b"%d" % n for n in range(1500)]
        for topic in topics:
            bridge._events.subscribe(topic)
        with Publisher("s", endpoint=bridge.endpoint, control="") as publisher:
            publisher.publish("n")
            bridge.receive(1)  # perhaps before it was too much
            wait_until(lambda: not publisher.connected)
            publisher.publish("n")
            self.assertIsNone(bridge.receive(1))
            for topic in topics:
                bridge._events.unsubscribe(topic)
            self.assertIsNotNone(bridge.receive())

    def test_a_full_ring_lets_the_oldest_go_and_counts(self) -> None:
        quiet(self)
        for limits, kept in (({"ring_events_max": 10}, 10), ({"ring_bytes_max": 1200}, None)):
            endpoint = free_address()
            with Publisher("s", endpoint=endpoint, control="", **limits) as publisher:
                for n in range(100):
                    publisher.publish("n", {"n": n})
                wait_until(lambda: publisher._sender._ring.head == 100)
                stats = publisher.stats()
                self.assertEqual(stats.published, stats.dropped + stats.queued)
                kept = kept or stats.queued
                self.assertEqual(stats.queued, kept)
                self.assertGreater(kept, 5)
                bridge = FakeBridge(endpoint)
                self.addCleanup(bridge.close)
                bodies = bridge.bodies(kept)
                self.assertEqual([b["source_seq"] for b in bodies], list(range(101 - kept, 101)))


class End(BridgeTest):
    def test_a_program_that_publishes_and_ends_at_once_is_heard(self) -> None:
        done = run_python(
            "from ppo_bridge import Publisher\n"
            "p = Publisher('brief')\n"
            "for n in range(1000): p.publish('n', {'n': n})\n",
            PPO_EVENTS_ADDRESS=self.bridge.events_in,
            PPO_CONTROL_ADDRESS=self.bridge.control,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(self.bridge.wait_events(1000, source="brief", type="n")), 1000)

    def test_a_publisher_that_is_let_go_still_sends(self) -> None:
        publisher = Publisher("let-go", endpoint=self.bridge.events_in, control="")
        publisher.publish("x", {})
        del publisher
        self.bridge.wait_events(1, source="let-go")

    def test_no_bridge_and_a_frozen_one_do_not_hold_up_the_end(self) -> None:
        code = (
            "from ppo_bridge import Publisher\n"
            "p = Publisher('late')\n"
            "for n in range(20000): p.publish('n', {'n': n, 'text': 'x' * 1000})\n"
        )
        begin = time.monotonic()
        done = run_python(code, PPO_EVENTS_ADDRESS="tcp://127.0.0.1:9", PPO_CONTROL_ADDRESS="")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.bridge.signal(signal.SIGSTOP)
        self.addCleanup(self.bridge.signal, signal.SIGCONT)
        done = run_python(
            code,
            PPO_EVENTS_ADDRESS=self.bridge.events_in,
            PPO_CONTROL_ADDRESS=self.bridge.control,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(time.monotonic() - begin, PATIENCE_S)


class Fork(BridgeTest):
    def test_a_child_has_a_source_of_its_own_and_the_parent_goes_on(self) -> None:
        publisher = self.publisher("parent")
        publisher.publish("x", {"who": "parent"})
        child = os.fork()
        if child == 0:
            code = 1
            try:
                publisher.publish("x", {"who": "child"})
                publisher.close()
                code = 0
            finally:
                os._exit(code)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        publisher.publish("x", {"who": "parent"})
        self.assertEqual(len(self.bridge.wait_events(2, source="parent", type="x")), 2)
        events = self.bridge.wait_events(1, source="parent.%d" % child, type="x")
        self.assertEqual([(e["data"]["who"], e["source_seq"]) for e in events], [("child", 1)])
        self.assertNotEqual(events[0]["run"], publisher.run)

    def test_workers_of_multiprocessing_send_before_they_end(self) -> None:
        done = run_python(
            "import multiprocessing, os\n"
            "from ppo_bridge import Publisher\n"
            "p = Publisher('pool')\n"
            "def work(n): p.publish('work', {'n': n, 'source': p.source})\n"
            "if __name__ == '__main__':\n"
            "    context = multiprocessing.get_context('fork')\n"
            "    workers = [context.Process(target=work, args=(n,)) for n in range(3)]\n"
            "    [w.start() for w in workers]; [w.join() for w in workers]\n",
            PPO_EVENTS_ADDRESS=self.bridge.events_in,
            PPO_CONTROL_ADDRESS=self.bridge.control,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        events = self.bridge.wait_events(3, type="work")
        self.assertEqual(sorted(e["data"]["n"] for e in events), [0, 1, 2])
        self.assertEqual([e["source"] for e in events], [e["data"]["source"] for e in events])
        self.assertEqual(len({e["source"] for e in events}), 3)

    def test_workers_that_import_the_program_are_others(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            program = pathlib.Path(place) / "train.py"
            program.write_text(
                "import multiprocessing\n"
                "from ppo_bridge import Publisher\n"
                "p = Publisher('importing', run_name='n', system_metrics_s=0)\n"
                "p.on_command('pause', print)\n"
                "def work(publishes):\n"
                "    if publishes: p.publish('work', {})\n"
                "if __name__ == '__main__':\n"
                "    context = multiprocessing.get_context('spawn')\n"
                "    for publishes in (True, False):\n"
                "        w = context.Process(target=work, args=(publishes,))\n"
                "        w.start(); w.join(); print(w.pid)\n"
            )
            done = subprocess.run(
                [sys.executable, program],
                capture_output=True,
                text=True,
                env={
                    **os.environ,
                    "PPO_EVENTS_ADDRESS": self.bridge.events_in,
                    "PPO_CONTROL_ADDRESS": self.bridge.control,
                },
            )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        first, second = done.stdout.split()
        events = self.bridge.wait_events(2, source="importing")
        self.assertEqual([e["type"] for e in events], ["run_started", "run_ended"])
        events = self.bridge.wait_events(1, source="importing." + first)
        self.assertEqual([e["type"] for e in events], ["work"])
        self.assertEqual(self.bridge.source("importing." + second), {})
        self.assertEqual(self.bridge.source("importing." + first)["commands"], [])

    def test_pickling_is_refused_with_a_reason(self) -> None:
        import copy

        publisher = self.publisher("pickled")
        with self.assertRaisesRegex(TypeError, "make one in the worker"):
            copy.deepcopy(publisher)


class Pressure(BridgeTest):
    def test_a_frozen_bridge_gets_everything_once_it_goes_on(self) -> None:
        publisher = self.publisher("frozen")
        publisher.publish("n", {"n": 0})
        self.bridge.wait_events(1, source="frozen", type="n")
        self.bridge.signal(signal.SIGSTOP)
        try:
            longest = 0.0
            for n in range(1, 5000):
                begin = time.perf_counter()
                publisher.publish("n", {"n": n, "text": "x" * 2000})
                longest = max(longest, time.perf_counter() - begin)
        finally:
            self.bridge.signal(signal.SIGCONT)
        self.assertLess(longest, 1.0)
        events = self.bridge.wait_events(5000, source="frozen", type="n")
        self.assertEqual([e["data"]["n"] for e in events], list(range(5000)))
        self.assertEqual(publisher.stats().dropped, 0)

    def test_what_waited_for_a_bridge_leaves_without_a_pause(self) -> None:
        endpoint = free_address()
        with Publisher("waited", endpoint=endpoint, control="", gather_ms=1000) as publisher:
            for n in range(2000):
                publisher.publish("n", {"n": n, "text": "x" * 10_000})
            wait_until(lambda: publisher._sender._ring.head == 2000)
            sender, poll, idle = publisher._sender, _sender.zmq.zmq_poll, []

            def seen_poll(sockets: list, timeout_ms: int) -> list:
                if sender.connected and sender._ring.waiting and timeout_ms > 200:
                    idle.append(timeout_ms)
                return poll(sockets, timeout_ms)

            with mock.patch.object(_sender.zmq, "zmq_poll", seen_poll):
                bridge = FakeBridge(endpoint)
                self.addCleanup(bridge.close)
                self.assertEqual([b["data"]["n"] for b in bridge.bodies(2000)], list(range(2000)))
            self.assertEqual(idle, [])

    def test_a_burst_is_not_let_go_of_while_a_bridge_reads(self) -> None:
        small, large = {"agent_id": "agent_0", "price": 199}, {"text": "x" * 400_000}
        for limits, data, count in (
            ({"ring_events_max": 100}, small, 300),
            ({"ring_bytes_max": 12_000}, small, 300),
            ({}, large, 60),
            ({}, small, 3 * 65_536),
        ):
            with self.subTest(limits=limits, count=count):
                publisher = self.publisher("burst", **limits)
                self.assertTrue(publisher.publish("first", {}) and publisher.flush())
                for _ in range(count):
                    publisher.publish("n", data)
                self.assertTrue(publisher.flush(30))
                stats = publisher.stats()
                self.assertEqual((stats.sent, stats.refused, stats.dropped), (count + 1, 0, 0))
                publisher.close()


if __name__ == "__main__":
    unittest.main()
