"""Where a shop's sitemaps are looked for, in which order, and what each place brought.

The order is: the platform's own setting, which excludes all other places; robots.txt's `Sitemap:` lines; the usual
addresses, one after the other until one is a sitemap. A shop below a path, or an archive, is
looked for below its path first, because robots.txt speaks for the whole host.
"""

import fnmatch
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

USUAL_PATHS = (
    "/sitemap.xml", "/sitemap_index.xml", "/sitemap-index.xml", "/wp-sitemap.xml", "/sitemap.xml.gz",
    "/sitemap.txt",
)  # fmt: skip
#: Sitemaps asked a day, and how deep indices may lie in one another; a shop that names more is endless.
MAX_SITEMAPS, MAX_DEPTH = 2_000, 4
#: Outcomes after which the next usual address is tried; after others the shop is left alone.
ABSENT = {"404", "410", "a web page", "empty", "no sitemap", "no addresses"}


def patterns(globs: Iterable[str]) -> re.Pattern[str] | None:
    """Return one pattern for addresses that fit one of these, in which `*` stands for any text."""
    texts = [fnmatch.translate(glob) for glob in globs]
    return re.compile("|".join(texts)) if texts else None


@dataclass(frozen=True)
class AddressFilter:
    """Which pages of a platform are read, by its settings `include` and `exclude`."""

    include: re.Pattern[str] | None
    exclude: re.Pattern[str] | None

    @classmethod
    def of(cls, include: Iterable[str], exclude: Iterable[str]) -> "AddressFilter":
        """Make the filter of two settings."""
        return cls(patterns(include), patterns(exclude))

    def takes_sitemap(self, address: str) -> bool:
        """Return whether a sitemap is read; `include` speaks of pages only."""
        return self.exclude is None or self.exclude.match(address) is None

    def takes(self, address: str) -> bool:
        """Return whether a page is read."""
        included = self.include is None or self.include.match(address) is not None
        return included and self.takes_sitemap(address)


@dataclass
class SitemapSearch:
    """The places that are left to ask, and what the asked ones brought."""

    groups: deque[list[str]]  # asked one group after the other until a sitemap was found
    waiting: set[str] = field(default_factory=set)  # of the group that was asked last
    outcomes: dict[str, str] = field(
        default_factory=dict
    )  # address -> what was wrong, "" if nothing
    seen: set[str] = field(default_factory=set)
    found: bool = False

    def next_group(self) -> list[str]:
        """Return the addresses to ask now, none if no place is left."""
        while self.groups:
            group = [a for a in self.groups.popleft() if a not in self.seen]
            if group:
                self.seen.update(group)
                self.waiting = set(group)
                return group
        return []

    def admits(self, address: str, depth: int) -> bool | None:
        """Return whether a sitemap that another one names is to be asked.

        Returns:
            False if it was asked before, None if there are too many or it lies too deep.
        """
        if address in self.seen:
            return False
        if len(self.seen) >= MAX_SITEMAPS or depth > MAX_DEPTH:
            return None
        self.seen.add(address)
        return True

    def note(self, address: str, fault: str, *, names_something: bool) -> bool:
        """Write down what an asked address brought; return whether the next group is to be asked."""
        self.outcomes[address] = fault
        self.found = self.found or names_something
        if address not in self.waiting:
            return False
        self.waiting.discard(address)
        if self.waiting or self.found:
            return False
        if fault in ABSENT:
            return True
        self.groups.clear()  # the shop refuses or is down: the other places would be so too
        return False

    def told(self) -> str:
        """Return what was asked and what came, in the words of a message."""
        asked = [f"{a} ({fault})" for a, fault in self.outcomes.items() if fault]
        more = f" and {len(asked) - 6} more" if len(asked) > 6 else ""
        return ", ".join(asked[:6]) + more


def search_for(
    base: str, stated: Sequence[str], robots: Sequence[str], archive: bool
) -> SitemapSearch:
    """Return the search for the sitemaps of a platform.

    Args:
        base: the platform's base address, without a slash at its end.
        stated: the platform's setting `sitemaps`, addresses or paths below the host.
        robots: the `Sitemap:` lines of robots.txt.
        archive: whether the base address holds a day, which robots.txt does not speak of.
    """
    if stated:
        return SitemapSearch(deque([[urljoin(f"{base}/", address) for address in stated]]))
    usual = [[f"{base}{path}"] for path in USUAL_PATHS]
    from_robots = [[urljoin(f"{base}/", line.strip()) for line in robots]]
    if archive:
        return SitemapSearch(deque(usual))
    if urlsplit(base).path:
        return SitemapSearch(deque([*usual, *from_robots]))
    return SitemapSearch(deque([*from_robots, *usual]))
