"""`fashiontrend forget`: what would be removed, or was, and what people still have to do."""

from collections import Counter

from fashiontrend import console
from fashiontrend.config import Config
from fashiontrend.errors import ConfigError
from fashiontrend.pipeline.forget import Forgetting, forget
from fashiontrend.pipeline.forgotten import Wish
from fashiontrend.storage.object_store import open_store


def run(config: Config, platform: str, url: str, yes: bool) -> None:
    """Forget, or tell what would be forgotten.

    Raises:
        ConfigError: it is not said what, or the crawl would bring it back tomorrow.
        StoreError: the store failed; the next `forget` finishes what was begun.
    """
    if bool(platform) == bool(url):
        raise ConfigError("say what is to be forgotten: either --platform NAME or --url PATTERN.")
    if yes:
        _refuse_what_comes_back(config, platform)
    done = forget(open_store(config.store), Wish(platform, url), dry_run=not yes)
    for line in lines(done, yes):
        console.stderr.print(line, markup=False, soft_wrap=True)


def _refuse_what_comes_back(config: Config, platform: str) -> None:
    if any(p.name == platform for p in config.crawl.crawled):
        raise ConfigError(
            f"{platform} is still crawled and would be back tomorrow. Set `enabled: false` for it, or take "
            "it out of crawl.platforms, then type the command again."
        )


def lines(done: Forgetting, yes: bool) -> list[str]:
    """What people read: counts by kind of place, releases, and the next step."""
    verb = "were removed" if yes else "would be removed"
    kinds = Counter[str]()
    rows = Counter[str]()
    for change in done.changes:
        kind = change.key.split("/")[0]
        kind = "/".join(change.key.split("/")[:2]) if kind == "raw" else kind
        kinds[kind] += 1
        rows[kind] += change.rows
    told = [f"{done.products} products and {done.pictures} pictures of their own {verb}."]
    told += [f"  {kind}/: {kinds[kind]} places, {rows[kind]} rows" for kind in sorted(kinds)]
    if done.releases:
        told.append(
            f"Releases whose recogniser was trained on them: {', '.join(done.releases)}. Their models keep what "
            "they learnt; `fashiontrend run` on a training day makes a new one, and `releases` shows which is served."
        )
    told.append("Pooled numbers, in which they were counted together with others, stay.")
    if not yes and done.changes:
        told.append("Nothing was changed. Add --yes to remove it, while no run works on the store.")
    if not done.changes:
        told.append("The store holds nothing of it.")
    if yes and done.changes:
        told.append(
            "For --url: add the pattern to `exclude` of the platform, or the crawl reads it again."
        )
    return told
