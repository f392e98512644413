"""CURVE as a third party uses it, with pyzmq alone: who gets in."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import zmq
from keyed_bridge import KeyedBridge, body
from support import PATIENCE_S, Bridge, wait_until


class WhoGetsIn(KeyedBridge):
    def test_the_four_cases_and_what_each_counts_as(self) -> None:
        self.publisher("trainer-1").send(body("trainer-1"))
        wait_until(lambda: self.events(type="t"))
        # Without a key, to each socket.
        sockets = [
            self.connected(zmq.XPUB, None, self.bridge.events_in),
            self.connected(zmq.DEALER, None, self.bridge.control),
            self.connected(zmq.REQ, None, self.bridge.commands),
            self.connected(zmq.SUB, None, self.bridge.events_out, SUBSCRIBE=b""),
        ]
        sockets[1].send_multipart([b"", body("trainer-1", type="_source")])
        sockets[2].send(b'{"command":"get_status"}')
        wait_until(lambda: sum(self.failed().values()) >= 4)

        # Where its own end closes first, all that is seen of it is a handshake that broke off.
        def one_more() -> bool:
            sockets.append(self.connected(zmq.XPUB, None, self.bridge.events_in))
            return self.failed()["without_key"] >= 1

        wait_until(one_more)
        self.assertEqual(self.failed()["refused"], 0)
        # A key that is not listed.
        pub, sec = zmq.curve_keypair()
        (self.home / "stranger.key").write_bytes(b"%b\n%b\n%b\n" % (pub, sec, self.public.encode()))
        sockets.append(self.connected(zmq.XPUB, "stranger", self.bridge.events_in))
        wait_until(lambda: self.failed()["refused"] >= 1)
        # The key of another bridge.
        words = Path(self.file("trainer-1")).read_text().split()
        (self.home / "lost.key").write_text("\n".join([*words[:2], zmq.curve_keypair()[0].decode()]))
        sockets.append(self.connected(zmq.XPUB, "lost", self.bridge.events_in))
        wait_until(lambda: self.failed()["wrong_server_key"] >= 2)
        for s in sockets:
            self.assertFalse(s.poll(10), "it got in")
        self.assertEqual(len(self.events(type="t")), 1)
        self.assertIn("which is not listed", self.bridge.log())

    def test_a_key_that_is_listed_later_gets_in_and_a_broken_file_changes_nothing(self) -> None:
        pub, sec = zmq.curve_keypair()
        (self.home / "late.key").write_bytes(b"%b\n%b\n%b\n" % (pub, sec, self.public.encode()))
        self.listed("add", "late", "--role", "trainer", "--", pub.decode())
        good = self.publisher("late")
        good.send(body("late"))
        wait_until(lambda: self.events(source="late"))
        with open(self.credentials, "a") as file:
            file.write("nonsense\n")
        wait_until(lambda: "stay as they were" in self.bridge.log())
        good.send(body("late"))
        wait_until(lambda: len(self.events(source="late")) == 2)
        self.publisher("trainer-1")


class Roles(KeyedBridge):
    """Each role, and who has none, against each socket."""

    roles = """[[role.desk.publish]]
types = ["t", "m*"]
sources = ["{name}"]
[[role.desk.read]]
types = ["t", "last"]
[[role.desk.command]]
commands = ["get_status"]
[role.idle]
"""
    may = {
        "viewer": {"out", "commands"},
        "operator": {"out", "commands"},
        "bot": {"out", "commands"},
        "trainer": {"events", "control"},
        "metrics": set(),
        "admin": {"events", "control", "out", "commands"},
        "desk": {"events", "control", "out", "commands"},
        "idle": set(),
    }
    holders = tuple((role, role) for role in may) + (("boss", "operator"),)
    kinds = {"events": zmq.XPUB, "control": zmq.DEALER, "commands": zmq.DEALER, "out": zmq.SUB}

    def setUp(self) -> None:
        super().setUp()
        self.at = {"events": self.bridge.events_in, "control": self.bridge.control,
                   "commands": self.bridge.commands, "out": self.bridge.events_out}
        pub, sec = (word.decode() for word in zmq.curve_keypair())
        Path(self.file("stranger")).write_text("\n".join((pub, sec, self.public)))
        words = Path(self.file("admin")).read_text().split()
        Path(self.file("lost")).write_text("\n".join((*words[:2], pub)))

    def test_who_is_let_in_where(self) -> None:
        watched = []
        for name in (*self.may, "stranger", "lost", None):
            for socket, kind in self.kinds.items():
                s = self.socket(kind, name)
                watch = s.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
                                             | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_DISCONNECTED)
                watched.append((name, socket, watch, s))
                s.connect(self.at[socket])
        for name, socket, watch, _ in watched:
            with self.subTest(name=name, socket=socket):
                self.assertTrue(watch.poll(PATIENCE_S * 1000))
                event = int.from_bytes(watch.recv_multipart()[0][:2], "little")
                self.assertEqual(event == zmq.EVENT_HANDSHAKE_SUCCEEDED, socket in self.may.get(name, ()), event)
                if name in self.may and socket not in self.may[name]:
                    self.assertEqual(event, zmq.EVENT_HANDSHAKE_FAILED_AUTH)

    def test_what_is_done_there(self) -> None:
        readers = {}
        for name, sockets in self.may.items():
            if "out" in sockets:
                s = readers[name] = self.socket(zmq.SUB, name)
                for topic in (b"t/trainer/", b"t/admin/", b"t/another/", b"t/desk/", b"other/admin/", b"last/trainer/"):
                    s.subscribe(topic)
                s.connect(self.at["out"])
        publishers = {name: self.publisher(name) for name, sockets in self.may.items() if "events" in sockets}
        for s in readers.values():
            while not s.poll(20):  # until its subscription is there
                publishers["trainer"].send(body("trainer"))
        for name, s in publishers.items():
            for type in ("t", "other"):
                for source in (name, "another"):
                    s.send(body(source, type=type, by=name))
        # trainer: its two; admin: all four; desk: t of its own.
        wait_until(lambda: self.rejected() == 2 + 0 + 3)
        events = {(e["data"]["by"], e["type"], e["source"]) for e in self.events() if "by" in e["data"]}
        self.assertEqual(events, {("trainer", "t", "trainer"), ("trainer", "other", "trainer"), ("desk", "t", "desk")}
                         | {("admin", type, source) for type in ("t", "other") for source in ("admin", "another")})
        publishers["trainer"].send(body("trainer", type="last"))
        for name, s in readers.items():
            with self.subTest(reader=name):
                seen = []
                while (not seen or seen[-1][0] != "last") and s.poll(PATIENCE_S * 1000):
                    event = json.loads(s.recv_multipart()[-1])
                    if event["type"] == "last" or "by" in event["data"]:
                        seen.append((event["type"], event["source"]))
                wanted = {("t", "trainer"), ("t", "admin"), ("t", "another"), ("t", "desk"), ("other", "admin"), ("last", "trainer")}
                self.assertEqual(set(seen), wanted - {("other", "admin")} if name == "desk" else wanted)
        for name, outcomes in {"viewer": (None, "forbidden", "forbidden"), "bot": (None, "forbidden", "unknown_target"),
                               "operator": (None, "unknown_target", "unknown_target"),
                               "admin": (None, "unknown_target", "unknown_target"),
                               "desk": (None, "forbidden", "forbidden")}.items():
            for command, outcome in zip(("get_status", "pause", "place_order"), outcomes):
                with self.subTest(name=name, command=command):
                    reply = self.ask(command, key=name, target=None if outcome is None else "nobody")
                    self.assertEqual(reply.get("data", {}).get("error_type"), outcome)
        trainers = []
        for name in ("trainer", "admin", "desk"):
            for source in (name, "x-" + name):
                s = self.connected(zmq.DEALER, name, self.at["control"])
                trainers.append(s)
                s.send_multipart([b"", body(source, type="_source", commands=["pause"])])
        # Only an admin says hello as somebody else.
        wait_until(lambda: self.connected_sources() == {"trainer", "admin", "desk", "x-admin"})
        for s in trainers:
            s.close()

    def connected_sources(self) -> set[str]:
        return {s["source"] for s in self.ask("get_sources")["result"]["sources"] if s.get("connected")}


class Connecting(KeyedBridge):
    """The bridge connects to a PUB that a source binds, and is the one that lets in all the same."""

    def setUp(self) -> None:
        with zmq.Context() as context, context.socket(zmq.PUB) as probe:
            self.address = "tcp://127.0.0.1:%d" % probe.bind_to_random_port("tcp://127.0.0.1")
        self.settings = ('events.connect=["%s"]' % self.address,)
        super().setUp()

    def test_a_source_that_binds_has_to_have_a_key_and_denying_it_harms_nothing(self) -> None:
        pub, sec = zmq.curve_keypair()
        (self.home / "stranger.key").write_bytes(b"%b\n%b\n%b\n" % (pub, sec, self.public.encode()))
        stranger = self.socket(zmq.XPUB, "stranger")
        stranger.bind(self.address)
        wait_until(lambda: self.failed()["refused"] >= 3)  # it comes again
        self.assertFalse(stranger.poll(10))
        stranger.close()
        own = self.socket(zmq.XPUB, "trainer-1")
        wait_until(lambda: self.bound(own))
        self.assertTrue(own.poll(PATIENCE_S * 1000))
        own.send(body("trainer-1"))
        own.send(body("trainer-2"))
        wait_until(lambda: self.events(type="t"))
        wait_until(lambda: self.rejected() == 1)
        self.assertEqual([e["source"] for e in self.events(type="t")], ["trainer-1"])

    def bound(self, s: zmq.Socket) -> bool:
        try:
            s.bind(self.address)
            return True
        except zmq.ZMQError:
            return False


class WithoutKeys(unittest.TestCase):
    def test_ipc_asks_the_user_and_loopback_nobody(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            path = "ipc://%s/in.sock" % place
            bridge = Bridge('events.bind=["tcp://127.0.0.1:0", "%s"]' % path)
            self.addCleanup(bridge.close)
            self.assertEqual(os.stat(path[6:]).st_mode & 0o777, 0o600)
            with zmq.Context() as context:
                for address in bridge.events_in.split(","):
                    with context.socket(zmq.XPUB) as s:
                        s.linger = 1000
                        s.connect(address)
                        self.assertTrue(s.poll(PATIENCE_S * 1000), address)
                        s.send(body("anybody"))
                wait_until(lambda: len(bridge.events("t")) == 2)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_ipc_is_for_users_who_are_named(self) -> None:
        code = ("import os, sys, zmq; os.setuid(int(sys.argv[1])); s = zmq.Context().socket(zmq.XPUB);"
                "s.linger = 0; s.connect(sys.argv[2]); print(s.poll(int(sys.argv[3])))")
        with tempfile.TemporaryDirectory() as place:
            os.chmod(place, 0o755)
            path = "ipc://%s/in.sock" % place
            bridge = Bridge('events.bind=["%s"]' % path, 'zmq.ipc_uids=["65534"]')
            self.addCleanup(bridge.close)
            for uid, wait_ms, may in ((65534, 20_000, True), (65533, 500, False)):
                out = subprocess.run(["/usr/bin/python3", "-c", code, str(uid), path, str(wait_ms)],
                                     capture_output=True, text=True)
                self.assertEqual(out.stdout.strip(), "1" if may else "0", out.stderr)
            self.assertIn("not in zmq.ipc_uids", bridge.log())

    def test_a_key_that_others_can_read_or_that_is_none_stops_the_start(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            bridge = os.environ["PPO_BRIDGE_BIN"]
            path = place + "/server.key"
            subprocess.run([bridge, "curve", "--credentials", place + "/c", "create"], check=True, capture_output=True)
            good = Path(path).read_text()
            other = zmq.curve_keypair()[0].decode()
            for text, mode, why in ((good, 0o640, "chmod 600"), ("x\ny\n", 0o600, "must hold two lines"),
                                    (other + "\n" + good.split()[1], 0o600, "do not belong together"),
                                    (None, 0, "No such file")):
                if text is None:
                    os.unlink(path)
                else:
                    Path(path).write_text(text)
                    os.chmod(path, mode)
                ended = subprocess.run([bridge, "--set", "zmq.curve_key=" + path, "--set", 'journal.path=""',
                                        "--set", "websocket.listen=127.0.0.1:0"], capture_output=True, text=True, timeout=30)
                self.assertEqual(ended.returncode, 1)
                self.assertIn("zmq.curve_key: ", ended.stderr)
                self.assertIn(why, ended.stderr)


if __name__ == "__main__":
    unittest.main()
