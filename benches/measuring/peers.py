"""Those that are measured side by side: what each runs, and where it leaves the events."""

import dataclasses
import os
import shlex
import shutil
import subprocess
import sys

from . import events, machine
from .machine import Failure
from .server import FIRST, STREAM

# Pages that the shell's loop reads: its time for all of them is worked out from these.
SHELL_PAGES = 50
PYPI = ["dlt", "Grove", "Tenzir"]


@dataclasses.dataclass
class Task:
    """A command, and how to tell whether it got all events."""

    command: list
    environment: dict = None
    # Called once it has run; gives the bytes it wrote.
    check: object = None
    # All events, as a multiple of those it reads.
    scale: float = 1.0


class Peers:
    """Everybody who can run here. Who cannot is told in `missing`."""

    def __init__(self, root, target, program, quick):
        self.sources, self.target, self.program = root / "benches" / "peers", target, program
        self.versions, self.missing = {}, []
        needed = {"curl": ["curl", "zstd"], "shell": ["curl", "jq"]}
        for tool in ["curl", "zstd", "jq"]:
            self.versions[tool] = machine.version([tool, "--version"])
        self.names = ["curl", "curl | zstd -1", "curl | jq", "one request at a time", "ours"]
        for names, tools in [(self.names[:2], needed["curl"]), (self.names[2:3], needed["shell"])]:
            lacking = [tool for tool in tools if not self.versions[tool]]
            if lacking:
                self.missing += [f"{name}: no {', '.join(lacking)} here" for name in names]
                self.names = [name for name in self.names if name not in names]
        for name in [] if quick else PYPI:
            self.install(name)

    def install(self, name):
        """Into an environment of its own, at the versions that are written down."""
        place, pins = self.place(name), self.sources / name.lower() / "requirements.txt"
        installed = place / "installed.txt"
        pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        try:
            if not installed.exists() or installed.read_text() != pins.read_text():
                print(f"installing {name}", flush=True)
                subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
                subprocess.run([*pip, "--no-deps", "--requirement", pins], check=True)
                installed.write_text(pins.read_text())
        except (OSError, subprocess.CalledProcessError) as error:
            self.missing.append(f"{name}: cannot be installed: {error}")
            return
        pinned = dict(line.split("==") for line in pins.read_text().split())
        self.versions[name] = pinned[name.lower()]
        self.names.append(name)

    def place(self, name):
        return self.target / "python" / name.lower()

    def task(self, name, server, place):
        """What one of them does, in a new directory."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        make = {
            "curl": self.curl,
            "curl | zstd -1": self.curl_zstd,
            "curl | jq": self.curl_jq,
            "one request at a time": lambda server, place: self.once(server, place, 1),
            "ours": lambda server, place: self.once(server, place, None),
            "dlt": self.dlt,
            "Grove": self.grove,
            "Tenzir": self.tenzir,
        }
        return make[name](server, place)

    def list_of_pages(self, server, place, output):
        config = place / "curl.config"
        lines = [f'header = "Authorization: Bearer {server.token()}"', "silent", "show-error", "fail"]
        for page in server.pages:
            lines.append(f'url = "{server.base}{page}"' + (f'\noutput = "{output}"' if output else ""))
        config.write_text("\n".join(lines))
        return config

    def curl(self, server, place):
        config, sizes = self.list_of_pages(server, place, os.devnull), place / "sizes"
        command = f"curl --config {config} --write-out '%{{size_download}}\\n' > {sizes}"

        def check():
            got = sum(map(int, sizes.read_text().split()))
            if got != server.bytes:
                raise Failure(f"curl got {got} bytes instead of {server.bytes}")
            return 0

        return Task(["sh", "-c", command], check=check)

    def curl_zstd(self, server, place):
        output = place / "pages.zst"
        config = self.list_of_pages(server, place, None)
        command = f"curl --config {config} | zstd -1 -q -o {output}"
        return Task(["sh", "-c", command], check=lambda: events.must_be_there("curl", [output], server.events))

    def curl_jq(self, server, place):
        pages = min(SHELL_PAGES, len(server.pages))
        some = min(pages * 200, server.events)
        output = place / "events.jsonl"
        command = ["sh", self.sources / "shell" / "export.sh", server.base, FIRST, pages, output]
        return Task(
            command,
            os.environ | {"TOKEN": server.token()},
            lambda: events.must_be_there("the shell", [output], some),
            server.events / some,
        )

    def once(self, server, place, concurrent):
        exporter, environment = server.exporter(self.program, place, concurrent)
        return Task([*exporter, "once"], environment, lambda: archived(place, server.events))

    def dlt(self, server, place):
        environment = os.environ | {
            "AUDIT_URL": server.base,
            "AUDIT_PATH": STREAM,
            "AUDIT_TOKEN": server.token(),
            "AUDIT_PLACE": str(place),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        command = [self.place("dlt") / "bin" / "python", self.sources / "dlt" / "pipeline.py"]
        files = lambda: place.glob("out/audit/audit_events/*.jsonl*")
        return Task(command, environment, lambda: events.must_be_there("dlt", files(), server.events))

    def grove(self, server, place):
        output, configs = place / "out", place / "configs"
        output.mkdir()
        configs.mkdir()
        text = (self.sources / "grove" / "connector.json").read_text()
        for mark, value in {"URL": server.base, "PATH": STREAM, "TOKEN": server.token(), "SINCE": server.since}.items():
            text = text.replace(f"@{mark}@", value)
        (configs / "production.json").write_text(text)
        environment = os.environ | {
            "GROVE_CONFIG_LOCAL_FILE_PATH": str(configs),
            "GROVE_OUTPUT_HANDLER": "local_file",
            "GROVE_OUTPUT_LOCAL_FILE_PATH": str(output),
            "PYTHONPATH": str(self.sources / "grove"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        files = lambda: output.rglob("*.json.gz")
        check = lambda: events.must_be_there("Grove", files(), server.events)
        return Task([self.place("Grove") / "bin" / "grove"], environment, check)

    def tenzir(self, server, place):
        output, pipeline = place / "events.jsonl.zst", place / "pipeline.tql"
        text = (self.sources / "tenzir" / "pipeline.tql").read_text()
        for mark, value in {"URL": server.base, "FIRST": FIRST, "TOKEN": server.token(), "OUTPUT": str(output)}.items():
            text = text.replace(f"@{mark}@", value)
        pipeline.write_text(text)
        command = [self.place("Tenzir") / "bin" / "tenzir", "--file", pipeline]
        return Task(command, None, lambda: events.must_be_there("Tenzir", [output], server.events))


def archived(place, count):
    """All events of an archive of ours, each once."""
    return events.must_be_there("the exporter", place.glob("archive/jsonl/**/*.jsonl.zst"), count)


def run(task, place, server, cores):
    """Runs a task and checks what it did. Returns what it took, the server's share, the bytes it wrote."""
    before = server.processor()
    took = machine.measured(machine.pinned(task.command, cores), place / "log", task.environment)
    served = server.processor() - before
    written = task.check()
    scaled = machine.Took(took.seconds * task.scale, took.processor * task.scale, took.memory)
    return scaled, served * task.scale, written


def line(task):
    return shlex.join(map(str, task.command))


def size(count):
    return f"{count / MIB:.0f} MiB"
