"""A short visit to a shop: few requests, one after the other, by the rules of its robots.txt.

A crawl has Scrapy's pace and budgets and a process of its own, because a reactor starts once. A
command that asks a handful of addresses needs neither, but the same manners and the same guard.
"""

import asyncio
import ipaddress
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import protego

from fashiontrend.addresses import (
    AddressGuard,
    AddressRefused,
    Origin,
    Resolver,
    SystemResolver,
    lies_inside,
    origin_of,
)
from fashiontrend.config import CrawlConfig
from fashiontrend.crawl.pages import is_challenge
from fashiontrend.crawl.platform_spider import MAX_PAGE_BYTES, MAX_ROBOTS_CHARS, REFUSAL_STATUSES
from fashiontrend.errors import DataError

MAX_REQUESTS = 10
#: Seconds between two requests at least, as between those of a crawl.
PAUSE_S = 1.0
#: A shop that asks for a longer pause between two requests is not visited: nobody waits for that.
MAX_PAUSE_S = 20.0
REDIRECT_STATUSES = {301, 302, 303, 307, 308}


class ShopRefuses(DataError):
    """A shop does not want to be asked, or cannot be; the message says how that was seen."""


class AddressForbidden(ShopRefuses):
    """A shop does not want one address to be asked; others may be."""


class VisitOver(DataError):
    """The requests of a visit are spent."""


@dataclass(frozen=True)
class Answer:
    """What a shop answered, after its redirects."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, in the charset that the shop names, else UTF-8."""
        named = self.headers.get("Content-Type", "").partition("charset=")[2].strip(" \"';")
        try:
            return self.body.decode(named or "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


@dataclass
class Visit:
    """One visit; it sends at most `MAX_REQUESTS` requests, with redirects and robots.txt.

    Proxies and certificate authorities are those of the standard environment variables
    (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE` and their like).

    Attributes:
        crawl: the user agent, the timeout and the private networks that are allowed.
        shop: the address that the operator named, which may itself lie in a private network.
        pause_s: seconds between two requests at least; robots.txt may lengthen them.
    """

    crawl: CrawlConfig
    shop: str
    pause_s: float = field(default_factory=lambda: PAUSE_S)
    resolve: Resolver = field(default_factory=SystemResolver)
    requests: int = 0
    rules: dict[str, protego.Protego] = field(default_factory=dict)  # origin -> its robots.txt

    @property
    def left(self) -> int:
        """How many requests may still be sent."""
        return MAX_REQUESTS - self.requests

    @property
    def agent(self) -> str:
        """The User-Agent, as every request of a crawl has it."""
        contact = self.crawl.contact_url
        return f"{self.crawl.user_agent} (+{contact})" if contact else self.crawl.user_agent

    @cached_property
    def _authorities(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()  # heeds SSL_CERT_FILE and SSL_CERT_DIR

    async def get(self, address: str) -> Answer:
        """Ask for an address, and follow its redirects.

        Raises:
            VisitOver: no request is left.
            ShopRefuses: robots.txt forbids it, the shop refuses or does not answer, or the address
                lies in a private network.
        """
        for _ in range(MAX_REQUESTS):
            if self.crawl.obey_robots:
                await self._obey(address)
            answer = await self._send(address)
            if answer.status not in REDIRECT_STATUSES or "Location" not in answer.headers:
                return _welcome(answer)
            address = urljoin(answer.url, answer.headers["Location"])
        raise ShopRefuses(f"{address}: the shop redirects in a circle.")

    async def sitemaps(self, address: str) -> tuple[str, ...]:
        """The `Sitemap:` lines of the robots.txt that speaks for an address."""
        return tuple((await self._rules(address)).sitemaps)

    async def _obey(self, address: str) -> None:
        rules = await self._rules(address)
        if not rules.can_fetch(address, self.agent):
            raise AddressForbidden(
                f"{address}: robots.txt forbids it. Ask the shop for permission; docs/permission.md says how."
            )

    async def _rules(self, address: str) -> protego.Protego:
        """Read an origin's robots.txt once; one that is not there has no rules (RFC 9309)."""
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self.rules:
            answer = await self._send(f"{origin}/robots.txt")
            if answer.status in REDIRECT_STATUSES and "Location" in answer.headers:
                answer = await self._send(urljoin(answer.url, answer.headers["Location"]))
            if answer.status >= 500 or answer.status == 429:
                raise ShopRefuses(
                    f"{answer.url}: the shop answered {answer.status}, and while its robots.txt cannot be "
                    "read nothing may be asked. Try again later."
                )
            text = answer.text[:MAX_ROBOTS_CHARS] if answer.status == 200 else ""
            self.rules[origin] = protego.Protego.parse(text)
            self._slow_down(float(self.rules[origin].crawl_delay(self.agent) or 0.0))
        return self.rules[origin]

    def _slow_down(self, delay_s: float) -> None:
        if delay_s > MAX_PAUSE_S:
            raise ShopRefuses(
                f"{self.shop}: robots.txt asks for a pause of {delay_s:g} s between two requests, too long "
                "for a visit. Write the platform's block by hand; a crawl keeps to the pause."
            )
        self.pause_s = max(self.pause_s, delay_s)

    async def _send(self, address: str) -> Answer:
        """Send one request after the pause, to an address that was checked."""
        if self.left <= 0:
            raise VisitOver(f"{self.shop}: the {MAX_REQUESTS} requests of this visit are spent.")
        if self.requests:
            await asyncio.sleep(self.pause_s)
        self.requests += 1
        try:
            return await self._exchange(address)
        except (AddressRefused, ValueError, httpx.InvalidURL) as error:
            raise ShopRefuses(
                f"{address}: {error}. If the network is yours, name it in crawl.allowed_networks."
            ) from None
        except (httpx.HTTPError, OSError) as error:
            said = str(error) or type(error).__name__
            raise ShopRefuses(
                f"{address}: the shop did not answer ({said}). Check the address."
            ) from None

    async def _exchange(self, address: str) -> Answer:
        """Ask the checked network addresses themselves, so that the name cannot mean others meanwhile."""
        url, proxy = httpx.URL(address), proxy_for(address)
        if url.scheme not in ("http", "https"):
            raise AddressRefused(f"{url.scheme}: is no scheme of a shop")
        *others, last = await self._checked(address, proxy)
        for found in others:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._ask(url, found, proxy)
        return await self._ask(url, last, proxy)

    async def _ask(self, url: httpx.URL, found: str, proxy: str | None) -> Answer:
        """Send the request to one network address, or to a proxy, which resolves the name itself."""
        headers = {"User-Agent": self.agent, "Host": url.netloc.decode(), "Accept": "*/*"}
        target = url if proxy else url.copy_with(host=found)
        named = {} if proxy or _is_number(url.host) else {"sni_hostname": url.host}
        client = httpx.AsyncClient(
            proxy=proxy, verify=self._authorities, trust_env=False, timeout=self.crawl.timeout_s
        )
        async with client, client.stream("GET", target, headers=headers, extensions=named) as got:
            body = bytearray()
            async for chunk in got.aiter_bytes():
                body += chunk
                if len(body) > MAX_PAGE_BYTES:
                    raise ShopRefuses(
                        f"{url}: the answer is longer than any page of a shop should be."
                    )
            return Answer(str(url), got.status_code, got.headers, bytes(body))

    async def _checked(self, address: str, proxy: str | None) -> list[str]:
        """Return the network addresses of the host, all of which may be asked; a proxy resolves names itself."""
        host, port = origin_of(address)
        stated = origin_of(self.shop)
        own = (stated, *(Origin(stated.host, p) for p in (80, 443) if stated.port in (80, 443)))
        networks = tuple(ipaddress.ip_network(n) for n in self.crawl.allowed_networks)
        guard = AddressGuard(networks, own if lies_inside(stated.host) else ())
        guard.check_text(host, port)
        if proxy:
            return [host]
        return guard.check(host, port, await self.resolve(host, port))


def proxy_for(address: str) -> str | None:
    """The proxy that the standard environment variables name for an address, None for none."""
    parts = urlsplit(address)
    if proxy_bypass(parts.netloc):
        return None
    stated = getproxies()
    proxy = stated.get(parts.scheme) or stated.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _is_number(host: str) -> bool:
    return host.replace(".", "").isdigit() or ":" in host


def _welcome(answer: Answer) -> Answer:
    """Return an answer that is no refusal.

    Raises:
        ShopRefuses: it is one; the visit does not try to get around it.
    """
    if answer.status in REFUSAL_STATUSES or is_challenge(answer.text):
        seen = answer.status if answer.status in REFUSAL_STATUSES else "a challenge page"
        raise AddressForbidden(
            f"{answer.url}: the shop refused ({seen}), and nothing tries to get around that. Ask the shop "
            "for permission; docs/permission.md says how."
        )
    if urlsplit(answer.url).path.rstrip("/").endswith("/password"):
        raise ShopRefuses(f"{answer.url}: the shop is private: it asks visitors for a password.")
    return answer
