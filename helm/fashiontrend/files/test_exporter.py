"""`helm test`: the exporter answers a scrape."""

import sys
import time
import urllib.error
import urllib.request

#: A network lets a new pod through only once it has learnt of it.
PATIENCE_S = 60.0


def scrape(url: str) -> str:
    """The metrics, as text; refused connections are tried again for a while."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310
                return str(answer.read().decode())
        except (urllib.error.URLError, TimeoutError):
            if time.monotonic() > end:
                raise
            time.sleep(1.0)


sys.exit(
    0 if "fashiontrend_" in scrape(sys.argv[1]) else f"no fashiontrend_ metric in {sys.argv[1]}"
)
