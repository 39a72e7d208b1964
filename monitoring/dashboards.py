"""The six Grafana dashboards; `python -m monitoring.dashboards` writes them into the chart."""

from pathlib import Path

from grafana_foundation_sdk.builders import dashboard

from monitoring.panels import (
    AGE,
    BAD,
    GOOD,
    HALF,
    OURS,
    PLATFORM,
    RAY,
    THIRD,
    WARN,
    Steps,
    a_day,
    board,
    lines,
    number,
    rows,
    to_json,
    verdict,
)

FOLDER = Path(__file__).parents[1] / "helm/fashiontrend/dashboards"
WHOLE = f'{OURS},attribute="*",platform="*"'
EACH = f'{OURS},attribute!="*",platform="*"'


def gates() -> dashboard.Dashboard:
    """The values that the three gates measured, and their limits."""
    return board(
        "gates", "Gates", "Accuracy, perplexity and data health: value, limit, verdict, round.",
        ("Verdicts", [
            verdict("Open?", "Newest verdict of each model gate.",
                    (f"fashiontrend_gate_pass{{{WHOLE}}}", "{{gate}}")),
            verdict("Days open?", "Data health of the newest day.",
                    (f'fashiontrend_gate_pass{{{PLATFORM},gate="data_health"}}', "{{platform}}")),
            number("Round", "Rounds of training (accuracy) and of labelling (perplexity).", "none",
                   (f"fashiontrend_loop_round{{{OURS}}}", "{{gate}}"), steps=((None, GOOD), (2, WARN), (4, BAD))),
            number("Closed in a row", "Two closed rounds in a row raise an alert.", "none",
                   (f"fashiontrend_gate_closed_rounds{{{OURS}}}", "{{gate}}"), steps=((None, GOOD), (1, WARN), (2, BAD))),
        ]),
        ("Accuracy", [
            lines("Mean accuracy", "The gate opens strictly above the limit.", "percentunit",
                  (f'fashiontrend_gate_value{{{WHOLE},gate="accuracy"}}', "accuracy"),
                  (f'fashiontrend_gate_threshold{{{WHOLE},gate="accuracy"}}', "limit")),
            lines("Lower bound by attribute", "Wilson's lower bound of the accuracy, and its limit.", "percentunit",
                  (f'fashiontrend_gate_value{{{EACH},gate="accuracy"}}', "{{attribute}}"),
                  (f'max(fashiontrend_gate_threshold{{{EACH},gate="accuracy"}})', "floor")),
        ]),
        ("Perplexity", [
            lines("Perplexity", "The gate opens strictly below the limit.", "none",
                  (f'fashiontrend_gate_value{{{WHOLE},gate="perplexity"}}', "value"),
                  (f'fashiontrend_gate_threshold{{{WHOLE},gate="perplexity"}}', "limit"),
                  (f"fashiontrend_trend_noise_floor{{{OURS}}}", "noise floor")),
            lines("By attribute", "Normalised perplexity of each attribute; 1 is perfect.", "none",
                  (f'fashiontrend_gate_value{{{EACH},gate="perplexity"}}', "{{attribute}}")),
        ]),
        ("Data health and labels", [
            lines("Products over the trailing median", "A day outside the band is withheld from the series.",
                  "percentunit",
                  (f'fashiontrend_gate_value{{{PLATFORM},gate="data_health"}}', "{{platform}}"),
                  (f'max(fashiontrend_gate_threshold_upper{{{PLATFORM},gate="data_health"}})', "most"),
                  (f'min(fashiontrend_gate_threshold{{{PLATFORM},gate="data_health"}})', "least"),
                  span=THIRD),
            rows("Failed conditions", "Conditions of each gate that fail.", "none",
                 (f"fashiontrend_gate_failed_checks{{{OURS}}} > 0", ""), span=THIRD),
            lines("Waiting for labels", "Attributes that the closed gate names, and days since then.", "none",
                  (f"fashiontrend_label_queue_depth{{{OURS}}}", "attributes"),
                  (f"(time() - fashiontrend_label_queue_since_timestamp_seconds{{{OURS}}}) / 86400", "days"),
                  span=THIRD),
        ]),
    )  # fmt: skip


def crawl() -> dashboard.Dashboard:
    """Whether shops respond, and what they list."""
    return board(
        "crawl", "Crawl health", "Products, responses, refusals and freshness by platform.",
        ("Freshness", [
            number("Since the last crawl", "More than 26 hours raises an alert.", "s",
                   (f"time() - fashiontrend_crawl_last_success_timestamp_seconds{{{PLATFORM}}}", "{{platform}}"),
                   steps=((None, GOOD), (24 * 3600, WARN), (26 * 3600, BAD))),
            number("Age of the newest day", "Time since the newest day with listings began.", "s",
                   (f"time() - fashiontrend_crawl_newest_day_timestamp_seconds{{{PLATFORM}}}", "{{platform}}"),
                   steps=AGE),
            number("Refused", "Refused responses of the newest crawl; more than 2 % raises an alert.", "percentunit",
                   (f"fashiontrend_crawl_blocked_ratio{{{PLATFORM}}}", "{{platform}}"),
                   steps=((None, GOOD), (0.005, WARN), (0.02, BAD))),
            number("Withheld days", "Days that the newest run withheld from the series.", "none",
                   (f"fashiontrend_crawl_withheld_days{{{PLATFORM}}}", "{{platform}}"),
                   steps=((None, GOOD), (1, WARN), (3, BAD))),
        ]),
        ("Listings", [
            lines("Products", "Distinct products of the newest day.", "none",
                  (f"fashiontrend_catalogue_products{{{PLATFORM}}}", "{{platform}}")),
            lines("Listings a day", "Listings added to the store within a day.", "none",
                  (a_day("fashiontrend_crawl_products_total", PLATFORM, "platform"), "{{platform}}")),
            lines("Completeness", "Usable pictures, and listings with every field.", "percentunit",
                  (f"fashiontrend_catalogue_image_success_ratio{{{PLATFORM}}}", "{{platform}} pictures"),
                  (f"fashiontrend_catalogue_field_coverage_ratio{{{PLATFORM}}}", "{{platform}} fields")),
            lines("Duplicates", "Listings whose product id is repeated.", "percentunit",
                  (f"fashiontrend_catalogue_duplicates_ratio{{{PLATFORM}}}", "{{platform}}")),
        ]),
        ("Requests", [
            lines("Responses a day", "Responses by class of status.", "none",
                  (a_day("fashiontrend_crawl_fetch_total", PLATFORM, "platform, outcome"),
                   "{{platform}} {{outcome}}")),
            lines("Refusals and failed crawls a day", "A failed crawl commits nothing.", "none",
                  (a_day("fashiontrend_crawl_blocked_total", PLATFORM, "platform"), "{{platform}} refused"),
                  (a_day("fashiontrend_crawl_failures_total", PLATFORM, "platform"), "{{platform}} failed")),
            lines("Pictures a day", "Pictures of listings: fetched, reused or failed.", "none",
                  (f"sum by (outcome) ({a_day('fashiontrend_crawl_images_total', PLATFORM, 'platform, outcome')})",
                   "{{outcome}}")),
            lines("Picture store", "Bytes of pictures that crawls stored.", "bytes",
                  (f"fashiontrend_image_store_bytes{{{PLATFORM}}}", "{{platform}}")),
        ]),
    )  # fmt: skip


def recognition() -> dashboard.Dashboard:
    """How well and how fast pictures are recognised, in the daily job and in the service."""
    rate = "$__rate_interval"
    return board(
        "recognition", "Recognition", "Quality and throughput of the recogniser, job and service.",
        ("Quality", [
            number("Mean accuracy over its limit", "Less the limit of the gate.", "percentunit",
                   (f'fashiontrend_gate_value{{{WHOLE},gate="accuracy"}}'
                    f' - fashiontrend_gate_threshold{{{WHOLE},gate="accuracy"}}',
                    "accuracy"), steps=((None, BAD), (0, WARN), (0.02, GOOD)), span=HALF),
            number("Age of the release", "Time since the day of the release in use began.", "s",
                   (f"time() - fashiontrend_release_day_timestamp_seconds{{{OURS}}}", "day"), steps=AGE, span=HALF),
            rows("Attributes", "Wilson's lower bound of accuracy.", "percentunit",
                 (f'fashiontrend_gate_value{{{EACH},gate="accuracy"}}', "")),
            lines("Attributes that close the gate", "1 marks an attribute that keeps the gate closed.", "none",
                  (f'1 - fashiontrend_gate_pass{{{EACH},gate="accuracy"}}', "{{attribute}}")),
        ]),
        ("Daily job", [
            lines("Pictures a day", "Pictures recognised within a day.", "none",
                  (a_day("fashiontrend_recognition_images_total", OURS, "namespace"), "pictures"), span=THIRD),
            lines("Pictures a second", "Rate of the newest recognition, start-up included.", "none",
                  (f"fashiontrend_recognition_images_per_second{{{OURS}}}", "pictures"), span=THIRD),
            lines("Rows out of Ray Data", "Output rows of running jobs.", "none",
                  (f"sum by (ray_io_cluster) (ray_data_output_rows{{{RAY}}})", "{{ray_io_cluster}}"), span=THIRD),
        ]),
        ("Service", [
            lines("Requests a second", "Requests by status code.", "reqps",
                  (f"sum by (status_code) (rate(ray_serve_num_http_requests_total{{{RAY}}}[{rate}]))",
                   "{{status_code}}")),
            lines("Errors", "Fraction of responses with a 5xx status.", "percentunit",
                  (f'sum(rate(ray_serve_num_http_error_requests_total{{{RAY},error_code=~"5.."}}[{rate}]))'
                   f" / sum(rate(ray_serve_num_http_requests_total{{{RAY}}}[{rate}]))", "5xx")),
            lines("Latency", "Percentiles of the time to respond.", "ms",
                  *((f"histogram_quantile({q}, sum by (le) "
                     f"(rate(ray_serve_http_request_latency_ms_bucket{{{RAY}}}[{rate}])))", f"p{round(100 * q)}")
                    for q in (0.5, 0.95, 0.99))),
            lines("Replicas and queue", "Healthy replicas and waiting requests of each deployment.", "none",
                  (f"sum by (deployment) (ray_serve_deployment_replica_healthy{{{RAY}}})", "{{deployment}} replicas"),
                  (f"sum by (deployment) (ray_serve_deployment_queued_queries{{{RAY}}})", "{{deployment}} waiting")),
        ]),
    )  # fmt: skip


def trends() -> dashboard.Dashboard:
    """The series, the fit of their forecasts, and the scorecard of keywords."""
    return board(
        "trends", "Trends and keywords", "Shares, fit of the forecaster, scorecard of the keywords.",
        ("Keywords", [
            number("Keywords", "Number of keywords of the newest day.", "none",
                   (f"fashiontrend_keywords{{{OURS}}}", "keywords"), steps=((None, BAD), (1, GOOD))),
            number("Age of the newest day", "Since the newest day with keywords began; 36 hours raise an alert.", "s",
                   (f'time() - fashiontrend_stage_newest_day_timestamp_seconds{{{OURS},stage="publish"}}', "day"),
                   steps=AGE),
            number("Came true", "Fraction of keywords that came true, by horizon in days.", "percentunit",
                   (f"fashiontrend_keyword_hit_ratio{{{OURS}}}", "{{horizon}} days"),
                   steps=((None, BAD), (0.5, WARN), (0.6, GOOD))),
            number("Within the interval", "Fraction of keywords within their 80 % interval.", "percentunit",
                   (f"fashiontrend_keyword_coverage_ratio{{{OURS}}}", "{{horizon}} days"),
                   steps=((None, BAD), (0.7, GOOD), (0.9, BAD))),
            rows("Keywords of the newest day", "Expected relative change of the share; the first twenty.", "percentunit",
                 (f"sort_desc(fashiontrend_keyword_expected_change_ratio{{{OURS}}})", "")),
            rows("By grade", "Fraction of keywords that came true.", "percentunit",
                 (f"fashiontrend_keyword_hit_ratio_by_grade{{{OURS}}}", "")),
            rows("By platform", "Fraction of keywords that came true.", "percentunit",
                 (f"fashiontrend_keyword_hit_ratio_by_platform{{{PLATFORM}}}", "")),
            lines("Scored", "Keywords whose forecast day has come.", "none",
                  (f"fashiontrend_keywords_scored{{{OURS}}}", "{{horizon}} days")),
        ]),
        ("Series", [
            lines("Shares", "Shares of the newest measured day; choose a platform.", "percentunit",
                  (f"topk(20, fashiontrend_trend_share{{{PLATFORM}}})", "{{platform}} {{attribute}} {{value}}")),
            lines("Jumps", "Size in standard deviations; five on one platform alone raise an alert.", "none",
                  (f"fashiontrend_trend_share_jump_sigmas{{{PLATFORM}}}", "{{platform}} {{attribute}}")),
        ]),
        ("Fit", [
            lines("Perplexity", "Perplexity on held-out days, and of a perfect forecast.", "none",
                  (f"fashiontrend_trend_perplexity{{{OURS}}}", "perplexity"),
                  (f"fashiontrend_trend_perplexity_floor{{{OURS}}}", "floor")),
            lines("Normalised perplexity", "1 is perfect.", "none",
                  (f"fashiontrend_trend_normalised_perplexity{{{OURS}}}", "mean"),
                  (f"fashiontrend_trend_pair_normalised_perplexity{{{PLATFORM}}}", "{{platform}} {{attribute}}")),
            lines("Skill and coverage", "Skill over the best naive forecast, and coverage of the 80 % intervals.",
                  "percentunit",
                  (f"fashiontrend_trend_skill{{{OURS}}}", "skill"),
                  (f"fashiontrend_interval_coverage_ratio{{{OURS}}}", "coverage")),
            lines("Rises in a row", "Three rises of the perplexity in a row raise an alert.", "none",
                  (f"fashiontrend_trend_perplexity_rises{{{OURS}}}", "evaluated days")),
        ]),
    )  # fmt: skip


def jobs() -> dashboard.Dashboard:
    """Running jobs, their times, resources and costs."""
    return board(
        "jobs", "Jobs, GPUs and cost", "Stages of the loop, Ray clusters, the exporter.",
        ("Stages", [
            lines("Seconds", "Duration of the newest finished run of each stage.", "s",
                  (f"fashiontrend_stage_last_seconds{{{OURS}}}", "{{stage}}")),
            lines("Hours since the last success", "Hours by stage; trainings are weekly.", "h",
                  (f"(time() - fashiontrend_stage_last_success_timestamp_seconds{{{OURS}}}) / 3600", "{{stage}}")),
            lines("Wall time a day", "Summed over all finished runs of a stage.", "s",
                  (a_day("fashiontrend_stage_seconds_total", OURS, "namespace, stage"), "{{stage}}")),
            lines("Runs a day", "Runs that began within a day.", "none",
                  (a_day("fashiontrend_runs_total", OURS, "namespace"), "runs")),
        ]),
        ("GPUs and cost", [
            lines("GPU hours a day", "Wall time times the GPUs that the stage requests.", "h",
                  (f"{a_day('fashiontrend_gpu_seconds_total', OURS, 'namespace, stage')} / 3600", "{{stage}}"),
                  span=THIRD),
            lines("GPUs in use", "GPUs by state, as Ray counts them.", "none",
                  (f'sum by (ray_io_cluster, State) (ray_resources{{{RAY},Name="GPU"}})',
                   "{{ray_io_cluster}} {{State}}"), span=THIRD),
            lines("Cost of 1000 pictures", "Cost by the setting exporter.worker_hour_price.", "none",
                  (f"fashiontrend_cost_per_1000_images{{{OURS}}}", "cost"), span=THIRD),
        ]),
        ("Ray", [
            lines("Nodes", "Number of head and worker nodes.", "none",
                  (f"count by (ray_io_cluster, RayNodeType) (ray_node_cpu_count{{{RAY}}})",
                   "{{ray_io_cluster}} {{RayNodeType}}")),
            lines("CPU", "Used fraction of all cores.", "percent",
                  (f"avg by (ray_io_cluster) (ray_node_cpu_utilization{{{RAY}}})", "{{ray_io_cluster}}")),
            lines("Memory", "Used fraction of each node's memory.", "percentunit",
                  (f"ray_node_mem_used{{{RAY}}} / ray_node_mem_total{{{RAY}}}", "{{ray_io_cluster}} {{ip}}")),
            lines("Object store", "Used and spilled bytes.", "bytes",
                  (f"sum by (ray_io_cluster) (ray_object_store_used_memory{{{RAY}}})", "{{ray_io_cluster}} used"),
                  (f"sum by (ray_io_cluster) (ray_spill_manager_objects_bytes{{{RAY}}})", "{{ray_io_cluster}} spilled")),
            lines("Jobs", "Number of running jobs.", "none",
                  (f"sum by (ray_io_cluster) (ray_running_jobs{{{RAY}}})", "{{ray_io_cluster}}")),
            lines("Tasks", "Number of tasks by state.", "none",
                  (f"sum by (State) (ray_tasks{{{RAY}}})", "{{State}}")),
        ]),
        ("Exporter", [
            verdict("Reads the store?", "While this is 0, the other alerts see old data.",
                    (f"fashiontrend_exporter_up{{{OURS}}}", "up"), span=HALF),
            number("Time of a refresh", "Time to read the ledger and the store.", "s",
                   (f"fashiontrend_exporter_refresh_seconds{{{OURS}}}", "seconds"),
                   steps=((None, GOOD), (30, WARN), (60, BAD)), span=HALF),
        ]),
    )  # fmt: skip


def objectives() -> dashboard.Dashboard:
    """What serving and loop promise of 30 days, and what is left of it."""
    left: Steps = ((None, BAD), (0, WARN), (0.25, GOOD))
    errors, slow = "fashiontrend:serving_errors:ratio_rate", "fashiontrend:serving_slow:ratio_rate"

    def month(metric: str, more: str = "") -> str:
        chosen = f'{OURS},application!=""{more}'
        return f"sum by (application) (increase({metric}{{{chosen}}}[30d]))"

    asked, failed = (f"ray_serve_num_http_{x}requests_total" for x in ("", "error_"))
    wrong = f"""({month(failed, ',error_code=~"5.."')} or 0 * {month(asked)})"""
    latency = "ray_serve_http_request_latency_ms"
    quick = month(f"{latency}_bucket", ',le=~"1000(\\\\.0)?"')
    return board(
        "objectives", "Objectives", "Promises of 30 days, their budgets, and how fast these are spent.",
        ("Left of the budget", [
            number("Answers without error", "995 of 1000 are promised.", "percentunit",
                   (f"1 - {wrong} / {month(asked)} / 0.005",
                    "{{application}}"), steps=left, span=THIRD),
            number("Answers within a second", "99 of 100 requests are promised.", "percentunit",
                   (f"1 - (1 - {quick} / {month(f'{latency}_count')}) / 0.01",
                    "{{application}}"), steps=left, span=THIRD),
            number("Keywords by noon", "29 of 30 days are promised.", "percentunit",
                   (f"1 - avg_over_time(fashiontrend:keywords:late{{{OURS}}}[30d]) * 30", "keywords"),
                   steps=left, span=THIRD),
        ]),
        ("How fast it is spent", [
            lines("Errors", "Responses with a 5xx status, by window; 0.5 % is promised.", "percentunit",
                  *((f"{errors}{w}{{{OURS}}}", f"{{{{application}}}} {w}") for w in ("5m", "1h", "6h", "3d"))),
            lines("Slow answers", "Responses slower than a second; 1 % is promised.", "percentunit",
                  *((f"{slow}{w}{{{OURS}}}", f"{{{{application}}}} {w}") for w in ("5m", "1h", "6h", "3d"))),
            lines("Keywords late", "1 while yesterday's keywords are not there and it is past noon.", "none",
                  (f"fashiontrend:keywords:late{{{OURS}}}", "late")),
        ]),
    )  # fmt: skip


DASHBOARDS = {f.__name__: f for f in (objectives, gates, crawl, recognition, trends, jobs)}


def write(folder: Path = FOLDER) -> None:
    """Write every dashboard as `<name>.json` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in DASHBOARDS.items():
        (folder / f"{name}.json").write_text(to_json(make()), "utf-8")


if __name__ == "__main__":
    write()
