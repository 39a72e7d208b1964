"""Recognise pages that demand a browser or a person instead of showing the shop."""

import re

#: Marks of the challenge itself. These firms also put scripts into every normal page of a shop
#: (`/cdn-cgi/challenge-platform/scripts/jsd`, `_Incapsula_Resource`, sensors); those do not count.
CHALLENGE_MARKS = re.compile(
    r"<title>\s*(?:just a moment|attention required!|access denied|pardon our interruption)"
    r"|_cf_chl_opt|cf-challenge-running|cf-browser-verification"  # Cloudflare
    r"|sec-if-cpt-container|sec-cpt-if|errors\.edgesuite\.net"  # Akamai
    r"|px-captcha|_pxBlockedUrl"  # PerimeterX
    r"|incapsula incident id"  # Imperva
    r"|geo\.captcha-delivery\.com",  # DataDome
    re.IGNORECASE,
)
SEARCHED_CHARS = 20_000


def is_challenge(text: str) -> bool:
    """Return whether a page is a challenge; the crawler then stops and does not get around it.

    JSON never is a challenge: there the same phrases are part of a product's description.
    """
    start = text[:SEARCHED_CHARS].lstrip("\ufeff \t\r\n")
    return not start.startswith(("{", "[")) and CHALLENGE_MARKS.search(start) is not None
