"""The bodies of responses about catalogue jobs."""

from typing import Literal

from pydantic import Field

from fashiontrend.serve.schemas.responses import JsonObject, ResponseModel


class JobResponse(ResponseModel):
    """The state of a catalogue job."""

    id: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    created_at: str
    input: list[str]
    parts_done: int
    parts_total: int | None = Field(description="Null until the job was split into parts.")
    rows_done: int
    rows_failed: int = Field(description="Rows whose picture could not be had or read.")
    rows_without_garment: int = Field(
        default=0, description="Rows whose picture was read and shows no garment; nothing failed."
    )
    detail: str | None = Field(default=None, description="Why the job failed.")
    results: str | None = Field(default=None, description="Path of the results so far.")


class JobsResponse(ResponseModel):
    """The caller's newest catalogue jobs, newest first."""

    jobs: list[JobResponse]


class JobResultsResponse(ResponseModel):
    """A page of a job's results; rows have the columns of `answers.parquet`."""

    id: str
    rows: list[JsonObject]
    next: str | None = Field(description="Cursor of the next page; null after the last one.")
    complete: bool = Field(description="True if no further rows will come.")
