"""`helm test`: the service is alive, answers with the token, and refuses without it."""

import os
import sys
import time
import urllib.error
import urllib.request

#: A network lets a new pod through only once it has learnt of it.
PATIENCE_S = 60.0


def patiently(path: str, token: str | None) -> int:
    """The HTTP status of a GET; refused connections are tried again for a while."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return status(path, token)
        except (urllib.error.URLError, TimeoutError):
            if time.monotonic() > end:
                raise
            time.sleep(1.0)


def status(path: str, token: str | None) -> int:
    """The HTTP status of a GET."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(sys.argv[1] + path, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


wanted = [
    ("/healthz", None, 200),
    ("/v1/taxonomy", None, 401),
    ("/v1/taxonomy", os.environ["TOKEN"], 200),
]
wrong = 0
for path, token, code in wanted:
    seen = patiently(path, token)
    wrong += seen != code
    print(f"GET {path} {'with' if token else 'without'} token: {seen}, expected {code}")
sys.exit(wrong)
