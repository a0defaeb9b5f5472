"""Amazon S3 for the tests: moto's server, on a port of its own choice.

Keys, signatures and permissions are checked, but for the first three requests: those make the user that makes all others.
One request at a time is served, since moto looks whether an object is there and creates it in two steps, which S3 does in
one. It ends when its standard input does: when the tests end, however they end.

Which service a host name stands for is looked up once: moto looks through its own directories for each request, half of
the time that it takes.
"""

import functools
import logging
import os
import sys
import threading

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "3"

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


def end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def one_at_a_time(app):
    lock = threading.Lock()

    def serve(environ, start_response):
        with lock:
            return list(app(environ, start_response))

    return serve


DomainDispatcherApplication.get_backend_for_host = functools.cache(DomainDispatcherApplication.get_backend_for_host)
threading.Thread(target=end_with_input, daemon=True).start()
logging.getLogger("werkzeug").setLevel(logging.ERROR)
app = one_at_a_time(DomainDispatcherApplication(create_backend_app))
server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
print(f"listens on http://127.0.0.1:{server.port}", flush=True)
server.serve_forever()
