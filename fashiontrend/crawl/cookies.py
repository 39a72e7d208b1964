"""Give a shop the cookies back that it sets with a redirect, because it redirects for ever without them.

All other cookies are dropped: a crawl is no visit of a person and needs no session.
"""

from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from scrapy.http.cookies import CookieJar

from fashiontrend.crawl.platform_spider import PlatformSpider

REDIRECT_STATUSES = {301, 302, 303, 307, 308}
#: A shop that sets more cookies than this with redirects gets none back.
MAX_COOKIES = 50


class RedirectCookies:
    """Keeps cookies of redirects within the shop's own domain, for one crawl."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler, self.jar = crawler, CookieJar()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "RedirectCookies":
        """Make the middleware, as Scrapy calls it."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Send the kept cookies along, if they belong to the request's host and path."""
        request.headers.pop("Cookie", None)
        self.jar.add_cookie_header(request)

    def process_response(self, request: Request, response: Response) -> Response:
        """Keep the cookies of a redirect."""
        if response.status in REDIRECT_STATUSES and "Set-Cookie" in response.headers:
            spider = self.crawler.spider
            assert isinstance(spider, PlatformSpider)  # noqa: S101 - narrows the type
            spider.count("cookies")
            for cookie in self.jar.make_cookies(response, request):
                host = cookie.domain if cookie.domain_specified else urlsplit(request.url).hostname
                if _belongs(host or "", spider.host) and len(self.jar) < MAX_COOKIES:
                    self.jar.set_cookie_if_ok(cookie, request)
        return response


def _belongs(domain: str, netloc: str) -> bool:
    """Whether a domain is the shop's own, with or without `www.`, or lies below it."""
    own = (urlsplit(f"//{netloc}").hostname or "").removeprefix("www.")
    stated = domain.removeprefix(".").lower()
    return stated == own or stated.endswith(f".{own}")
