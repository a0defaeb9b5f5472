#!/usr/bin/env python3
"""Measures the exporter side by side with other ways to read the same events, and tells where it misses its goals.

  a  a first export beside curl, a shell script, dlt, Grove and Tenzir, from one server on this machine, in turns
  b  a server that answers late, and one that limits requests
  c  memory, as history grows
  d  verify, beside sha256sum and zstd

    python3 scripts/bench.py [a|b|c|d ...] [--rounds N] [--quick] [--write] [--strict]

The server is `simulate` of the same build. The peers are installed from PyPI below target/bench, at the versions that
benches/peers names. All of it takes about an hour and 5 GB of disk and memory; `--quick` takes seconds, leaves
the peers of PyPI out, and its figures mean nothing. Fails where something did not run or did not get every event once;
a goal that is missed is told, not a failure. `--write` puts the tables into docs/performance.md.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benches"))
sys.dont_write_bytecode = True

from measuring import archive, machine, peers, reading, report  # noqa: E402

PROGRAM = ROOT / "target" / "release" / "uipath-audit-exporter"
PLACE = ROOT / "target" / "bench"
DOCUMENT = ROOT / "docs" / "performance.md"
PARTS = {
    "a": [reading.side_by_side],
    "b": [reading.far_away, reading.strict],
    "c": [archive.memory],
    "d": [archive.verify],
}


class Bench:
    """What the parts share."""

    def __init__(self, arguments):
        self.quick, self.program = arguments.quick, arguments.program
        self.rounds = arguments.rounds or (1 if arguments.quick else 5)
        cores = machine.all_cores()
        if arguments.cores > len(cores):
            sys.exit(f"there are {len(cores)} cores here: say --cores {len(cores)} or less, or 0 for all of them")
        self.cores = cores[: arguments.cores]
        # Of this run alone: another may be under way.
        self.place, self.busy = PLACE / f"run-{os.getpid()}", machine.busy()
        self.peers = peers.Peers(ROOT, PLACE, self.program, self.quick or "a" not in arguments.part)

    def say(self, text):
        print(f"  {text}", flush=True)

    def said_rounds(self):
        return "one round" if self.rounds == 1 else f"median of {self.rounds} rounds (smallest–largest)"

    def shown(self, line):
        """A command as others would type it."""
        return line.replace(str(self.place), "$PLACE").replace(f"{ROOT}/", "")


def main():
    arguments = read_arguments()
    if arguments.program == PROGRAM:
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], check=True, cwd=ROOT)
    PLACE.mkdir(parents=True, exist_ok=True)
    report.GOALS = not arguments.quick
    bench = Bench(arguments)
    for missing in bench.peers.missing:
        print(f"NOT MEASURED: {missing}", flush=True)
    print(header(bench), flush=True)
    parts = {}
    try:
        for name in sorted(set(arguments.part)):
            print(f"part {name}", flush=True)
            texts = []
            for part in PARTS[name]:
                shutil.rmtree(bench.place, ignore_errors=True)
                bench.place.mkdir(parents=True)
                texts.append(part(bench))
            parts[name] = "\n\n".join([header(bench), *texts])
            print("\n" + "\n\n".join(texts) + "\n", flush=True)
    except machine.Failure as failure:
        sys.exit(f"FAILED: {failure}")
    finally:
        shutil.rmtree(bench.place, ignore_errors=True)
    for line in report.missed("\n".join(parts.values())):
        print(f"goal missed: {line}")
    if arguments.write:
        report.write(DOCUMENT, parts)
    if arguments.strict and bench.peers.missing:
        sys.exit("FAILED: " + "; ".join(bench.peers.missing))
    print("all ran, all events were there")


def header(bench):
    versions = ", ".join(f"{name} {version}" for name, version in bench.peers.versions.items() if version)
    ours = f"{machine.version([bench.program, '--version'])} ({machine.commit(ROOT)})"
    return f"{machine.today()}. {machine.described(PLACE, bench.cores)}. uipath-audit-exporter {ours}, {versions}.{bench.busy}"


def read_arguments():
    text = __doc__.split("\n\n")
    parser = argparse.ArgumentParser(
        description=text[0], epilog="\n\n".join(text[1:]), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    # One by one: before Python 3.12 choices and an empty list do not go together.
    parser.add_argument("part", nargs="*", default=list(PARTS), help="a, b, c or d; all of them unless told")
    parser.add_argument("--rounds", type=int, help="how often each is run; 5 unless told")
    parser.add_argument("--cores", type=int, default=2, help="keep everything to so many cores; 0: all there are")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it runs")
    parser.add_argument("--strict", action="store_true", help="fail where somebody cannot be measured")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--program", type=pathlib.Path, default=PROGRAM, help="a build to measure instead of this one")
    arguments = parser.parse_args()
    if unknown := set(arguments.part) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    if arguments.write and arguments.quick:
        parser.error("the figures of --quick are not for writing down")
    return arguments


if __name__ == "__main__":
    main()
