"""Which platforms still lack a crawl of the run's day, and which of them can still be crawled for it."""

from datetime import date, datetime, timedelta

from fashiontrend.config import PlatformConfig
from fashiontrend.errors import ConfigError
from fashiontrend.pipeline.context import Context, now
from fashiontrend.storage import layout

#: A run of the evening may still be crawling this long after midnight; its shops count for its own day.
GRACE = timedelta(hours=6)


def can_crawl_today(context: Context, at: datetime) -> bool:
    """Whether shops that show only what they sell now may be crawled for the run's day.

    Raises:
        ConfigError: the day is in the future, so today's products would be recorded under a later day.
    """
    live_only = [p for p in context.config.crawl.crawled if not p.archive]
    if live_only and context.day > at.date():
        raise ConfigError(
            f"--day {context.day} lies ahead: today is {at.date()} UTC, and "
            f"{', '.join(p.name for p in live_only)} can be crawled for today only. Leave --day out."
        )
    return bool(live_only) and context.day in {at.date(), (at - GRACE).date()}


def missing_today(context: Context) -> list[str]:
    """Platforms that can still be crawled in this run, and have no crawl of the day that it would be."""
    live = can_crawl_today(context, now())
    asked = [p for p in context.config.crawl.crawled if p.archive or live]
    return [p.name for p in asked if is_missing(context, shop_day(context, p), p.name)]


def shop_day(context: Context, platform: PlatformConfig) -> date:
    """The day that a crawl of a platform counts for if the run makes it now: the shop's own.

    A shop that still serves past days is asked for the run's. In a run of the evening that ends
    after midnight, the other shops count for the evening.
    """
    at = now()
    if platform.archive:
        return context.day
    return platform.day_at(at if context.day >= at.date() else at - GRACE)


def other_days(context: Context, live: bool) -> dict[date, list[str]]:
    """Shops' own days that are not the run's, with the platforms that are to be crawled for each."""
    found: dict[date, list[str]] = {}
    for platform in context.config.crawl.crawled if live else ():
        day = shop_day(context, platform)
        if day != context.day and is_missing(context, day, platform.name):
            found.setdefault(day, []).append(platform.name)
    return found


def pending_days(context: Context, live: bool) -> list[date]:
    """Days for which some platform is to be crawled, ascending.

    Args:
        context: of the run.
        live: whether shops that show only what they sell now may be crawled for its day.
    """
    crawled = context.config.crawl.crawled
    archives = [p.name for p in crawled if p.archive]
    days = [d for d in context.days if any(is_missing(context, d, name) for name in archives)]
    here = [p for p in crawled if shop_day(context, p) == context.day]
    today = live and any(is_missing(context, context.day, p.name) for p in here)
    return days + ([context.day] if today and context.day not in days else [])


def missed_for_good(context: Context, live: bool) -> list[str]:
    """Platforms without a crawl of the run's day that can no longer be crawled for it."""
    gone = [] if live else [p.name for p in context.config.crawl.crawled if not p.archive]
    return [name for name in gone if is_missing(context, context.day, name)]


def has_any_day(context: Context) -> bool:
    """Whether any day of the run was committed; the newest days, the likely ones, are checked first."""
    return any(
        not is_missing(context, day, platform)
        for day in reversed(context.days)
        for platform in context.platforms
    )


def is_missing(context: Context, day: date, platform: str) -> bool:
    """Whether nothing was committed of a platform's day."""
    return layout.raw_day(day, platform) not in context.catalogue.raw
