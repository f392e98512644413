#!/usr/bin/env python3
"""Do the tests bite? Changes one comparison, bound, sign or return of the bridge at a time, and runs the
unit tests and some seeds of the simulator: a change that none of them notices is named.

All changes are compiled into one program, each asleep until $PPO_MUTANT names its number (mutant.h), in a
copy of the tree under build/mutate, so that the next run compiles what was edited since and no more. Only the
tests that come to a place are run with it changed. A change is noticed when a test fails, crashes or takes ten
times as long.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from places import Place, places_of
from programs import PROGRAMS, Programs

ROOT = Path(__file__).resolve().parents[2]
WINGS = ("log", "sources", "stream", "commands")
HERE = "tests/mutate"

# Changes that no test can notice, or that nobody needs to: file, line, change and reason.
ACCEPTED = Path(__file__).with_name("accepted.txt")


@dataclass(frozen=True)
class Mutant:
    number: int
    place: Place
    what: str

    def key(self) -> tuple[str, str, str]:
        """By which an accepted survivor is known, whatever moves around it."""
        return self.place.file, self.place.code, self.what


def write(path: Path, text: str) -> None:
    """Only where it differs: what did not change is not compiled again."""
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Tree:
    """The copy that is changed, and its programs."""

    def __init__(self, sources: dict[str, str]) -> None:
        self.path = ROOT / "build/mutate/tree"
        self.build = ROOT / "build/mutate/build"
        self._sources = sources
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                                capture_output=True, text=True, check=True).stdout.split("\n")
        kept = set(filter(None, listed))
        for name in kept - sources.keys():
            original = ROOT / name
            if original.is_file():
                copy = self.path / name
                if not copy.exists() or copy.read_bytes() != original.read_bytes():
                    # Sources that go in other groups than before leave objects behind.
                    if copy.name in ("CMakeLists.txt", "CMakePresets.json") and not name.startswith("tests/unit/"):
                        shutil.rmtree(self.build, ignore_errors=True)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(original.read_bytes())
                    copy.chmod(original.stat().st_mode)
        for copy in self.path.rglob("*"):
            if copy.is_file() and str(copy.relative_to(self.path)) not in kept:
                copy.unlink()

    def plant(self, places: list[Place]) -> None:
        by_file: dict[str, list[Place]] = {}
        for place in places:
            by_file.setdefault(place.file, []).append(place)
        for file, source in self._sources.items():
            edits: list[tuple[int, int, int, str]] = []
            for place in by_file.get(file, []):
                edits.append((place.at, 0, place.end, place.text.format(id=place.number)))
                if place.closes_at >= 0:
                    edits.append((place.closes_at, -1, place.closes_at, ")"))
            text = source
            for at, _, end, new in sorted(edits, reverse=True):
                text = text[:at] + new + text[end:]
            if file in by_file:
                text = f'#include "{self.path / HERE / "mutant.h"}"\n#line 1 "{self.path / file}"\n' + text
            write(self.path / file, text)

    def compile(self, *targets: str) -> str:
        """What the compiler says where it fails."""
        if not (self.build / "build.ninja").exists():
            subprocess.run(
                ["cmake", "-G", "Ninja", "-S", self.path, "-B", self.build, "-D", "CMAKE_BUILD_TYPE=None",
                 # Asserts are on, and the standard library's too. What a mutant is warned of is no matter.
                 "-D", "CMAKE_CXX_FLAGS=-O1 -D_GLIBCXX_ASSERTIONS -w", "-D", "CMAKE_UNITY_BUILD=ON",
                 "-D", "PPO_DASHBOARD=OFF", "-D", "PPO_BENCH=OFF",
                 "-D", "PPO_MUTATED=ON"],
                check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run(["cmake", "--build", self.build, "--target", *targets, "--", "-k", "0"],
                              capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def plant_and_compile(self, places: list[Place]) -> list[Place]:
        """Those that compile. One that does not say the same of its types is left out, now and the next time."""
        listed = ROOT / "build/mutate/left_out.txt"
        left_out = set(listed.read_text().splitlines()) if listed.exists() else set()
        floors = ["bridge_" + wing for wing in WINGS]
        while True:
            places = [place for place in places if place.name() not in left_out]
            self.plant(places)
            errors = self.compile(*floors)
            if not errors:
                break
            blamed = set(re.findall(re.escape(str(self.path)) + r"/(\S+?):(\d+):\d+: +(?:error|required)", errors))
            # A statement may go on over lines, and the compiler names the one on which it ends.
            nearest = {(file, max((place.line for place in places if place.file == file and place.line <= int(line)), default=0))
                       for file, line in blamed}
            dropped = [place for place in places if (place.file, place.line) in nearest]
            if not dropped:
                sys.exit("mutate: the tree does not compile:\n" + errors[-4000:])
            # What is returned is what is most often wrong; the others of its line have another chance.
            for file, line in nearest:
                there = [place for place in dropped if (place.file, place.line) == (file, line)]
                returns = [place for place in there if place.closes_at >= 0]
                left_out.update(place.name() for place in returns or there)
            listed.write_text("".join(name + "\n" for name in sorted(left_out)))
        errors = self.compile(*PROGRAMS)
        if errors:
            sys.exit("mutate: the tests do not compile:\n" + errors[-4000:])
        return places


def accepted() -> dict[tuple[str, str, str], str]:
    """By file, line and change: why nobody needs to notice it."""
    found = {}
    for line in ACCEPTED.read_text().splitlines():
        if line and not line.startswith("#"):
            file, *code, what, reason = (part.strip() for part in line.split(" || "))  # the line may hold it, too
            found[file, " ".join(" || ".join(code).split()), what] = reason
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev mutate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="which changes are chosen (default: 1)")
    parser.add_argument("--count", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--sim-seeds", type=int, default=50,
                        help="seeds of the simulator each, with an adversary and without (default: 50)")
    parser.add_argument("--at", nargs="+", default=[], metavar="PLACE",
                        help="only places whose FILE:LINE begins so, as sources/intake.cpp:3; all that can be changed there")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time")
    parser.add_argument("--verbose", action="store_true", help="print what noticed each")
    options = parser.parse_args()

    sources = {}
    for wing in WINGS:
        for path in sorted((ROOT / "bridge" / wing).iterdir()):
            if path.suffix in (".cpp", ".h"):
                sources[str(path.relative_to(ROOT))] = path.read_text()
    places = []
    for index, (file, text) in enumerate(sources.items()):
        number = 1 + 10_000 * index  # what is edited in one file leaves the others as they are
        for place in places_of(file, text):
            place.number = number
            number += len(place.ways)
            places.append(place)

    reasons = accepted()
    there = {Mutant(0, place, way).key() for place in places for way in place.ways}
    for gone in reasons.keys() - there:
        print("accepted.txt names what is no longer there: " + " || ".join(gone))

    started = time.monotonic()
    tree = Tree(sources)
    compiled = tree.plant_and_compile(places)
    asked_for = [place for place in compiled
                 if f"{place.file}:{place.line}".startswith(tuple("bridge/" + at for at in options.at or [""]))]
    die = random.Random(options.seed)
    mutants = []
    for place in die.sample(asked_for, min(len(asked_for), options.count)):
        for way in range(len(place.ways)) if options.at else [die.randrange(len(place.ways))]:
            mutants.append(Mutant(place.number + way, place, place.ways[way]))
    print(f"{len(places)} places, {len(compiled)} compiled in {time.monotonic() - started:.0f} s, "
          f"{len(mutants)} changes", flush=True)
    started = time.monotonic()

    noticed, known, unknown = 0, [], []
    with Programs(tree.build, options.sim_seeds) as programs, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        print(f"with nothing changed the tests pass, in {time.monotonic() - started:.0f} s", flush=True)
        for mutant, by in zip(mutants, pool.map(lambda one: programs.notice(one.number, one.place.number), mutants)):
            where = f"{mutant.place.file}:{mutant.place.line}: {mutant.what}   in   {mutant.place.code}"
            if by:
                noticed += 1
                if options.verbose:
                    print(f"noticed  {where}\n         by {by}", flush=True)
                continue
            reason = reasons.get(mutant.key())
            (known if reason else unknown).append(mutant)
            why = "known: " + reason if reason else "" if programs.come_to(mutant.place.number) else "no test comes there"
            print(f"SURVIVES {where}" + (f"\n         {why}" if why else ""), flush=True)
    took = time.monotonic() - started
    print(f"{noticed} of {len(mutants)} noticed ({100 * noticed / max(1, len(mutants)):.1f} %), {len(known)} survivors "
          f"are accepted, {len(unknown)} are new; seed {options.seed}, {took:.0f} s")
    sys.exit(0 if noticed >= 0.9 * len(mutants) else 1)


main()
