"""Pages that ask for a browser or a person instead of answering."""

import re

#: Marks of the challenge itself. What these firms put into every page of a shop behind them
#: (`/cdn-cgi/challenge-platform/scripts/jsd`, `_Incapsula_Resource` scripts, sensors) is none.
MARKS = re.compile(
    r"<title>\s*(?:just a moment|attention required!|access denied|pardon our interruption)"
    r"|_cf_chl_opt|cf-challenge-running|cf-browser-verification"  # Cloudflare
    r"|sec-if-cpt-container|sec-cpt-if|errors\.edgesuite\.net"  # Akamai
    r"|px-captcha|_pxBlockedUrl"  # PerimeterX
    r"|incapsula incident id"  # Imperva
    r"|geo\.captcha-delivery\.com",  # DataDome
    re.IGNORECASE,
)
LOOKED_AT = 20_000


def is_challenge(text: str) -> bool:
    """Whether a page is a challenge; the crawler then stops and tries nothing to get around it.

    JSON never is: there the same words are a product's description.
    """
    start = text[:LOOKED_AT].lstrip("\ufeff \t\r\n")
    return not start.startswith(("{", "[")) and MARKS.search(start) is not None
