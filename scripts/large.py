#!/usr/bin/env python3
"""Archives 1 GiB of events, and tells how much memory and time the exporter needs for it.

Simulator, exporter and store run on this machine. Memory is the exporter's alone, its peak over the whole run. Fails if
that is 150 MiB or more, if less than 1 GiB of events was archived, or if `verify --deep` finds anything. Some minutes,
and some GiB below target/large; no part of the tests.

    python3 scripts/large.py [--store s3|file] [--compression zstd|gzip|none] [--events N]
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
PLACE = ROOT / "target" / "large"
PROGRAM = ROOT / "target" / "release" / "uipath-audit-exporter"
REQUIREMENTS = ROOT / "tests" / "emulators" / "requirements.txt"
MIB = 1 << 20
MOST_MEMORY = 150 * MIB
LEAST_EVENTS_BYTES = 1 << 30
# Some 850 bytes each.
EVENTS = 1_300_000


def main():
    arguments = read_arguments()
    run(["cargo", "build", "--release", "--locked", "--quiet"])
    shutil.rmtree(PLACE / "run", ignore_errors=True)
    place = PLACE / "run"
    place.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        if arguments.store == "s3":
            archive = s3(stack, place)
        else:
            archive = f'url = "file://{place}/archive"'
        archive += f'\ncompression = "{arguments.compression}"'
        config, secret, targets = simulator(stack, place, archive, arguments.events)
        environment = os.environ | {"SIMULATOR_SECRET": secret}
        exporter = [PROGRAM, "--config", config]
        seconds, memory = measured([*exporter, "once"], environment, place / "once.log")
        check_seconds, check_memory = measured([*exporter, "verify", "--deep"], environment, place / "verify.log")
        size, events = events_of(exporter, targets, environment, place / "cat.log")
    print(f"store           {arguments.store}, {arguments.compression}")
    print(f"events          {events:,} of {size / MIB:,.0f} MiB of JSON")
    print(f"once            {seconds:.0f} s, {events / seconds:,.0f} events/s, peak memory {memory / MIB:.0f} MiB")
    print(f"verify --deep   {check_seconds:.0f} s, peak memory {check_memory / MIB:.0f} MiB")
    problems = []
    if memory >= MOST_MEMORY:
        problems.append(f"`once` took {memory / MIB:.0f} MiB: the limit is {MOST_MEMORY / MIB:.0f} MiB")
    if size < LEAST_EVENTS_BYTES and arguments.events >= EVENTS:
        problems.append(f"{size:,} bytes of events are less than 1 GiB")
    if events < arguments.events:
        problems.append(f"{arguments.events - events:,} events are not in the archive")
    if problems:
        sys.exit("FAILED: " + "; ".join(problems))
    print("passed")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=["s3", "file"], default="s3")
    parser.add_argument("--compression", choices=["zstd", "gzip", "none"], default="zstd")
    parser.add_argument("--events", type=int, default=EVENTS, help="fewer to try the script")
    return parser.parse_args()


def run(command, **more):
    subprocess.run(command, check=True, cwd=ROOT, **more)


def s3(stack, place):
    """A bucket in an S3 emulator, as an archive in the configuration."""
    python = PLACE / "python" / "bin" / "python"
    installed, pins = PLACE / "python" / "installed.txt", REQUIREMENTS.read_text()
    if not installed.exists() or installed.read_text() != pins:
        run([sys.executable, "-m", "venv", "--clear", PLACE / "python"])
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", REQUIREMENTS])
        installed.write_text(pins)
    port = free_port()
    # Bodies go to files there: they are gone with the run.
    environment = os.environ | {"TMPDIR": str(place)}
    start(stack, [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], place / "moto.log", environment)
    endpoint = f"http://127.0.0.1:{port}"
    wait_for(lambda: urllib.request.urlopen(f"{endpoint}/moto-api/").status == 200, "moto")
    bucket = urllib.request.Request(f"{endpoint}/large", method="PUT")
    urllib.request.urlopen(bucket).close()
    secret = place / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)
    keys = f'aws_access_key_id = "exporter", aws_secret_access_key = {{ file = "{secret}" }}'
    return f'url = "s3://large/uipath"\noptions = {{ aws_endpoint = "{endpoint}", aws_region = "us-east-1", {keys} }}'


def simulator(stack, place, archive, events):
    """A simulated platform. Returns a configuration for it, the client's secret, and the targets."""
    told = place / "simulator.toml"
    command = [PROGRAM, "simulate", "--listen", f"127.0.0.1:{free_port()}", "--events", str(events)]
    start(stack, command, told, os.environ)
    # It tells all at once, when it serves.
    wait_for(lambda: told.read_text().count("[[targets]]") == 3, "the simulator")
    text = told.read_text()
    [secret] = re.findall(r"^#   client secret  (\S+)$", text, re.MULTILINE)
    text = text.replace('state_dir = "simulated/state"', f'state_dir = "{place}/state"')
    text = text.replace('url = "file://./simulated/archive"', archive)
    # All of the history, which is 30 days old already and ends now.
    text = text.replace('start = "30d"', 'start = "31d"').replace('settle = "5s"', 'settle = "0s"')
    config = place / "exporter.toml"
    config.write_text(text)
    return config, secret, re.findall(r'^name = "(.*)"$', text, re.MULTILINE)


def start(stack, command, output, environment):
    with open(output, "w") as file, open(output.with_suffix(".err"), "w") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=log, env=environment)
    stack.callback(process.wait)
    stack.callback(process.terminate)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(done, what):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if done():
                return
        time.sleep(0.1)
    sys.exit(f"waited too long for {what}")


def measured(command, environment, log):
    """Runs a command that must succeed. Returns its seconds, and its peak memory in bytes."""
    with open(log, "w") as file:
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[-1]} ended with {process.returncode}:\n{log.read_text()[-4000:]}")
    return time.monotonic() - began, usage.ru_maxrss * 1024


def events_of(exporter, targets, environment, log):
    """Bytes and number of all archived events, as `cat` prints them."""
    size = events = 0
    for target in targets:
        command = [*exporter, "cat", "--target", target, "--from", "60d", "--to", "0s"]
        with open(log, "a") as file, subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file, env=environment
        ) as process:
            while block := process.stdout.read(MIB):
                size += len(block)
                events += block.count(b"\n")
        if process.returncode:
            sys.exit(f"cat of {target} ended with {process.returncode}:\n{log.read_text()}")
    return size - events, events


if __name__ == "__main__":
    main()
