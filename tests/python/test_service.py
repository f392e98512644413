"""The bridge under a service manager: what it tells (sd_notify), the socket that it takes over, the unit."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

from support import PATIENCE_S, ROOT, Bridge, scratch, started

QUIET = ["events.bind=tcp://127.0.0.1:0", "bots.events=", "bots.commands=", "trainers.control=", 'journal.path=""',
         "auth.mode=off"]


class Service(unittest.TestCase):
    """Stands in for PID 1."""

    def setUp(self) -> None:
        self.place = scratch(self)
        self.log = self.place / "log"

    def start(self, *settings: str, given: socket.socket | None = None, count: int = 1, **environment: str):
        command = [os.environ["PPO_BRIDGE_BIN"]]
        for setting in [*QUIET, *settings]:
            command += ["--set", setting]
        if given is not None:
            script = 'exec 3<&%d; LISTEN_PID=$$ LISTEN_FDS=%d exec "$@"' % (given.fileno(), count)
            command = ["/bin/sh", "-c", script, "sh", *command]
        with self.log.open("w") as log:
            return started(self, command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **environment},
                           pass_fds=() if given is None else (given.fileno(),))

    def ready(self, process) -> str:
        line = process.stdout.readline()
        self.assertTrue(line.startswith("ready "), self.log.read_text())
        return line.split()[1].replace("ws=ws", "http").replace("/ws", "")

    def stop(self, process) -> None:
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
        return answer.read().decode()


class Notify(Service):
    def manager(self, name: str) -> socket.socket:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(name)
        manager.settimeout(PATIENCE_S)
        return manager

    def until(self, manager: socket.socket, line: str) -> list:
        """The lines of the message that has `line`."""
        while True:
            lines = manager.recv(4096).decode().split("\n")
            if line in lines:
                return lines

    def test_it_says_when_it_is_ready_reloads_lives_and_stops(self) -> None:
        path = str(self.place / "notify")
        manager = self.manager(path)
        process = self.start("websocket.listen=127.0.0.1:0", NOTIFY_SOCKET=path, WATCHDOG_USEC="400000")
        said = self.until(manager, "READY=1")
        self.assertIn("STATUS=seq 0, 0 clients", said)
        self.assertEqual(get(self.ready(process) + "/healthz"), "ok\n")
        for _ in range(3):
            self.until(manager, "WATCHDOG=1")
        process.send_signal(signal.SIGHUP)
        since = next(l for l in self.until(manager, "RELOADING=1") if l.startswith("MONOTONIC_USEC="))
        self.assertLess(abs(int(since.split("=")[1]) - time.monotonic_ns() // 1000), 10_000_000)
        self.until(manager, "READY=1")
        process.terminate()
        self.assertIn("STATUS=stopping: SIGTERM", self.until(manager, "STOPPING=1"))
        self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_a_loop_that_is_stuck_feeds_no_watchdog(self) -> None:
        name = "\0ppo-bridge-test-%d" % os.getpid()
        manager = self.manager(name)
        process = self.start("websocket.listen=127.0.0.1:0", NOTIFY_SOCKET="@" + name[1:], WATCHDOG_USEC="200000",
                             WATCHDOG_PID="0")
        self.until(manager, "WATCHDOG=1")
        process.send_signal(signal.SIGSTOP)
        manager.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            while True:
                manager.recv(4096)
        process.send_signal(signal.SIGCONT)
        manager.settimeout(PATIENCE_S)
        self.until(manager, "WATCHDOG=1")

    def test_another_processes_watchdog_is_not_fed_and_nobody_need_listen(self) -> None:
        path = str(self.place / "notify")
        manager = self.manager(path)
        self.start("websocket.listen=127.0.0.1:0", NOTIFY_SOCKET=path, WATCHDOG_USEC="100000", WATCHDOG_PID="1")
        self.until(manager, "READY=1")
        until = time.monotonic() + 1
        while time.monotonic() < until:
            self.assertNotIn("WATCHDOG", manager.recv(4096).decode())
        for nobody in ("/nowhere/notify", "/" + "x" * 200, "relative", "@", ""):
            with self.subTest(nobody):
                process = self.start("websocket.listen=127.0.0.1:0", NOTIFY_SOCKET=nobody)
                self.ready(process)
                self.stop(process)


class Socket(Service):
    def listening(self, host: str = "127.0.0.1", family: int = socket.AF_INET) -> socket.socket:
        given = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(given.close)
        given.bind((host, 0))
        given.listen(100)
        return given

    def test_clients_wait_while_the_bridge_is_restarted(self) -> None:
        for threads in ("1", "3"):
            with self.subTest(threads=threads):
                given = self.listening()
                port = given.getsockname()[1]
                for _ in range(2):
                    waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
                    for client in waiting:
                        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    process = self.start("websocket.listen=localhost:%d" % port, "websocket.threads=" + threads,
                                         given=given)
                    self.assertEqual(self.ready(process), "http://localhost:%d" % port)
                    for client in waiting:
                        client.settimeout(PATIENCE_S)
                        self.assertIn(b" 200 ", client.recv(4096))
                        client.close()
                    self.stop(process)

    def test_ipv6_and_any_port(self) -> None:
        given = self.listening("::1", socket.AF_INET6)
        process = self.start("websocket.listen=[::1]:0", given=given)
        page = self.ready(process)
        self.assertEqual(page, "http://[::1]:%d" % given.getsockname()[1])
        self.assertEqual(get(page + "/healthz"), "ok\n")

    def test_a_socket_that_is_not_that_of_the_configuration_is_refused(self) -> None:
        good = self.listening()
        listen = "websocket.listen=127.0.0.1:%d" % good.getsockname()[1]
        other, idle = self.listening(), socket.socket()
        self.addCleanup(idle.close)
        local = socket.socket(socket.AF_UNIX)
        self.addCleanup(local.close)
        local.bind(str(self.place / "local"))
        local.listen(1)
        cases = [(other, 1, "must be websocket.listen"), (good, 2, "there are 2; must be 1"),
                 (idle, 1, "does not listen"), (local, 1, "no TCP socket")]
        with open(os.devnull, "rb") as no_socket:
            for given, count, said in [*cases, (no_socket, 1, "no socket")]:
                with self.subTest(said):
                    process = self.start(listen, given=given, count=count)
                    self.assertEqual(process.wait(PATIENCE_S), 1)
                    self.assertIn(said, self.log.read_text())

    def test_one_that_is_for_another_process_is_left_alone(self) -> None:
        process = self.start("websocket.listen=127.0.0.1:0", LISTEN_PID="1", LISTEN_FDS="1")
        self.assertEqual(get(self.ready(process) + "/healthz"), "ok\n")


class Container(unittest.TestCase):
    def test_it_runs_as_nobody_special_and_its_health_is_asked_by_the_client(self) -> None:
        text = (ROOT / "conf/Containerfile").read_text().replace("\\\n", " ")
        said = dict(line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        self.assertEqual(said["FROM"], "debian:bookworm-slim")
        self.assertEqual(said["USER"], "ppo-bridge:ppo-bridge")
        check = json.loads(said["HEALTHCHECK"].split("CMD ", 1)[1])
        client = Path(os.environ["PPO_BRIDGE_BIN"]).with_name(check[0])
        if not client.exists():
            self.skipTest("ppo-client is not built")
        bridge = Bridge()
        self.addCleanup(bridge.close)
        command = [client, *check[1:], "--url", bridge.ws]
        self.assertEqual(subprocess.run(command, capture_output=True).returncode, 0)
        bridge.kill()
        self.assertEqual(subprocess.run(command, capture_output=True).returncode, 1)


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
class Unit(unittest.TestCase):
    def analyze(self, *arguments: object) -> str:
        done = subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True,
                              env={**os.environ, "SYSTEMD_COLORS": "0", "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_the_units_are_valid(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            for unit in ("ppo-bridge.service", "ppo-bridge.socket"):
                text = (ROOT / "conf" / unit).read_text()
                text = text.replace("/usr/bin/ppo-bridge", os.environ["PPO_BRIDGE_BIN"])
                text = re.sub("^Documentation=.*\n", "", text, flags=re.M)  # not installed here
                Path(place, unit).write_text(text)
            said = self.analyze("verify", Path(place, "ppo-bridge.service"), Path(place, "ppo-bridge.socket"))
        self.assertEqual([line for line in said.splitlines() if "ppo-bridge" in line], [])

    def test_the_service_is_exposed_little(self) -> None:
        said = self.analyze("security", "--offline=yes", "--no-pager", ROOT / "conf/ppo-bridge.service")
        level = re.search(r"Overall exposure level for ppo-bridge.service: ([\d.]+)", said)
        assert level is not None, said
        self.assertLessEqual(float(level.group(1)), 2.0)


if __name__ == "__main__":
    unittest.main()
