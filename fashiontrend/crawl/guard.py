"""Keep the crawler out of private networks, whatever a shop's pages, redirects or name servers say.

The check is made twice: by `GuardMiddleware` for each request, before it waits for its turn, and by
`GuardedNameResolver` for each connection, whose addresses are exactly those that were checked.
"""

import asyncio
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from scrapy.crawler import Crawler
from scrapy.http import Request
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

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
from fashiontrend.crawl.platform_spider import PlatformSpider, RequestHeldBack

#: A shop that lies at one of them may send the crawler to the other.
WEB_PORTS = (80, 443)


class PrivateAddress(RequestHeldBack):
    """A request was not sent because its host lies in a private network."""


def guard_for(
    crawl: CrawlConfig, shops: Iterable[str], proxies: Iterable[str] = ()
) -> AddressGuard:
    """Return the guard that lets only these addresses of the operator lie in private networks.

    A shop lies there if the text of its address says so: a private address, `localhost`, or a name
    that is no public one. What a public name means is the shop's own to say, so it proves nothing.

    Args:
        crawl: names the private networks that are allowed besides.
        shops: `base_url` of the platforms, without `{day}`.
        proxies: addresses of proxies.
    """
    networks = tuple(ipaddress.ip_network(n) for n in crawl.allowed_networks)
    inside = [origin for shop in shops if lies_inside((origin := origin_of(shop)).host)]
    web = [Origin(o.host, port) for o in inside if o.port in WEB_PORTS for port in WEB_PORTS]
    return AddressGuard(networks, (*inside, *web, *map(origin_of, proxies)))


class GuardMiddleware:
    """Refuses a request to a private address before it is sent; redirects and robots.txt too."""

    def __init__(self, crawler: Crawler, resolver: Resolver | None = None) -> None:
        self.crawler = crawler
        self.resolve = resolver or SystemResolver()
        self.guard: AddressGuard | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "GuardMiddleware":
        """Make the middleware, as Scrapy calls it."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Let a request through if every address of its host may be asked.

        A proxy resolves the names itself, so only the text of the address is checked before one.
        A name that does not resolve is left to the downloader, which tries again and counts it.

        Raises:
            PrivateAddress: one of the addresses may not be asked.
        """
        spider = self.crawler.spider
        assert isinstance(spider, PlatformSpider)  # noqa: S101 - narrows the type
        self.guard = self.guard or guard_for(spider.crawl, [spider.base])
        try:
            host, port = origin_of(request.url)
            self.guard.check_text(host, port)
            if not request.meta.get("proxy"):
                self.guard.check(host, port, await self.resolve(host, port))
        except OSError:
            return
        except (AddressRefused, ValueError):
            spider.count("private")
            raise PrivateAddress(request.url) from None


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name, self.task = name, None

    def cancel(self) -> None:
        """Stop; Twisted calls this method when a connection is given up."""


@implementer(IHostnameResolver)
class GuardedNameResolver:
    """The reactor's resolver of names: it gives no connection an address that may not be asked."""

    def __init__(self, guard: AddressGuard, resolver: Resolver | None = None) -> None:
        self.guard, self.resolve = guard, resolver or SystemResolver()
        self._tasks: set[asyncio.Task[None]] = set()

    def resolveHostName(  # noqa: N802 - Twisted's name
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[Any]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Tell the receiver the addresses of a host that may be asked, none if one may not be."""
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        telling = self._tell(resolutionReceiver, hostName, portNumber, addressTypes)
        task = asyncio.ensure_future(telling)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return resolution

    async def _tell(
        self, receiver: Any, host: str, port: int, kinds: Sequence[type[Any]] | None
    ) -> None:
        try:
            for text in await self.allowed(host, port):
                address = _address(text, port)
                if not kinds or isinstance(address, tuple(kinds)):
                    receiver.addressResolved(address)
        finally:
            receiver.resolutionComplete()

    async def allowed(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, none if one of them may not be asked or none is known."""
        try:
            return self.guard.check(host, port, await self.resolve(host, port))
        except (AddressRefused, OSError, ValueError):
            return []


def _address(text: str, port: int) -> IPv4Address | IPv6Address:
    kind = IPv6Address if ":" in text else IPv4Address
    return kind("TCP", text, port)


def install(crawl: CrawlConfig, shops: Iterable[str]) -> None:
    """Make the reactor connect only to addresses that the shops and proxies of this process allow."""
    from twisted.internet import reactor

    guard = guard_for(crawl, shops, _proxies())
    reactor.installNameResolver(GuardedNameResolver(guard))


def _proxies() -> list[str]:
    """The proxies of the standard environment variables, which the operator chose himself."""
    stated = (v if "://" in v else f"http://{v}" for k, v in getproxies().items() if k != "no")
    return [address for address in stated if urlsplit(address).hostname]
