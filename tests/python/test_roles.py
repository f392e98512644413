"""Seven roles, and who has none, against every action, path and command; and every way to read of roles made up at random.

What the bridge knows is looked for in its sources, so that what is new there has to have its row here. The sockets of ZeroMQ are
in test_curve.py: Roles.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import unittest
from collections.abc import Iterator

import websockets
import zmq
from http_wire import Wire
from keyed_bridge import KeyedBridge, body
from support import PATIENCE_S, ROOT, wait_until

READS = {"viewer", "operator", "bot", "admin", "desk"}
ALL = READS | {"trainer", "metrics", "nobody"}
STEERS = {"operator", "admin"}
COMMANDS = {
    **dict.fromkeys("get_status get_recent_events get_sources get_clients get_snapshot get_event_types get_trades get_slow_turns "
                    "get_runs get_tags get_series get_tallies".split(), READS),
    **dict.fromkeys(("list_alerts", "replay", "replay_stop"), READS - {"desk"}),
    **dict.fromkeys(("place_order", "cancel_order", "arm_dead_mans_switch", "disarm_dead_mans_switch"), STEERS | {"bot"}),
    **dict.fromkeys(("set_run", "create_alert", "acknowledge_alert", "delete_alert", "resume", "made_up"), STEERS),
    "pause": STEERS | {"desk"},
    **dict.fromkeys(("get_audit", "drain", "backup"), {"admin"}),
}
PARAMS = {
    "arm_dead_mans_switch": {"timeout_ms": 60_000, "on_expiry": {"command": "cancel_order", "target": "*"}},
    "drain": {"drain_s": "no"},
}
# Who gets an answer, of a GET unless it says otherwise; of others 401 where nobody knows them, else 403.
PATHS = {
    **dict.fromkeys(("/", "/healthz", "/api/openapi.json", "POST /login", "POST /logout", "/schemas/"), ALL),
    "/readyz": {"viewer", "operator", "metrics", "admin", "desk"},
    **dict.fromkeys(("/metrics", "/debug/slow"), {"operator", "metrics", "admin"}),
    **dict.fromkeys(("/api/status", "/api/runs", "/api/series", "/api/recent", "/api/tallies", "/events"), READS),
    "POST /submit_event": {"trainer", "admin"},
    "/ws": READS | {"nobody"},  # who may still say who he is
}
OWN_WORDS = re.compile(r'"([a-z]+(?:_[a-z]+)*)"')
OWN_PATHS = re.compile(r'"(/[a-z_]+(?:/[a-z_.]+)*)"')


def words(pattern: re.Pattern, *rooms: str) -> set[str]:
    return {w for room in rooms for file in (ROOT / "bridge" / room).glob("*.cpp") for w in pattern.findall(file.read_text())}


class World(KeyedBridge):
    settings = ("auth.mode=on", "websocket.requests_per_s_max=100000", "limits.handshakes_per_address_per_s_max=10000",
                "limits.connections_per_identity_max=1000", "schemas.directory=%s/conf/schemas" % ROOT, "auth.failures_per_minute_max=1000")
    holders = (("boss", "admin"),)

    def bearer(self, role: str) -> dict:
        return {"Authorization": "Bearer " + self.tokens[role]} if role in self.tokens else {}

    def get(self, path: str, role: str, method: str = "GET", posted: str = "", **headers: str):
        method, path = path.split() if " " in path else (method, path)
        headers = {**self.bearer(role), "Host": "HOST", **headers, "Content-Length": str(len(posted))}
        text = "%s %s HTTP/1.1\r\n%s\r\n\r\n%s" % (method, path, "\r\n".join(": ".join(h) for h in headers.items()), posted)
        with Wire(self.bridge.ws) as wire:
            wire.send(text)
            return wire.reply(head_only=True)


class Matrix(World):
    settings = (*World.settings, "zmq.curve_on_loopback=false")
    roles = """[role.desk]
http = ["/readyz"]
[[role.desk.read]]
types = ["t*"]
[[role.desk.command]]
commands = ["get_*", "pause"]
"""

    def prepare(self) -> None:
        self.tokens = {role: self.token(role, role) for role in sorted(ALL - {"nobody"})}

    async def said(self, role: str, *requests: dict) -> list[str]:
        """Of each its status, or the error's type."""
        async with websockets.connect(self.bridge.ws, extra_headers=self.bearer(role)) as socket:
            welcome = json.loads(await socket.recv())["data"]
            self.assertEqual("epoch" in welcome, role != "nobody")
            told = []
            for n, request in enumerate(requests):
                await socket.send(json.dumps({"id": n, **request}))
                while (reply := json.loads(await socket.recv())).get("id") != n:
                    pass
                told.append(reply["data"]["error_type"] if reply["status"] == "error" else reply["status"])
            return told

    def test_actions(self) -> None:
        asked = ("ping", "register", "subscribe", "unsubscribe", "command")
        for role in sorted(READS | {"nobody"}):
            with self.subTest(role=role):
                token = {"action": "authenticate", "token": self.tokens.get(role, "ppo1_no")}
                told = asyncio.run(self.said(role, *({"action": a, "command": "get_status"} for a in asked), token))
                no = ["pong", *["unauthorized"] * 5]
                self.assertEqual(told, no if role == "nobody" else
                                 ["pong", "registered", "subscribed", "unsubscribed", "command_result", "authenticated"])

    def test_paths(self) -> None:
        login = json.dumps({"token": "TOKEN"})
        site = self.bridge.ws.replace("ws:", "http:").replace("/ws", "")
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="}
        for path in words(OWN_PATHS, "net", "app") - {p.split()[-1] for p in PATHS}:
            with self.subTest(path=path):
                self.assertEqual(self.get(path, "admin").status, 404, "it has no row here")
        for role in sorted(ALL):
            cookie = {}
            if role != "nobody":
                reply = self.get("POST /login", "nobody", posted=login.replace("TOKEN", self.tokens[role]), Origin=site,
                                 **{"Content-Type": "application/json"})
                cookie = {"Cookie": reply.headers["set-cookie"].split(";")[0], "Origin": site}
            for path, allowed in PATHS.items():
                more = upgrade if path == "/ws" else {}
                posted = body(role).decode() if "POST" in path else ""
                if path == "POST /login":
                    posted, more = login.replace("TOKEN", self.tokens.get(role, "no")), {"Origin": site, "Content-Type": "application/json"}
                asked = [self.get(path, role, posted=posted, **more)]
                if cookie:
                    asked.append(self.get(path, "nobody", posted=posted, **{**cookie, **more}))
                for reply in asked:
                    with self.subTest(role=role, path=path, cookie=reply is not asked[0]):
                        if role in allowed and (path, role) != ("POST /login", "nobody"):
                            self.assertIn(reply.status, (200, 101, 204) if path != "/api/series" else (400,))
                        else:
                            self.assertEqual(reply.status, 401 if role == "nobody" else 403)

    def test_commands(self) -> None:
        known = asyncio.run(self.said("admin", *(
            {"action": "command", "command": word} for word in sorted(words(OWN_WORDS, "commands", "alerts", "conversation") - set(COMMANDS)))))
        self.assertEqual({k for k in known if k not in ("unknown_command", "bad_request")}, set(), "one has no row here")
        with self.context.socket(zmq.REQ) as bot:
            bot.linger = 0
            bot.connect(self.bridge.commands)
            for role in sorted(ALL):
                no = "unauthorized" if role == "nobody" else "forbidden"
                requests = [{"action": "command", "command": c, "params": PARAMS.get(c, {}),
                             **({"target": "nobody"} if c in ("place_order", "pause") else {})} for c in COMMANDS]
                if role in READS | {"nobody"}:
                    for command, told in zip(COMMANDS, asyncio.run(self.said(role, *requests))):
                        with self.subTest(role=role, command=command):
                            self.assertEqual(told == no, role not in COMMANDS[command], told)
                for request in requests:
                    token = {"token": self.tokens[role]} if role in self.tokens else {}
                    bot.send_json({**request, **token})
                    self.assertTrue(bot.poll(PATIENCE_S * 1000), request)
                    told = bot.recv_json().get("data", {}).get("error_type")
                    with self.subTest(bot=role, command=request["command"]):
                        self.assertEqual(told == no, role not in COMMANDS[request["command"]], told)


ROLES = 12
MOMENT_S = 0.05
NAMES = {  # of what there is, and what a rule may say of it
    "types": (("trade", "tick", "t", "scalar"), ("trade", "t*", "tick", "scalar", "s*", "*", "nothing")),
    "sources": ((None, "s1", "s1-x", "s2"), ("s1", "s1*", "s2", "{name}", "{name}-*", "*")),
    "agents": ((None, "a1", "a2"), ("a1", "a*", "a2", "*")),
}


def covers(entries: list | None, name: str | None) -> bool:
    """Of a role's list; its holder is called s1."""
    if entries is None or "*" in entries:
        return True
    entries = [e.replace("{name}", "s1") for e in entries]
    return name is not None and any(name.startswith(e[:-1]) if e.endswith("*") else name == e for e in entries)


class Scopes(World):
    """Streams over HTTP, questions by HTTP, the newest of each, batches and topics: nothing but what the role reads, and all of it."""

    def setUp(self) -> None:
        at_random = random.Random(14)
        self.rules = {}
        for n in range(ROLES):
            pick = {k: at_random.choice((None, at_random.sample(names, 2))) for k, (_, names) in NAMES.items()}
            other = {k: at_random.choice((None, at_random.sample(names, 1))) for k, (_, names) in NAMES.items()}
            self.rules["r%d" % n] = [pick, other][: at_random.choice((1, 1, 2))]
        self.rules["r0"], self.rules["r1"] = [], [dict.fromkeys(NAMES)]
        self.roles = "".join(
            '[role.%s]\n[[role.%s.command]]\ncommands = ["get_*", "replay"]\n' % (role, role) + "".join(
                "[[role.%s.read]]\n" % role + "".join("%s = %s\n" % (k, json.dumps(v)) for k, v in rule.items() if v is not None)
                for rule in rules) for role, rules in self.rules.items())
        super().setUp()

    def prepare(self) -> None:
        self.tokens = {role: self.token("s1", role) for role in (*self.rules, "admin")}
        for role in self.rules:
            self.listed("create", "s1", "--role", role, "--out", self.file(role))

    def reads(self, role: str, type: str, source: str | None, agent: str | None) -> bool:
        return any(covers(r["types"], type) and covers(r["sources"], source) and covers(r["agents"], agent) for r in self.rules[role])

    # Streams go on for ever: until all that is wanted was there, and a moment longer.

    def stream(self, role: str, query: str, wanted: set[int]) -> Iterator[dict]:
        with Wire(self.bridge.ws) as wire:
            wire.send("GET /events?%s HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer %s\r\n\r\n" % (query, self.tokens[role]))
            wire.until(b"\r\n\r\n")
            missing = set(wanted)
            try:
                while True:
                    wire.socket.settimeout(PATIENCE_S if missing else MOMENT_S)
                    for event in map(json.loads, re.findall(rb"data: (\{.*\})", wire.until(b"\n"))):
                        missing.discard(event.get("data", {}).get("n"))
                        yield event
            except TimeoutError:
                pass

    async def over_websocket(self, role: str, wanted: set[int], **fields: object) -> list[dict]:
        got: list[dict] = []
        missing = set(wanted)
        async with websockets.connect(self.bridge.ws, extra_headers=self.bearer(role)) as socket:
            await socket.send(json.dumps({"action": "subscribe", **fields}))
            while True:
                try:
                    told = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S if missing else MOMENT_S))
                except asyncio.TimeoutError:
                    return got
                got += told if isinstance(told, list) else [told]
                missing -= {e["data"].get("n") for e in got if "data" in e}

    def question(self, role: str, path: str) -> dict:
        with Wire(self.bridge.ws) as wire:
            return wire.ask("GET %s HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer %s\r\n\r\n" % (path, self.tokens[role])).json()

    def test_each_way_to_read(self) -> None:
        events = [(t, s, a) for t in NAMES["types"][0] for s in NAMES["sources"][0] for a in NAMES["agents"][0]]
        topics = ["", "t", "tr", "trade/", "trade/s", "trade/s1/", "tick/s2/", "scalar/s1-x/", "t/s1", "t/s1/"]
        bots = {}
        for role in self.rules:
            if self.rules[role]:
                for topic in topics:
                    bots[role, topic] = self.connected(zmq.SUB, role, self.bridge.events_out, SUBSCRIBE=topic.encode(), RCVHWM=0)
        publisher = self.publisher("boss")

        def publish(n: int, type: str, source: str | None, agent: str | None) -> None:
            event = json.loads(body(source or "", type=type, n=n, item="i", value=n, step=n, tag="loss", profit=1))
            if source is None:
                del event["source"]
            if agent is not None:
                event["data"]["agent_id"] = agent
            publisher.send(json.dumps(event).encode())

        def surely(role: str, topic: str) -> bool:
            type, source, *_ = topic.split("/") + [""]
            return topic.count("/") == 2 and any(r["agents"] is None and covers(r["types"], type) and covers(r["sources"], source)
                                                 for r in self.rules[role])

        sure = [s for (role, topic), s in bots.items() if surely(role, topic)]
        wait_until(lambda: [publish(-1, t, s, None) for t, s, a in events if a is None] and all(s.poll(20) for s in sure))
        for n, event in enumerate(events):
            publish(n, *event)
        wait_until(lambda: any(e["data"].get("n") == len(events) - 1 for e in self.events()))
        for role in self.rules:
            wanted = {n for n, event in enumerate(events) if self.reads(role, *event)}
            # One of each type, source and agent: the newest of each are all of them.
            ways = {
                "stream": lambda: self.stream(role, "last=100000", wanted) if self.rules[role] else [],
                "newest": lambda: self.stream(role, "snapshot=true&deliver=latest", wanted) if self.rules[role] else [],
                "batch": lambda: asyncio.run(self.over_websocket(role, wanted, since={"last": 10_000}, batch=True)),
                "newest of each": lambda: asyncio.run(self.over_websocket(role, wanted, snapshot=True, deliver={"mode": "latest", "max_rate_hz": 100})),
                "question": lambda: self.question(role, "/api/recent?count=10000&since_seq=0")["events"],
                "before": lambda: self.question(role, "/api/recent?count=10000&before_seq=100000")["events"],
                "by time": lambda: self.question(role, "/api/recent?count=10000&from_time=1")["events"],
            }
            for way, read in ways.items():
                with self.subTest(role=role, way=way, rules=self.rules[role]):
                    got = [e for e in read() if "n" in e.get("data", {})]
                    self.assertEqual({e["data"]["n"] for e in got} - {-1}, wanted)
            for filtered in ("type=trade", "type=t*", "source=s1", "agent_id=a1", "item=i"):
                with self.subTest(role=role, filtered=filtered):
                    found = self.question(role, "/api/recent?count=10000&since_seq=0&" + filtered)["events"]
                    self.assertLessEqual({e["data"]["n"] for e in found if "n" in e["data"]} - {-1}, wanted)
            for topic in topics:
                if self.rules[role]:
                    got = set()
                    while bots[role, topic].poll(PATIENCE_S * 1000 if surely(role, topic) and len(got) < 4 else 0):
                        got.add(json.loads(bots[role, topic].recv_multipart()[-1])["data"].get("n", -1))
                    matches = {n for n, (t, s, _) in enumerate(events) if ("%s/%s/" % (t, s or "")).startswith(topic)}
                    with self.subTest(role=role, topic=topic, rules=self.rules[role]):
                        self.assertLessEqual(got - {-1}, matches & wanted)
                        if surely(role, topic):
                            self.assertEqual(got - {-1}, matches)


if __name__ == "__main__":
    unittest.main()
