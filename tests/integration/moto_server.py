"""moto's S3 server, one request at a time: `python moto_server.py PORT`.

Its own command answers in threads, and its check and its write of a conditional PUT are two
steps: under load two of 32 writers were told that they were first.
"""

import sys

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

if __name__ == "__main__":
    run_simple(
        "127.0.0.1",
        int(sys.argv[1]),
        DomainDispatcherApplication(create_backend_app),
        threaded=False,
    )
