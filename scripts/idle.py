#!/usr/bin/env python3
"""Runs the daemon with 1,000 targets that have nothing to do, and tells what that costs.

A simulator and the daemon run on this machine, twice: from nothing, so that every target makes a first pass and then
waits; and from the state that was left behind, so that every target waits from the start. While it is idle its metrics
are read as often as a Prometheus would. Each time: from start to ready, memory and its peak, processor time while idle,
threads, open files, how often `status.json` was written, from SIGTERM to the end. Fails where a limit below is passed.
Some minutes; no part of the tests.

    python3 scripts/idle.py [--targets N] [--seconds N] [--program FILE]
"""

import argparse
import collections
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
PLACE = ROOT / "target" / "idle"
PROGRAM = ROOT / "target" / "release" / "uipath-audit-exporter"
MIB = 1 << 20
MOST_MEMORY = 60 * MIB
# Of one core.
MOST_PROCESSOR = 0.01
MOST_SECONDS_TO_READY = 0.2
MOST_SECONDS_TO_END = 2.0
SECONDS_BETWEEN_SCRAPES = 15
TICK = os.sysconf("SC_CLK_TCK")

Start = collections.namedtuple("Start", "name ready waiting memory peak processor threads files writes end")


def main():
    arguments = read_arguments()
    if arguments.program == PROGRAM:
        subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], check=True, cwd=ROOT)
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        config, url, environment = configuration(stack, arguments)
        starts = [
            daemon("first passes, then idle", arguments, config, url, environment, must_pass=True),
            daemon("idle from the start", arguments, config, url, environment, must_pass=False),
        ]
    problems = []
    for start in starts:
        show(start, arguments)
        problems += judge(start)
    if problems:
        sys.exit("FAILED: " + "; ".join(problems))
    print("passed")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60, help="how long to watch it being idle")
    parser.add_argument("--program", type=pathlib.Path, default=PROGRAM, help="a build to measure instead of this one")
    return parser.parse_args()


def configuration(stack, arguments):
    """A simulated platform, and a configuration that names so many targets on it, all due half an hour from now."""
    told, port = PLACE / "simulator.toml", free_port()
    with open(told, "w") as out, open(PLACE / "simulator.log", "w") as log:
        command = [arguments.program, "simulate", "--listen", f"127.0.0.1:{port}", "--events", "900"]
        simulator = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=log)
    stack.callback(simulator.wait)
    stack.callback(simulator.terminate)
    # It tells all at once, when it serves.
    wait_for(lambda: told.read_text().count("[[targets]]") >= 3, 60, "the simulator")
    text = told.read_text()
    secret, client = (
        re.search(pattern, text, re.MULTILINE).group(1)
        for pattern in [r"^#   client secret  (\S+)$", r"^#   client id      (\S+)$"]
    )
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=30)
    listen = f"127.0.0.1:{free_port()}"
    lines = [
        f'state_dir = "{PLACE}/state"',
        f'[archive]\nurl = "file://{PLACE}/archive"',
        f'[http]\nlisten = "{listen}"',
        f'[connections.simulator]\nurl = "http://127.0.0.1:{port}/"',
        f'[connections.simulator.auth.client_credentials]\nclient_id = "{client}"',
        'client_secret = { env = "SIMULATOR_SECRET" }',
        f'[defaults]\nschedule = "0 {later.minute} * * * *"\nstart = "90d"',
    ]
    streams = ["", 'tenant = "production"\n', 'tenant = "test"\n']
    for number in range(arguments.targets):
        stream = streams[number % len(streams)]
        lines.append(f'[[targets]]\nname = "target-{number:04}"\norganization = "acme"\n{stream}')
    config = PLACE / "exporter.toml"
    config.write_text("\n".join(lines))
    return config, f"http://{listen}", os.environ | {"SIMULATOR_SECRET": secret}


def daemon(name, arguments, config, url, environment, must_pass):
    """Starts the daemon, watches it, ends it."""
    log = PLACE / f"{name.split()[0]}.log"
    status_file = PLACE / "state" / "status.json"
    with open(log, "w") as file:
        began = time.monotonic()
        command = [arguments.program, "--config", config, "--log-format", "json", "run"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment)
    try:
        ready = seconds_until(began, lambda: answers(f"{url}/readyz"), 30, "the daemon")
        all_wait = lambda: waiting(status_file, process.pid, arguments.targets, must_pass)
        idle = seconds_until(began, all_wait, 600, "all targets to wait")
        # What the last pass left to be written down is written down.
        time.sleep(3)
        memory, busy, written, writes = resident(process.pid), processor(process.pid), version(status_file), 0
        watched = scraped = time.monotonic()
        while time.monotonic() < watched + arguments.seconds:
            time.sleep(0.2)
            if time.monotonic() >= scraped:
                scraped += SECONDS_BETWEEN_SCRAPES
                answers(f"{url}/metrics")
            now = version(status_file)
            writes, written = writes + (now != written), now
        share = (processor(process.pid) - busy) / (time.monotonic() - watched)
        memory = max(memory, resident(process.pid))
        peak = field(process.pid, "VmHWM") * 1024
        threads, files = field(process.pid, "Threads"), len(os.listdir(f"/proc/{process.pid}/fd"))
        ending = time.monotonic()
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
        end = time.monotonic() - ending
    finally:
        process.kill()
    if status:
        sys.exit(f"the daemon ended with {status}:\n{log.read_text()[-4000:]}")
    return Start(name, ready, idle, memory, peak, share, threads, files, writes, end)


def answers(url):
    try:
        with urllib.request.urlopen(url) as reply:
            return bool(reply.read())
    except OSError:
        return False


def waiting(status_file, pid, targets, must_pass):
    """Whether that process says of every target that it waits for its next due time."""
    try:
        status = json.loads(status_file.read_text())
    except FileNotFoundError:
        return False
    if status["pid"] != pid or len(status["targets"]) != targets:
        return False
    return all(target["next_run"] and (target["last_pass"] or not must_pass) for target in status["targets"])


def seconds_until(began, done, patience, what):
    wait_for(done, patience, what)
    return time.monotonic() - began


def wait_for(done, patience, what):
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"waited too long for {what}; see {PLACE}")
        time.sleep(0.005)


def field(pid, name):
    """A number in the system's status of a process."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE).group(1))


def resident(pid):
    return field(pid, "VmRSS") * 1024


def processor(pid):
    """Seconds of processor time so far, the program's and the system's for it."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def version(file):
    return (file.stat().st_ino, file.stat().st_mtime_ns)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def show(start, arguments):
    print(f"{arguments.targets:,} targets, {start.name}")
    print(f"  ready after          {start.ready * 1000:.0f} ms; all wait after {start.waiting:.1f} s")
    print(f"  memory               {start.memory / MIB:.1f} MiB resident, at its peak {start.peak / MIB:.1f} MiB")
    print(f"  processor while idle {start.processor * 100:.2f} % of a core over {arguments.seconds} s")
    print(f"  threads, open files  {start.threads}, {start.files}")
    print(f"  status.json written  {start.writes} times while idle")
    print(f"  SIGTERM to the end   {start.end * 1000:.0f} ms")


def judge(start):
    limits = [
        (start.ready, MOST_SECONDS_TO_READY, "seconds to be ready"),
        (start.memory, MOST_MEMORY, "bytes resident"),
        (start.processor, MOST_PROCESSOR, "of a core while idle"),
        (start.end, MOST_SECONDS_TO_END, "seconds to end"),
    ]
    return [f"{start.name}: {value:.3f} {what}, the limit is {most}" for value, most, what in limits if value >= most]


if __name__ == "__main__":
    main()
