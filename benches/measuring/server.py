"""The server that all are measured against: `uipath-audit-exporter simulate`, and an exporter's configuration for it."""

import datetime
import http.client
import json
import os
import subprocess
import urllib.parse
import urllib.request

from . import machine
from .machine import Failure

STREAM = "/acme/production/tenantaudit_/api/query/events"
FIRST = f"{STREAM}?maxCount=200"
# No event is younger, so that no walk meets news.
MINUTES_OF_SILENCE = 10
EVENT = b'{"id":"'


class Server:
    """Events of one tenant over a span of days that ended some minutes ago."""

    def __init__(self, program, place, cores, events, days, *flags):
        now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
        until = now - datetime.timedelta(minutes=MINUTES_OF_SILENCE)
        self.events, self.pages, self.bytes = events, [], 0
        self.since = spelled(until - datetime.timedelta(days=days))
        place.mkdir(parents=True, exist_ok=True)
        self.command = machine.pinned(
            [program, "simulate", "--listen", "127.0.0.1:0", "--events", events, "--tenant", "production", "--since"]
            + [self.since, "--until", spelled(until), "--news", "0", "--json", *flags],
            cores,
        )
        self.log = place / "server.log"

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise Failure(f"the server did not start:\n{self.log.read_text()[-4000:]}")
        self.told = json.loads(line)
        self.base = self.told["url"].rstrip("/")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()

    def token(self):
        form = {"grant_type": "client_credentials", "scope": self.told["scope"]}
        form |= {"client_id": self.told["client_id"], "client_secret": self.told["client_secret"]}
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(self.told["token_url"], body, timeout=60) as reply:
            return json.load(reply)["access_token"]

    def walk(self):
        """Follows all links once: the list of pages, and the server has all of them ready from now on."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.base).netloc, timeout=60)
        headers, page, events = {"Authorization": f"Bearer {self.token()}"}, FIRST, 0
        while page:
            self.pages.append(page)
            connection.request("GET", page, headers=headers)
            reply = connection.getresponse()
            body = reply.read()
            if reply.status != 200:
                raise Failure(f"the server answered {reply.status} to a walk over all pages")
            events += body.count(EVENT)
            self.bytes += len(body)
            _, _, link = body.rpartition(b'"previous":')
            page = json.loads(link[:-1])
        connection.close()
        if events != self.events:
            raise Failure(f"the server shows {events} events instead of {self.events}")
        return self

    def processor(self):
        return machine.processor(self.process.pid)

    def begin_counting(self):
        urllib.request.urlopen(urllib.request.Request(self.told["requests_url"], method="DELETE"), timeout=60).close()

    def counted(self):
        """Requests, answers by status, seconds from the first request to the last."""
        with urllib.request.urlopen(self.told["requests_url"], timeout=60) as reply:
            told = json.load(reply)
        first, last = (datetime.datetime.fromisoformat(told[at].replace("Z", "+00:00")) for at in ["first", "last"])
        return told | {"seconds": (last - first).total_seconds()}

    def exporter(self, program, place, concurrent=None):
        """A configuration with default settings but for what may be under way at once. Returns what to run up to the
        command, and its environment."""
        place.mkdir(parents=True, exist_ok=True)
        limit = f"max_concurrent_requests = {concurrent}\n" if concurrent else ""
        config = place / "exporter.toml"
        config.write_text(
            f'state_dir = "{place}/state"\n\n[archive]\nurl = "file://{place}/archive"\n\n'
            f'[connections.simulator]\nurl = "{self.told["url"]}"\n{limit}\n'
            f'[connections.simulator.auth.client_credentials]\nclient_id = "{self.told["client_id"]}"\n'
            'client_secret = { env = "SIMULATOR_SECRET" }\n\n'
            f'[defaults]\nstart = "{self.since}"\n\n'
            '[[targets]]\nname = "production"\norganization = "acme"\ntenant = "production"\n'
        )
        return [program, "--config", config], os.environ | {"SIMULATOR_SECRET": self.told["client_secret"]}


def spelled(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
