"""Parts a and b: reading from a server that is as fast as it can be, from one that is far away, and from a strict one."""

import statistics

from . import peers
from .machine import Failure
from .report import Table, count, figure, goal, goals, mib, ratios, seconds, share, times
from .server import Server

FLOOR, ONE, OURS = "curl | zstd -1", "one request at a time", "ours"
# What the shell needs is worked out from fewer pages.
ESTIMATED = {"curl | jq": f"from its first {peers.SHELL_PAGES} pages"}
SPELLED = {ONE: "`once`, one request at a time", OURS: "`once`, default settings"}


def side_by_side(bench):
    """Part a. Each in turn, round by round, on the same server."""
    events = 10_000 if bench.quick else 200_000
    everybody = bench.peers
    took = {name: [] for name in everybody.names}
    served, written, lines = {name: [] for name in everybody.names}, {}, {}
    with Server(bench.program, bench.place, bench.cores, events, 30) as server:
        server.walk()
        for number in range(bench.rounds):
            for name in everybody.names:
                place = bench.place / "run"
                task = everybody.task(name, server, place)
                one, share_of_server, written[name] = peers.run(task, place, server, bench.cores)
                took[name].append(one)
                served[name].append(share_of_server)
                lines[name] = bench.shown(peers.line(task))
                bench.say(f"round {number + 1}: {name}: {seconds(one.seconds)}, {mib(one.memory)}")
        start, size = bench.shown(peers.line(peers.Task(server.command))), server.bytes / events
    table = Table("what", "time", f"of `{FLOOR}`", "processor", "peak memory", "written", "server's processor", "goal")
    for name, runs in took.items():
        spans = [run.seconds for run in runs]
        floor = [run.seconds for run in took.get(FLOOR, [])]
        label = SPELLED.get(name, f"`{name}`" if name in ESTIMATED or "curl" in name else name)
        label += f" {everybody.versions[name]}" if name in everybody.versions and name != "curl" else ""
        table.row(
            label + (f" ({ESTIMATED[name]})" if name in ESTIMATED else ""),
            figure(spans, seconds),
            figure(ratios(spans, floor), times) if floor else "",
            figure((run.processor for run in runs), seconds),
            figure((run.memory for run in runs), mib),
            mib(written[name]) if written[name] else "",
            figure(served[name], seconds),
            goals_of(name, took),
        )
    return "\n\n".join(
        [
            f"{count(events)} events, {size:.0f} bytes each on their way, in {len(server.pages):,} pages of 200; "
            f"{bench.said_rounds()}.",
            str(table),
            "```sh\n" + "\n".join([start, *lines.values()]) + "\n```",
        ]
    )


def goals_of(name, took):
    """What issue and figures say of one of them."""
    spans = {name: [run.seconds for run in runs] for name, runs in took.items()}
    memory = {name: statistics.median(run.memory for run in runs) for name, runs in took.items()}
    middle = lambda above, below: statistics.median(ratios(spans[above], spans[below]))
    if name == ONE and FLOOR in spans:
        return goal("at most 1.3 ×", middle(ONE, FLOOR) <= 1.3)
    if name == OURS and FLOOR in spans:
        return goal("less than 1 ×", middle(OURS, FLOOR) < 1)
    least = {"dlt": 25, "Grove": 25, "Tenzir": 5}.get(name)
    if least is None:
        return ""
    faster = middle(name, OURS)
    return goals(
        goal(f"ours {least} × faster ({times(faster)})", faster >= least),
        goal("with less memory", memory[OURS] < memory[name]),
    )


def far_away(bench):
    """Part b, first half: each reply waits."""
    events, wait = (10_000, "10ms") if bench.quick else (200_000, "100ms")
    took = {1: [], 16: []}
    with Server(bench.program, bench.place, bench.cores, events, 30, "--latency", wait) as server:
        for number in range(bench.rounds):
            for allowed, runs in took.items():
                one, counted = once(bench, server, allowed)
                runs.append((one, counted))
                bench.say(f"round {number + 1}: {wait}, {allowed} at once: {seconds(one.seconds)}")
    table = Table("requests at once", "time", "faster", "requests", "at most open", "peak memory", "goal")
    alone = [one.seconds for one, _ in took[1]]
    for allowed, runs in took.items():
        faster = ratios(alone, (one.seconds for one, _ in runs))
        table.row(
            allowed,
            figure((one.seconds for one, _ in runs), seconds),
            figure(faster, times),
            figure((counted["requests"] for _, counted in runs), count),
            figure((counted["most_open"] for _, counted in runs), count),
            figure((one.memory for one, _ in runs), mib),
            goal("at least 14 ×", statistics.median(faster) >= 14) if allowed == 16 else "",
        )
    return f"{count(events)} events, each reply {wait} late; {bench.said_rounds()}.\n\n{table}"


def strict(bench):
    """Part b, second half: so many requests are answered each second, as many at once, the others refused."""
    # As many events as pages for a minute, or half a minute where that would be a great many.
    limits = {50: 10_000} if bench.quick else {10: 120_000, 50: 600_000, 200: 1_200_000}
    columns = "requests a second", "events", "time", "of the limit used", "answered with 429", "goal"
    table = Table(*columns)
    for limit, events in limits.items():
        used, refused, spans = [], [], []
        flags = "--requests-per-second", limit
        with Server(bench.program, bench.place, bench.cores, events, 60, *flags) as server:
            for number in range(bench.rounds):
                one, counted = once(bench, server, None)
                answers = {int(status): number for status, number in counted["answered"].items()}
                # Those of the first moment come on top of those of each second.
                room = limit * counted["seconds"] + limit
                used.append((counted["requests"] - answers.get(429, 0)) / room)
                refused.append(answers.get(429, 0) / counted["requests"])
                spans.append(one.seconds)
                bench.say(f"round {number + 1}: {limit} a second: {share(used[-1])} used, {share(refused[-1])} refused")
        told = goals(
            goal("at least 95 %", statistics.median(used) >= 0.95),
            goal("under 2 %", statistics.median(refused) < 0.02),
        )
        table.row(limit, count(events), figure(spans, seconds), figure(used, share), figure(refused, share), told)
    return f"Nothing lost in any run; default settings; {bench.said_rounds()}.\n\n{table}"


def once(bench, server, allowed):
    """A first export; what it took and what the server counted."""
    server.begin_counting()
    place = bench.place / "run"
    task = bench.peers.task(ONE if allowed == 1 else OURS, server, place)
    if allowed not in (1, None):
        exporter, task.environment = server.exporter(bench.program, place, allowed)
        task.command = [*exporter, "once"]
    one, _, _ = peers.run(task, place, server, bench.cores)
    counted = server.counted()
    if not counted["requests"]:
        raise Failure("the server counted no request")
    return one, counted
