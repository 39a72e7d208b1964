"""Panels and variables that all dashboards share, made with grafana-foundation-sdk."""

from typing import Any, TypeVar

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    LegendDisplayMode,
    LegendPlacement,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
#: Selectors of the exporter's metrics, and of Ray's.
OURS = 'namespace=~"$namespace"'
PLATFORM = f'{OURS},platform=~"$platform"'
RAY = f'{OURS},ray_io_cluster=~"$cluster"'
#: Widths of panels; Grafana's grid has 24 columns.
HALF, THIRD, QUARTER = 12, 8, 6
HEIGHT = 8
GOOD, WARN, BAD = "green", "orange", "red"
#: A colour from a value on; the first one has no value.
Steps = tuple[tuple[float | None, str], ...]
DAY_S = 86400.0
#: Ages of what is made once a day: yesterday's is due by noon.
AGE: Steps = ((None, GOOD), (1.5 * DAY_S, WARN), (2 * DAY_S, BAD))
RUNBOOK = "docs/operations.md"
#: Addresses that the chart writes in from `monitoring.links`; it leaves out the links that have none.
LINKS = {"Board": "link:board", "Report": "link:report", "Runbook": RUNBOOK}
#: What happened -> the query that is above 0 where it did.
EVENTS = {
    "release": f"changes(fashiontrend_release_day_timestamp_seconds{{{OURS}}}[5m]) > 0",
    "gate": f'changes(fashiontrend_gate_pass{{{OURS},attribute="*"}}[5m]) > 0',
    "training": "changes(fashiontrend_stage_last_success_timestamp_seconds"
    f'{{{OURS},stage=~"train.*"}}[5m]) > 0',
}
#: A PromQL expression and the legend of its series.
Query = tuple[str, str]
P = TypeVar("P", timeseries.Panel, stat.Panel)


def board(uid: str, title: str, text: str, *rows: tuple[str, list[Any]]) -> dashboard.Dashboard:
    """Make a dashboard of rows, with the four variables that all dashboards have.

    Args:
        uid: stable id, so that a new version replaces the old one.
        title: title of the dashboard.
        text: description of the dashboard.
        rows: title and panels of each row.
    """
    made = (
        dashboard.Dashboard(f"fashiontrend · {title}")
        .uid(f"fashiontrend-{uid}")
        .description(text)
        .tags(["fashiontrend"])
        .time("now-30d", "now")
        .refresh("1m")
        .timezone("utc")
        .with_variable(
            dashboard.DatasourceVariable("datasource").type("prometheus").label("Source")
        )
        .with_variable(_variable("namespace", "fashiontrend_exporter_up", "namespace"))
        .with_variable(_variable("cluster", "ray_node_cpu_count", "ray_io_cluster"))
        .with_variable(_variable("platform", "fashiontrend_crawl_products_total", "platform"))
    )
    for name, expression in EVENTS.items():
        made = made.annotation(_event(name, expression))
    for name, address in LINKS.items():
        made = made.link(dashboard.DashboardLink(name).url(address).target_blank(True))
    for name, panels in rows:
        made = made.with_row(dashboard.Row(name))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def _event(name: str, expression: str) -> dashboard.AnnotationQuery:
    """Make marks on the time axis of every panel."""
    return (
        dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True)
        .icon_color("blue").expr(expression)
    )  # fmt: skip


def a_day(metric: str, selector: str, by: str) -> str:
    """Return the query of how much a counter grew within a day.

    `increase` takes a counter's first value for its beginning, so what was counted before the first scrape, and
    with it the whole first day, would be missing. Here a counter that was not there a day ago began at 0. It is
    aggregated first, because a restarted exporter is another series.

    Args:
        metric: a counter.
        selector: labels that it has to have.
        by: labels to keep, separated by commas.
    """
    # A day ago the exporter may have been down for a moment.
    before = f"max by ({by}) (last_over_time({metric}{{{selector}}}[1h] offset 1d))"
    today = f"max by ({by}) ({metric}{{{selector}}})"
    return f"clamp_min({today} - ({before} or 0 * {today}), 0)"


def _variable(name: str, metric: str, label: str) -> dashboard.QueryVariable:
    """Make a variable that selects all values by default; `.*` also matches a missing label."""
    return (
        dashboard.QueryVariable(name)
        .datasource(SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def lines(title: str, text: str, unit: str, *queries: Query, span: int = HALF) -> timeseries.Panel:
    """Make a panel of curves over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .span(span)
        .height(HEIGHT)
        .datasource(SOURCE)
        .legend(_legend())
    )
    return _with(panel, queries)


def _legend() -> Any:
    from grafana_foundation_sdk.builders.common import VizLegendOptions

    return (
        VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
    )


def number(
    title: str, text: str, unit: str, *queries: Query, steps: Steps, span: int = QUARTER
) -> stat.Panel:
    """Make a panel of the newest values, coloured by the steps that they have reached."""
    made = [Threshold(color=colour, value=value) for value, colour in steps]
    colours = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)
    panel = (
        stat.Panel().title(title).description(text).unit(unit).span(span).height(HEIGHT // 2)
        .datasource(SOURCE).thresholds(colours)
    )  # fmt: skip
    return _with(panel, queries)


def verdict(title: str, text: str, *queries: Query, span: int = QUARTER) -> stat.Panel:
    """Make a panel that is red at 0 and green at 1."""
    steps: Steps = ((None, BAD), (1.0, GOOD))
    panel = number(title, text, "bool_yes_no", *queries, steps=steps, span=span)
    return panel.color_mode(BigValueColorMode.BACKGROUND)


def rows(title: str, text: str, unit: str, *queries: Query, span: int = HALF) -> table.Panel:
    """Make a table of the newest samples, with one row per series."""
    panel = (
        table.Panel().title(title).description(text).unit(unit).span(span).height(HEIGHT)
        .datasource(SOURCE)
    )  # fmt: skip
    for expression, legend in queries:
        panel = panel.with_target(
            _query(expression, legend).instant().format(PromQueryFormat.TABLE)
        )
    return panel


def _with(panel: P, queries: tuple[Query, ...]) -> P:
    for expression, legend in queries:
        panel = panel.with_target(_query(expression, legend))
    return panel


def _query(expression: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).legend_format(legend)


def to_json(made: dashboard.Dashboard) -> str:
    """Return the JSON text that Grafana imports; equal dashboards give equal texts."""
    text: str = JSONEncoder(sort_keys=True, indent=1).encode(made.build())
    return text + "\n"
