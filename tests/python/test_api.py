"""The questions by HTTP: one table, statuses, bounds, and an OpenAPI text that tells the same."""

from __future__ import annotations

import json
import os
import subprocess
import unittest

from http_wire import Reply, Wire, ask
from support import Bridge, scratch, wait_until

RUN = "trainer-1@k1/agent_0"


def get(ws: str, target: str, headers: str = "") -> Reply:
    return ask(ws, "GET %s HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n%s\r\n" % (target, headers))


def post(ws: str, *bodies: dict) -> None:
    text = "\n".join(json.dumps(body) for body in bodies).encode()
    reply = ask(ws, b"POST /submit_event HTTP/1.1\r\nHost: HOST\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
    assert reply.json()["accepted"] == len(bodies), reply


def event(kind: str, **data: object) -> dict:
    return {"type": kind, "source": "trainer-1", "run": "k1", "data": {"agent_id": "agent_0", **data}}


class Api(unittest.TestCase):
    bridge: Bridge

    @classmethod
    def setUpClass(cls) -> None:
        cls.bridge = Bridge()
        cls.addClassCleanup(cls.bridge.close)
        post(
            cls.bridge.ws,
            event("run_started", name="first & best"),
            *(event("scalar", tag="loss", value=n / 2, step=n) for n in range(1, 11)),
            event("trade_executed", item="Coal", profit=5, total_value=50),
        )
        wait_until(lambda: get(cls.bridge.ws, "/api/runs").json()["seq"] >= 12)

    def get(self, target: str) -> Reply:
        return get(self.bridge.ws, target)

    def test_the_same_answers_as_by_command(self) -> None:
        status = self.get("/api/status")
        self.assertEqual((status.status, status.headers["content-type"]), (200, "application/json"))
        self.assertEqual(status.json()["epoch"], self.bridge.ask("get_status")["result"]["epoch"])
        for target, command, params in (
            ("/api/runs?source=trainer-1&state=running,lost&sort=-started", "get_runs",
             {"filter": {"source": "trainer-1", "state": ["running", "lost"]}, "sort": "-started"}),
            ("/api/runs?search=first+%26+best&count=1", "get_runs", {"filter": {"search": "first & best"}, "count": 1}),
            ("/api/series?run_ids=%s&tags=lo*&points_max=2&marks=true" % RUN, "get_series",
             {"run_ids": [RUN], "tags": ["lo*"], "points_max": 2, "marks": True}),
            ("/api/recent?type=scalar&count=3&since_seq=2", "get_recent_events",
             {"type": "scalar", "count": 3, "since_seq": 2}),
            ("/api/recent?type=scalar,trade_*&item=Coal", "get_recent_events",
             {"type": ["scalar", "trade_*"], "item": "Coal"}),
            ("/api/tallies", "get_tallies", {}),
        ):
            answer = self.get(target)
            self.assertEqual((target, answer.status), (target, 200))
            self.assertEqual(answer.json(), self.bridge.ask(command, **params)["result"], target)
        self.assertEqual(len(self.get("/api/series?run_ids=" + RUN).json()["series"][0]["points"]), 10)

    def test_what_is_wrong_has_a_status_and_a_reason(self) -> None:
        for target, status, words in (
            ("/api/runs?count=1001", 400, "1000"),
            ("/api/runs?count=many", 400, 'count is "many"; must be an integer'),
            ("/api/runs?counts=1", 400, "must be one of count, offset"),
            ("/api/status?x=1", 400, "there are none"),
            ("/api/series?run_ids=a&marks=yes", 400, "must be true or false"),
            ("/api/series", 400, "run_ids"),
            ("/api/recent?count=1e999", 400, "must be an integer"),
            ("/api/tallies?at_seq=-3", 400, "at_seq"),
            ("/api/nothing", 404, "/api/nothing"),
        ):
            reply = self.get(target)
            self.assertEqual((target, reply.status), (target, status))
            self.assertIn(words, reply.message)
        reply = ask(self.bridge.ws, "POST /api/runs HTTP/1.1\r\nHost: HOST\r\n\r\n")
        self.assertEqual((reply.status, reply.headers["allow"]), (405, "GET, HEAD"))
        foreign = get(self.bridge.ws, "/api/runs", "Origin: http://evil.example\r\n")
        self.assertEqual(foreign.status, 403)

    def test_one_address_asks_no_more_than_one_client_may(self) -> None:
        bridge = Bridge("websocket.requests_per_s_max=5")
        self.addCleanup(bridge.close)
        replies = [get(bridge.ws, "/api/status") for _ in range(30)]
        refused = [reply for reply in replies if reply.status == 429]
        self.assertGreater(len(refused), 10)
        self.assertEqual(refused[0].headers["retry-after"], "1")
        self.assertEqual(refused[0].json()["data"]["error_type"], "rate_limited")
        wait_until(lambda: get(bridge.ws, "/api/status").status == 200)

    def test_openapi_tells_what_is_there(self) -> None:
        text = self.get("/api/openapi.json")
        self.assertEqual(text.headers["content-type"], "application/json")
        api = text.json()
        self.assertTrue(api["openapi"].startswith("3."))
        for path, methods in api["paths"].items():
            for method, about in methods.items():
                self.assertIn("200", about["responses"])
                with Wire(self.bridge.ws) as wire:
                    reply = wire.ask("OPTIONS %s HTTP/1.1\r\nHost: HOST\r\n\r\n" % path)
                self.assertIn(method.upper(), reply.headers["allow"], path)
                for parameter in about["parameters"] if path != "/events" else ():
                    wrong = self.get("%s?%s=%%00" % (path, parameter["name"]))
                    self.assertNotIn("is not known", wrong.body.decode(), (path, parameter))
        self.assertEqual(len([path for path in api["paths"] if path.startswith("/api/")]), 5)


class Guarded(unittest.TestCase):
    def test_roles_hold(self) -> None:
        credentials = str(scratch(self) / "credentials")

        def token(role: str) -> str:
            command = [os.environ["PPO_BRIDGE_BIN"], "token", "--credentials", credentials, "create", role, "--role", role]
            made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            return "Authorization: Bearer %s\r\n" % made

        viewer, metrics = token("viewer"), token("metrics")
        bridge = Bridge("auth.mode=on", "auth.credentials=" + credentials)
        self.addCleanup(bridge.close)
        self.assertEqual(get(bridge.ws, "/api/runs").status, 401)
        self.assertEqual(get(bridge.ws, "/api/runs", metrics).status, 403)
        self.assertEqual(get(bridge.ws, "/api/runs", viewer).status, 200)


if __name__ == "__main__":
    unittest.main()
