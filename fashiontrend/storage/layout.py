"""Every key under the store's root; nothing else spells one.

A *partition* is a folder whose files count only once its `_manifest.json` exists. Keys that
hold the version of what made them are never written twice.
"""

import re
from datetime import date

from fashiontrend.errors import ConfigError

_SET_NAME = re.compile(r"[^\W_][\w.-]{0,99}")


def raw_image(picture_id: str) -> str:
    """A picture's bytes, named by their SHA-256."""
    return f"raw/images/{picture_id[:2]}/{picture_id}"


def raw_day(day: date, platform: str) -> str:
    """Partition: what a platform's crawl of a day found (LISTING rows, crawl statistics)."""
    return f"raw/listings/day={day}/platform={platform}"


def raw_pages(day: date, platform: str) -> str:
    """Partition: the pages of a platform's crawl of a day, as the shop sent them."""
    return f"{RAW_PAGES}day={day}/platform={platform}"


def crawl_failures(day: date, platform: str) -> str:
    """Prefix of the records of crawls that committed nothing."""
    return f"raw/failures/day={day}/platform={platform}"


def catalogue_day(day: date, platform: str) -> str:
    """Partition: the day's checked listings, its new pictures in shards, its rejects, its health."""
    return f"catalogue/day={day}/platform={platform}"


def annotation_set(name: str) -> str:
    """Partition: an imported labelled set (ANNOTATION rows and the taxonomy it uses).

    Raises:
        ConfigError: people choose the name, and this one would lie somewhere else.
    """
    if not _SET_NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a set. Use letters, digits, '-', '_' and '.', and begin with a letter or digit."
        )
    return f"annotations/{name}"


def dataset(version: str) -> str:
    """Partition: EXAMPLE rows of train and val, with the balance table."""
    return f"datasets/{version}"


def labelling_request(run_id: str, round_: int) -> str:
    """What people should label next, ranked."""
    return f"labelling/{run_id}/round-{round_}.csv"


def labelling_export(run_id: str) -> str:
    """Prefix of the pictures that people should label next, ready for a labelling tool."""
    return f"labelling/{run_id}/export"


def model(name: str, version: str) -> str:
    """Partition: model.safetensors, card.json and the held-out report."""
    return f"models/{name}/{version}"


def training(name: str, version: str) -> str:
    """Where Ray Train keeps the checkpoints of an unfinished training."""
    return f"training/{name}/{version}"


def predictions(attrnet: str) -> str:
    """Prefix of all that a recogniser predicted for the catalogue."""
    return f"predictions/{attrnet}/"


def predictions_day(attrnet: str, day: date, platform: str) -> str:
    """Partition: the recogniser's predictions for the pictures first seen on a platform and day."""
    return f"predictions/{attrnet}/day={day}/platform={platform}"


def shares(attrnet: str, as_of: date, made_of: str) -> str:
    """Partition: SHARE rows up to a day; `made_of` is a digest of what else they were measured with."""
    return f"shares/{attrnet}/as_of={as_of}/of={made_of}"


def retails(attrnet: str) -> str:
    """Prefix of the retail tables of the products that a recogniser described."""
    return f"retail/{attrnet}/"


def retail(attrnet: str, as_of: date, made_of: str) -> str:
    """Partition: RETAIL rows up to a day; `made_of` is a digest of the days and settings they were measured with."""
    return f"retail/{attrnet}/as_of={as_of}/of={made_of}"


def keywords(release: str, as_of: date) -> str:
    """Partition: forecasts and keywords of a release on a day, as JSON, CSV, Parquet and Markdown."""
    return f"keywords/{release}/as_of={as_of}"


def scorecard(as_of: date) -> str:
    """Partition: scores of the keywords that came due by a day (SCORE rows), and the running rates as facts."""
    return f"scorecard/as_of={as_of}"


def report(run_id: str) -> str:
    """The HTML report of a run."""
    return f"runs/{run_id}/report.html"


def release(release_id: str) -> str:
    """A recogniser, a forecaster and a taxonomy that belong together."""
    return f"releases/{release_id}.json"


def roll_ups(prefix: str) -> str:
    """Prefix of the roll-ups of the partitions below a prefix."""
    return f"rollups/{prefix}"


def roll_up(prefix: str, month: str, of: str) -> str:
    """Partition: a month's partitions below a prefix in one; `of` is a digest of their keys.

    A roll-up can be deleted: it is a copy, and is written again when it is missing.
    """
    return f"rollups/{prefix}month={month}/of={of}"


def picture_of(key: str) -> str:
    """The id of the picture whose bytes lie under a key below `RAW_IMAGES`."""
    return key.rpartition("/")[2]


KEYWORDS = "keywords/"
RAW_IMAGES = "raw/images/"
#: Rewritten partitions wait here until they stand in their place; each has the key of its place below.
FORGETTING = "forgetting/"
ROLL_UPS = "rollups/"
LABELLING = "labelling/"
SCORECARDS = "scorecard/"
RAW_DAYS = "raw/listings/"
RAW_PAGES = "raw/pages/"
CRAWL_FAILURES = "raw/failures/"
CATALOGUE = "catalogue/"
RELEASES = "releases/"
CURRENT_RELEASE = "releases/current.json"
RUNS = "runs/"
#: In the partition of an AttrNet: its predictions for the validation pictures.
VAL_ANSWERS = "val_predictions.parquet"


def run(run_id: str) -> str:
    """What a run was started with."""
    return f"runs/{run_id}/run.json"


def run_step(run_id: str, number: int) -> str:
    """The record of the run's n-th finished step; created exclusively."""
    return f"runs/{run_id}/steps/{number:03d}.json"


def run_steps(run_id: str) -> str:
    """Prefix of all step records of a run."""
    return f"runs/{run_id}/steps/"


RECOGNITIONS = "recognitions/"


def recognition(job_id: str) -> str:
    """The request of a catalogue job; created exclusively."""
    return f"recognitions/{job_id}/job.json"


def recognition_plan(job_id: str) -> str:
    """Which rows of which file make which part; created exclusively when work begins."""
    return f"recognitions/{job_id}/plan.json"


def recognition_claim(job_id: str) -> str:
    """Who works on a catalogue job, and until when."""
    return f"recognitions/{job_id}/claim.json"


def recognition_end(job_id: str) -> str:
    """How a catalogue job ended; created exclusively."""
    return f"recognitions/{job_id}/end.json"


def recognition_part(job_id: str, number: int) -> str:
    """Partition: the predictions for the n-th range of rows of a job."""
    return f"recognitions/{job_id}/parts/{number:05d}"


def recognition_parts(job_id: str) -> str:
    """Prefix of all parts of a catalogue job."""
    return f"recognitions/{job_id}/parts/"


#: Below these prefixes a folder with files is a partition.
PARTITIONED = (
    RAW_DAYS,
    RAW_PAGES,
    CATALOGUE,
    "annotations/",
    "datasets/",
    "models/",
    "predictions/",
    "shares/",
    "retail/",
    KEYWORDS,
    SCORECARDS,
    ROLL_UPS,
)
#: The same in the order in which a shop is forgotten: its listings come last, because they say what else is its
#: own. Roll-ups are left out: they are copies, which are deleted and written again.
FORGETTING_ORDER = (
    *(prefix for prefix in PARTITIONED if prefix not in (CATALOGUE, RAW_DAYS, ROLL_UPS)),
    CATALOGUE,
    RAW_DAYS,
)


def is_in_partition(key: str) -> bool:
    """Whether a key belongs into a folder that has a manifest."""
    return key.startswith(PARTITIONED) or (key.startswith(RECOGNITIONS) and "/parts/" in key)


def parts(key: str) -> dict[str, str]:
    """The `name=value` folders of a key: `catalogue/day=2026-11-23/platform=a/x` -> day, platform."""
    return dict(part.split("=", 1) for part in key.split("/") if "=" in part)
