"""Parts c and d: memory of an export as history grows, and `verify` beside what a shell does with the same files."""

import shlex
import statistics

from . import machine, peers
from .report import Table, count, figure, goal, goals, mib, ratios, seconds
from .server import Server

# Events over days: as dense everywhere.
EVENTS_A_DAY = 25_000
MOST_MEMORY = 96 * machine.MIB
# Files for one shell at a time: enough that starting it is not what takes the time.
FILES_AT_ONCE = 8


def memory(bench):
    """Part c."""
    sizes = [2_000, 10_000] if bench.quick else [10_000, 100_000, 500_000, 2_000_000]
    peaks, spans = {}, {}
    for events in sizes:
        with Server(bench.program, bench.place, bench.cores, events, events / EVENTS_A_DAY) as server:
            server.walk()
            peaks[events], spans[events] = [], []
            for number in range(bench.rounds):
                place = bench.place / "run"
                one, _, _ = peers.run(bench.peers.task("ours", server, place), place, server, bench.cores)
                peaks[events].append(one.memory)
                spans[events].append(one.seconds)
                bench.say(f"round {number + 1}: {count(events)} events: {mib(one.memory)}, {seconds(one.seconds)}")
    table = Table("events", "days", "peak memory", "time", "goal")
    middle = {events: statistics.median(values) for events, values in peaks.items()}
    large = [peak for events, peak in middle.items() if events >= 100_000]
    for events in sizes:
        told = [goal("under 96 MiB", middle[events] < MOST_MEMORY)]
        if large and events == sizes[-1]:
            growth = max(large) / min(large) - 1
            told.append(goal(f"within 10 % from 100,000 on ({growth * 100:.1f} %)", growth <= 0.1))
        days = f"{events / EVENTS_A_DAY:g}"
        table.row(count(events), days, figure(peaks[events], mib), figure(spans[events], seconds), goals(*told))
    return (
        f"A first export with default settings, {count(EVENTS_A_DAY)} events a day; resident memory of the process at its "
        f"peak; {bench.said_rounds()}.\n\n{table}"
    )


def verify(bench):
    """Part d. Everything is in the page cache: an untimed round comes first."""
    events = 10_000 if bench.quick else 1_000_000
    place = bench.place / "archive"
    with Server(bench.program, bench.place, bench.cores, events, 40) as server:
        task = bench.peers.task("ours", server, place)
        peers.run(task, place, server, bench.cores)
        exporter, environment = server.exporter(bench.program, place)
    files = list(place.glob("archive/jsonl/**/*.jsonl.zst"))
    stored = sum(file.stat().st_size for file in files)
    jobs = len(bench.cores) or len(machine.all_cores())
    found = f"find {shlex.quote(str(place))}/archive/jsonl -name '*.zst' -print0"
    parallel = f"xargs -0 -P {jobs} -n {FILES_AT_ONCE}"
    both = 'sha256sum "$@"; for file; do zstd -dcq "$file" | sha256sum; done'
    shell = "`sha256sum`, and `zstd -dc` into `sha256sum`"
    commands = {
        "`sha256sum`": ["sh", "-c", f"{found} | {parallel} sha256sum"],
        shell: ["sh", "-c", f"{found} | {parallel} sh -c {shlex.quote(both)} sh"],
    }
    # Where processors have instructions for it, it is faster than sha256sum on many systems.
    if machine.version(["openssl", "version"]):
        other = both.replace("sha256sum", "openssl dgst -sha256")
        commands[shell.replace("sha256sum", "openssl dgst")] = [
            "sh", "-c", f"{found} | {parallel} sh -c {shlex.quote(other)} sh"
        ]  # fmt: skip
    commands |= {"`verify`": [*exporter, "verify"], "`verify --deep`": [*exporter, "verify", "--deep"]}
    took = {name: [] for name in commands}
    for number in range(bench.rounds + 1):
        for name, command in commands.items():
            one = machine.measured(machine.pinned(command, bench.cores), bench.place / "verify.log", environment)
            if number:
                took[name].append(one)
                bench.say(f"round {number}: {name}: {seconds(one.seconds)}")
    table = Table("what", "time", "speed of the shell's", "processor", "peak memory", "goal")
    for name, runs in took.items():
        speed = ratios((run.seconds for run in took[shell]), (run.seconds for run in runs))
        table.row(
            name,
            figure((run.seconds for run in runs), seconds),
            figure(speed, lambda value: f"{value * 100:.0f} %"),
            figure((run.processor for run in runs), seconds),
            figure((run.memory for run in runs), mib),
            goal("at least 80 %", statistics.median(speed) >= 0.8) if name == "`verify`" else "",
        )
    lines = "\n".join(bench.shown(shlex.join(map(str, command))) for command in commands.values())
    return (
        f"{count(events)} events in {count(len(files))} objects of {mib(stored)}, in the page cache; {bench.said_rounds()}."
        f"\n\n{table}\n\n```sh\n{lines}\n```"
    )
