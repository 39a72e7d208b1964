"""Which platforms can be asked for a run's day: those that still answer for it, and on the day itself all."""

from datetime import date, datetime, timedelta

from fashiontrend.errors import ConfigError
from fashiontrend.pipeline.context import Context, now
from fashiontrend.storage import layout

#: A run that begins late in the evening may still ask shops for its day so long after midnight.
GRACE = timedelta(hours=6)


def asked_today(context: Context, at: datetime) -> bool:
    """Whether shops that show what they sell now may be asked for the run's day.

    Raises:
        ConfigError: the day lies ahead, so that they would be recorded under a day to come.
    """
    lasting = [p for p in context.config.crawl.crawled if not p.archive]
    if lasting and context.day > at.date():
        raise ConfigError(
            f"--day {context.day} lies ahead: today is {at.date()} UTC, and "
            f"{', '.join(p.name for p in lasting)} can be asked for today only. Leave --day out."
        )
    return bool(lasting) and context.day in {at.date(), (at - GRACE).date()}


def missing_today(context: Context) -> list[str]:
    """Platforms that could still be crawled for the run's day, and were not."""
    live = asked_today(context, now())
    names = [p.name for p in context.config.crawl.crawled if p.archive or live]
    return [n for n in names if is_missing(context, context.day, n)]


def pending_days(context: Context, live: bool) -> list[date]:
    """Days that some platform is to be asked for, ascending.

    Args:
        context: of the run.
        live: whether shops that show what they sell now may be asked for its day.
    """
    crawled = context.config.crawl.crawled
    archives = [p.name for p in crawled if p.archive]
    days = [d for d in context.days if any(is_missing(context, d, name) for name in archives)]
    today = live and any(is_missing(context, context.day, p.name) for p in crawled)
    return days + ([context.day] if today and context.day not in days else [])


def passed_by(context: Context, live: bool) -> list[str]:
    """Platforms whose run's day is missing and cannot be had any more."""
    gone = [] if live else [p.name for p in context.config.crawl.crawled if not p.archive]
    return [name for name in gone if is_missing(context, context.day, name)]


def has_any_day(context: Context) -> bool:
    """Whether any day of the run was committed; the newest are looked at first, they are the likely ones."""
    return any(
        not is_missing(context, day, platform)
        for day in reversed(context.days)
        for platform in context.platforms
    )


def is_missing(context: Context, day: date, platform: str) -> bool:
    """Whether nothing was committed of a platform's day."""
    return context.store.manifest(layout.raw_day(day, platform)) is None
