"""What the store holds of a catalogue job: the request, its parts, a worker's claim, and the end."""

from datetime import datetime
from typing import Literal

import pydantic
from pydantic import ConfigDict

from fashiontrend.serve.schemas.requests import JobRequest
from fashiontrend.storage.digests import seal


class _Record(pydantic.BaseModel):
    """A JSON file of the store."""

    model_config = ConfigDict(frozen=True)

    def to_json(self) -> bytes:
        """Encode for the store, with a seal and without fields that have no value."""
        return seal(self.model_dump(mode="json", exclude_none=True))


class JobRecord(_Record):
    """A job as the server accepted it.

    Attributes:
        release: id of the release whose recogniser does the job, whatever is released meanwhile.
    """

    id: str
    created_at: str
    caller: str
    release: str
    request: JobRequest


class JobPart(_Record):
    """Consecutive rows of one file, from the row number `first`."""

    number: int
    file: str
    first: int
    rows: int


class JobPlan(_Record):
    """All parts of a job; they are decided once."""

    parts: tuple[JobPart, ...]


class JobClaim(_Record):
    """A worker's exclusive right to work on a job for a limited time.

    Attributes:
        until: when the right ends.
        turn: how many claims in a row, this one included, began with the same number of parts.
        parts: number of parts that were finished when the job was claimed; old claims have none.
    """

    worker: str
    until: datetime
    turn: int = 0
    parts: int | None = None


class RowCounts(_Record):
    """How many rows have a result, how many of those failed, and how many pictures show no garment.

    Jobs of older versions count the latter among those that failed.
    """

    rows: int
    failed: int
    no_garment: int = 0


class JobEnd(_Record):
    """How a job ended."""

    status: Literal["succeeded", "failed", "cancelled"]
    ended_at: str
    facts: RowCounts | None = None
    detail: str | None = None
