"""Releases: a recogniser, a forecaster and a taxonomy that belong together, and one pointer to the current one."""

from dataclasses import dataclass, replace
from datetime import date

from fashiontrend.errors import Conflict, DataError, GateError
from fashiontrend.outcomes import Verdict
from fashiontrend.storage import layout
from fashiontrend.storage.digests import damaged, open_sealed, seal
from fashiontrend.storage.object_store import Store
from fashiontrend.typed_json import JsonRecord


@dataclass(frozen=True)
class Release(JsonRecord):
    """Models that belong together, with the gates' verdicts that allowed their release."""

    release_id: str
    day: str
    run_id: str
    attrnet: str
    forecaster: str
    dataset: str
    taxonomy_version: str
    taxonomy_digest: str
    accuracy: Verdict
    perplexity: Verdict


def publish(store: Store, release: Release) -> None:
    """Write a release and move the pointer to it; doing it twice changes nothing.

    If a past day was caught up with, its release is older than the current one: it is written but
    does not become current. `rollback` makes an older release current.

    Raises:
        GateError: a gate is not open.
        Conflict: somebody else moved the pointer meanwhile.
    """
    for name, verdict in (("accuracy", release.accuracy), ("perplexity", release.perplexity)):
        if not verdict.passed:
            raise GateError(
                f"release {release.release_id}: the {name} gate is not open. Nothing was published."
            )
    body = seal(release.to_json())
    try:
        store.create(layout.release(release.release_id), body)
    except Conflict:
        # Another run of the day may have made the same models: then the same release is there already.
        standing = load(store, release.release_id)
        # Two runs that come to the same models may differ in these.
        same = replace(
            standing,
            run_id=release.run_id,
            accuracy=release.accuracy,
            perplexity=release.perplexity,
        )
        if same != release:
            raise
    served = current(store)
    if served is None or served.day <= release.day:
        _point(store, release.release_id)


def of_day(store: Store, day: date, most_days: int) -> Release | None:
    """The newest release from before a day.

    Args:
        store: where releases lie.
        day: of the run.
        most_days: a release of at least this age in days is too old to be used.

    Returns:
        None if there is none or it is too old, and on the release's own day, which is a training day.
    """
    found = current(store)
    if found and found.day > str(day):
        earlier = (load(store, name) for name in reversed(releases(store)))
        found = next((r for r in earlier if r.day < str(day)), None)
    age = (day - date.fromisoformat(found.day)).days if found else 0
    return found if 0 < age < most_days else None


def current(store: Store) -> Release | None:
    """The release that is served now, or None before the first."""
    pointer = _pointer(store)
    if pointer is None:
        return None
    key = store.uri(layout.CURRENT_RELEASE)
    named = open_sealed(pointer, key).get("release")
    if not isinstance(named, str):
        raise DataError(damaged(key, f"it names {named!r}, expected a release"))
    return load(store, named)


def load(store: Store, release_id: str) -> Release:
    """One release by its id.

    Raises:
        DataError: there is none; the message lists those there are. Or this version cannot read it.
    """
    if not store.exists(layout.release(release_id)):
        known = ", ".join(releases(store)) or "none yet"
        raise DataError(f"there is no release {release_id!r}; there are: {known}.")
    key = layout.release(release_id)
    return Release.from_json(store.read_json(key), store.uri(key))


def releases(store: Store) -> list[str]:
    """Ids of all releases, oldest first."""
    keys = (k.removeprefix(layout.RELEASES) for k in store.keys(layout.RELEASES))
    return [
        k.removesuffix(".json") for k in keys if f"{layout.RELEASES}{k}" != layout.CURRENT_RELEASE
    ]


def rollback(store: Store, release_id: str) -> Release:
    """Point at an earlier release; nothing is deleted."""
    release = load(store, release_id)
    _point(store, release_id)
    return release


def _pointer(store: Store) -> bytes | None:
    return store.read(layout.CURRENT_RELEASE) if store.exists(layout.CURRENT_RELEASE) else None


def _point(store: Store, release_id: str) -> None:
    body = seal({"release": release_id})
    standing = _pointer(store)
    if standing != body:
        store.swap(layout.CURRENT_RELEASE, body, standing)


def read_model(store: Store, name: str, version: str) -> dict[str, bytes]:
    """The files of a committed model by their names.

    Args:
        store: where it lies.
        name: `attrnet` or `forecaster`.
        version: of the model.

    Raises:
        DataError: it is not in the store.
    """
    manifest = store.manifest(layout.model(name, version))
    if manifest is None:
        raise DataError(f"{name} {version} is not in the store. Run `fashiontrend train-{name}`.")
    return {file.rsplit("/", 1)[1]: store.read(file) for file in manifest.files}
