"""What none of us wrote, in front of the bridge: WebSocket clients of many languages, proxies, another ZeroMQ. Each gets
10,000 events in order and ends with 1000. What is not installed is left out; `./dev test` installs what is small, and
with PPO_FOREIGN=1 the rest: Java and Go take 200 MB and more each."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import unittest
import urllib.request
from pathlib import Path

import websockets
from support import PATIENCE_S, ROOT, Bridge, BridgeTest, free_port, scratch, started, wait_until

HERE = Path(__file__).with_name("foreign")
JAR = "/usr/share/java/jeromq.jar"
GO = shutil.which("go") or shutil.which("go-12")
GOPATH = "/usr/share/gocode"
MODULES = [str(ROOT / "clients/web/node_modules"), "/usr/share/nodejs"]
PATH = os.environ.get("PATH", "") + ":/usr/sbin"
EVENTS = 10_000
TO_BEGIN_S = 3 * PATIENCE_S  # a Java on a busy machine


def needs(there: object, what: str):  # noqa: ANN201
    return unittest.skipUnless(there, "needs " + what)


def post(bridge: Bridge, kind: str, numbers: range) -> None:
    body = "\n".join('{"type":"%s","data":{"n":%d}}' % (kind, n) for n in numbers)
    url = bridge.ws.replace("ws:", "http:").replace("/ws", "/submit_event")
    with urllib.request.urlopen(url, body.encode(), PATIENCE_S) as answer:
        assert json.load(answer)["accepted"] == len(numbers)


class Reading(BridgeTest):
    """The first half of the events is there before the client is, the other comes once it is."""

    def register(self, kind: str) -> str:
        post(self.bridge, kind, range(EVENTS // 2))
        return '{"action":"register","client_id":"%s","subscriptions":["%s"],"since":{"last":%d}}' % (kind, kind, EVENTS // 2)

    def live(self, kind: str) -> None:
        post(self.bridge, kind, range(EVENTS // 2, EVENTS))

    def is_registered(self, kind: str) -> bool:
        return any(c["client_id"] == kind for c in self.bridge.ask("get_clients")["result"]["clients"])

    def check(self, kind: str, messages: list) -> None:
        hello, reply, *events = map(json.loads, messages)
        self.assertEqual((hello["data"]["status"], reply["status"]), ("connected", "registered"))
        self.assertTrue(reply["recovered"])
        self.assertEqual({event["type"] for event in events}, {kind})
        self.assertEqual([event["data"]["n"] for event in events], list(range(EVENTS)))


class Clients(Reading):
    def client(self, kind: str, *command: object, at: tuple = (), **environment: str) -> None:
        register = self.register(kind)
        process = started(self, [*map(str, command), *(at or [self.bridge.ws]), register, str(EVENTS + 2)],
                          stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
        wait_until(lambda: process.poll() is not None or self.is_registered(kind), "for " + kind, TO_BEGIN_S)
        self.live(kind)
        *messages, end = process.communicate(timeout=TO_BEGIN_S)[0].splitlines()
        self.assertEqual(end, "closed 1000")
        self.check(kind, messages)

    def python(self, library: str) -> None:
        if importlib.util.find_spec(library) is None:
            self.skipTest(library + " is not installed")
        self.client(library, sys.executable, HERE / "clients.py", library)

    def test_aiohttp(self) -> None:
        self.python("aiohttp")

    def test_tornado(self) -> None:
        self.python("tornado")

    def test_websocket_client(self) -> None:
        self.python("websocket")

    def test_websockets(self) -> None:
        self.python("websockets")

    def test_qt(self) -> None:
        self.python("PySide2")

    @needs(shutil.which("node") and any(Path(m, "ws").exists() for m in MODULES), "node and npm's ws, or node-ws")
    def test_node(self) -> None:
        self.client("ws", "node", HERE / "ws.cjs", NODE_PATH=":".join(MODULES))

    @needs(Path("/usr/share/perl5/Mojolicious.pm").exists(), "libmojolicious-perl")
    def test_perl(self) -> None:
        self.client("mojo", "/usr/bin/perl", HERE / "mojo.pl")

    @needs(shutil.which("java"), "default-jdk-headless")
    def test_java(self) -> None:
        self.client("java", "java", HERE / "Client.java")

    @needs(os.environ.get("PPO_FOREIGN") and GO and Path(GOPATH, "src/github.com/gorilla/websocket").exists(),
           "PPO_FOREIGN=1, as it compiles for 15 s; gccgo, golang-github-gorilla-websocket-dev")
    def test_go(self) -> None:
        program = scratch(self) / "gorilla"
        environment = {**os.environ, "GO111MODULE": "off", "GOPATH": GOPATH, "GOCACHE": str(program.parent / "cache")}
        subprocess.run([GO, "build", "-o", program, HERE / "gorilla.go"], env=environment, check=True)
        self.client("gorilla", program)

    @needs(os.environ.get("PPO_BEAST"), "libboost-dev when CMake looked")
    def test_boost(self) -> None:
        self.client("beast", os.environ["PPO_BEAST"], at=tuple(self.bridge.ws[5:-3].split(":")))


class Proxies(Reading):
    settings = ('websocket.trusted_proxies=["127.0.0.1"]',)

    def through(self, name: str, command: list, configuration: str = "", **environment: object) -> str:
        """Starts it, reads by it, and gives its address."""
        place, port = scratch(self), free_port()
        file = place / "conf"
        names = {"port": port, "bridge": self.bridge.ws[5:-3], "place": place, "file": file}
        file.write_text(configuration % names)
        with open(place / "log", "w") as log:
            process = started(self, [part % names for part in command], stdout=log, stderr=log, cwd=place,
                              env={**os.environ, "PATH": PATH, "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)})
        at = "127.0.0.1:%d" % port

        def healthy() -> bool:
            try:
                with urllib.request.urlopen("http://%s/healthz" % at, timeout=PATIENCE_S) as answer:
                    return answer.read() == b"ok\n"
            except OSError:
                return False

        wait_until(lambda: process.poll() is not None or healthy(), "for " + name)
        self.assertIsNone(process.poll(), (place / "log").read_text())
        register = self.register(name)

        async def read() -> list:
            async with websockets.connect("ws://%s/ws" % at, origin="http://" + at) as socket:
                await socket.send(register)
                messages = [await socket.recv() for _ in range(EVENTS // 2 + 2)]
                await asyncio.to_thread(self.live, name)
                messages += [await socket.recv() for _ in range(EVENTS // 2)]
            self.assertEqual(socket.close_code, 1000)
            return messages

        self.check(name, asyncio.run(asyncio.wait_for(read(), PATIENCE_S)))
        with urllib.request.urlopen("http://%s/events?types=%s&last=2" % (at, name), timeout=PATIENCE_S) as stream:
            wanted = iter([EVENTS - 2, EVENTS - 1, EVENTS])
            for n in wanted:
                if n == EVENTS:  # as it comes
                    post(self.bridge, name, range(n, n + 1))
                while b'"type":"%s"' % name.encode() not in (line := stream.readline()):
                    self.assertTrue(line, "it ended")
                self.assertEqual(json.loads(line[len("data: "):])["data"]["n"], n)
        return at

    @needs(shutil.which("haproxy", path=PATH), "haproxy")
    def test_haproxy(self) -> None:
        at = self.through("haproxy", ["haproxy", "-db", "-f", "%(file)s"], """
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
frontend here
  bind 127.0.0.1:%(port)d
  default_backend there
  stats enable
  stats uri /stats
backend there
  option httpchk
  server bridge %(bridge)s check inter 100ms
""")
        # Its plain check, HTTP/1.0 without a Host.
        wait_until(lambda: b",L7OK," in urllib.request.urlopen("http://%s/stats;csv" % at, timeout=PATIENCE_S).read())

    @needs(shutil.which("caddy", path=PATH), "caddy")
    def test_caddy(self) -> None:
        # Automatic HTTPS would make the whole machine trust a certificate of Caddy's own.
        self.through("caddy", ["caddy", "run", "--config", "%(file)s", "--adapter", "caddyfile"], """
{
  admin off
  auto_https off
  skip_install_trust
}
http://127.0.0.1:%(port)d {
  reverse_proxy %(bridge)s
}
""")

    @needs(shutil.which("nginx", path=PATH), "nginx")
    def test_nginx(self) -> None:
        self.through("nginx", ["nginx", "-e", "stderr", "-p", "%(place)s", "-c", "%(file)s"], """
daemon off;
master_process off;
pid %(place)s/pid;
events {}
http {
  access_log off;
  client_body_temp_path %(place)s/body;
  proxy_temp_path %(place)s/proxy;
  fastcgi_temp_path %(place)s/fastcgi;
  uwsgi_temp_path %(place)s/uwsgi;
  scgi_temp_path %(place)s/scgi;
  server {
    listen 127.0.0.1:%(port)d;
    location / {
      proxy_pass http://%(bridge)s;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_buffering off;
    }
  }
}
""")


@needs(shutil.which("java") and Path(JAR).exists(), "default-jdk-headless and libjeromq-java")
class JeroMq(unittest.TestCase):
    """Another implementation of ZeroMQ than libzmq, at each of the bridge's sockets."""

    def setUp(self) -> None:
        self.bridge = Bridge()
        self.addCleanup(self.bridge.close)

    def java(self, *arguments: object) -> subprocess.Popen:
        command = ["java", "-cp", JAR, HERE / "JeroMq.java", *arguments]
        return started(self, list(map(str, command)), stdout=subprocess.PIPE, text=True)

    def test_a_publisher_a_bot_and_a_trainer(self) -> None:
        bot = self.java("bot", self.bridge.events_out, self.bridge.commands, EVENTS)
        status = json.loads(bot.stdout.readline())
        self.assertEqual((status["status"], status["id"]), ("command_result", 7))
        wait_until(lambda: self.bridge.ask("get_status")["result"]["bots"])
        trainer = self.java("trainer", self.bridge.control, "java")
        publisher = self.java("publisher", self.bridge.events_in, EVENTS)
        told = [bot.stdout.readline().split(" ", 1) for _ in range(EVENTS)]
        self.assertEqual({topic for topic, _ in told}, {"t/java/"})
        self.assertEqual([json.loads(event)["data"]["n"] for _, event in told], list(range(1, EVENTS + 1)))
        self.assertEqual(publisher.wait(PATIENCE_S), 0)
        wait_until(lambda: self.bridge.commands_of("java") == ["pause"], "for the trainer", TO_BEGIN_S)
        self.assertEqual(self.bridge.ask("pause", "java")["result"], {"by": "java"})
        self.assertEqual(trainer.wait(PATIENCE_S), 0)


if __name__ == "__main__":
    unittest.main()
