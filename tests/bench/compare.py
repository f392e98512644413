#!/usr/bin/env python3
"""Measures this build beside that of another commit, in turns, and says what has become worse.

Each figure is taken of both in every round, one after the other, so that what else the machine does meets both. How far the
other build's own rounds lie apart is the noise; worse by more than that, and than `--least`, is a regression: exit 1. What
was measured is added to results.jsonl beside this file, a line of JSON a build and figure, by which commits can be followed.

    ./dev bench --compare main~5 --rounds 7
    ./dev bench --compare main~5 --rows      # of every row of `./dev bench rows`
    ./dev bench --compare main~5 --pages     # hop, commands, ingest and resume, too
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "bench" / "results.jsonl"

# What is measured: the bench's arguments, and of its JSON the list (within another after a '/'), what tells its rows apart,
# and the figures, "1/" before one of which more is better. Of figures that count CPU time and sleeps less is better; wall
# time means little on a machine that has other things to do.
ROWS = [
    ("subscriptions --subscription-clients 100 --subscription-counts 1,100", "subscriptions",
     ("clients", "subscriptions"), ("cpu_us_per_delivery",)),
    ("throughput --subjects bridge --clients 1,100,1000", "throughput", ("clients", "batch"), ("cpu_us_per_delivery",)),
    ("latency --subjects bridge --latency-clients 20 --rate 1000", "latency", ("clients", "events_per_s"),
     ("server_cpu", "switches_per_event", "p50_ms", "p99_ms")),
    ("latency --subjects bridge --latency-clients 1 --rate 500", "latency", ("clients", "events_per_s"),
     ("server_cpu", "p50_ms", "p99_ms")),
]
# With --pages, besides: what the pages tell beside the bare work. What a journal writes is measured within `ingest`; mode
# journal has no program to exchange.
PAGES = [
    ("hop --subjects bridge", "hop", ("cores", "subject"), ("p50_times", "p99_times")),
    ("commands", "commands", ("cores",), ("p50_times", "p99_times")),
    ("ingest", "ingest/take", ("batch",), ("bridge_cpu_us", "1/bridge_messages_per_s", "1/journal_messages_per_s")),
    ("resume --resume-events 200000", "resume", ("clients",), ("1/resume_rows_per_s", "p99_while_ms")),
]
# With --rows: the whole table of mode rows, without peers.
TABLE = [("rows --subjects bridge", "rows", ("row",), ("figure",))]


def figures(report: dict, rows: str, keys: tuple, names: tuple) -> dict:
    """The figures of one run, by what they are of, each so that less is better. A row that lost something has none."""
    found = {}
    listed = report
    for part in rows.split("/"):
        listed = listed[part]
    for row in listed:
        if row.get("lost"):
            raise ValueError(f"{rows}: {row['lost']}")
        of = rows + "".join(f" {key}={row[key] if isinstance(row[key], str) else format(row[key], 'g')}" for key in keys)
        for asked in names:
            name = asked.removeprefix("1/")
            values = [row[name]] if name in row else [a_round[name] for a_round in row["rounds"]]
            figure = statistics.median(values)
            if row.get("more_is_better") or name != asked:
                if figure != 0:  # it was not measured in this row
                    found[f"{of} 1/{name}"] = 1 / figure
            else:
                found[f"{of} {name}"] = figure
    return found


def noise(values: list) -> float:
    """How far from their median half of the values lie at most, as a share of it."""
    middle = statistics.median(values)
    return statistics.median(abs(value - middle) for value in values) / middle if middle else 0.0


def judge(old: list, new: list, least: float) -> tuple:
    """New beside old as the median of the rounds' ratios, what may be noise of that, and whether it is worse."""
    ratio = statistics.median([b / a for a, b in zip(old, new) if a] or [1.0])  # nothing beside nothing is the same
    allowed = max(least, 3 * noise(old), 3 * noise(new))
    return ratio, allowed, ratio > 1 + allowed


def checked_out() -> str:
    """The commit, and -dirty behind it where files differ from it; what is added to the results is no difference."""
    asked = ["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no", "--", ".", f":!{RESULTS.relative_to(ROOT)}"]
    changed = subprocess.run(asked, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    return short_name("HEAD") + ("-dirty" if changed else "")


def short_name(commit: str) -> str:
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short=12", commit + "^{commit}"]
    return subprocess.run(asked, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def built(commit: str) -> pathlib.Path:
    """The bridge of that commit, built in a folder of its own."""
    tree = ROOT / "build" / "compare" / commit
    tree.mkdir(parents=True, exist_ok=True)
    files = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "--skip-old-files"], cwd=tree, input=files, check=True)
    subprocess.run(["cmake", "--preset", "release"], cwd=tree, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", "ppo-bridge"], cwd=tree, check=True)
    return tree / "build" / "release" / "bin" / "ppo-bridge"


def measure(bench: str, bridge: pathlib.Path, row: tuple, seconds: float) -> dict:
    arguments, rows, keys, names = row
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run([bench, *arguments.split(), "--bridge", str(bridge), "--rounds", "1", "--seconds", str(seconds),
                        "--json", out.name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return figures(json.load(open(out.name, encoding="utf-8")), rows, keys, names)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="what to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a measurement")
    parser.add_argument("--least", type=float, default=0.05, help="a share by which a figure may be worse whatever the noise")
    parser.add_argument("--rows", action="store_true", help="compare every row of mode rows")
    parser.add_argument("--pages", action="store_true", help="besides, what the pages tell beside the bare work")
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS, help="the file to add to")
    parser.add_argument("--old-bridge", type=pathlib.Path, help="that commit's program, where it is built already")
    parser.add_argument("--bridge", type=pathlib.Path, default=ROOT / "build/release/bin/ppo-bridge")
    parser.add_argument("--bench", default=str(ROOT / "build/release/tests/ppo-bench"))
    wanted = parser.parse_args()
    commits = {"old": short_name(wanted.commit), "new": checked_out()}
    bridges = {"old": wanted.old_bridge or built(commits["old"]), "new": wanted.bridge}
    worse = False
    for row in TABLE if wanted.rows else ROWS + (PAGES if wanted.pages else []):
        got: dict = {"old": {}, "new": {}}
        for a_round in range(wanted.rounds):
            for which in ("old", "new") if a_round % 2 == 0 else ("new", "old"):
                for figure, value in measure(wanted.bench, bridges[which], row, wanted.seconds).items():
                    got[which].setdefault(figure, []).append(value)
        for figure, old in got["old"].items():
            ratio, allowed, is_worse = judge(old, got["new"][figure], wanted.least)
            worse |= is_worse
            print(f"{'WORSE' if is_worse else 'ok':5} {figure}: {statistics.median(old):.4g} -> "
                  f"{statistics.median(got['new'][figure]):.4g}, {ratio:.2f} x (noise up to {allowed:.2f})", flush=True)
        wanted.results.parent.mkdir(parents=True, exist_ok=True)
        with open(wanted.results, "a", encoding="utf-8") as results:
            for which, by_figure in got.items():
                for figure, values in by_figure.items():
                    print(json.dumps({"date": datetime.date.today().isoformat(), "commit": commits[which], "figure": figure,
                                      "cores": os.cpu_count(), "values": values}), file=results)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
