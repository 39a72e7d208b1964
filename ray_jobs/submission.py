"""Jobs on a running Ray cluster, through its job API; the token comes from `RAY_AUTH_TOKEN` or its file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobSubmissionClient

from fashiontrend.config import PREFIX, Config
from fashiontrend.errors import ConfigError, StoreError
from fashiontrend.submit.jobs import Job, Request, State
from fashiontrend.submit.manifest import CONFIG_FILE


class RayApi:
    """The jobs of a cluster.

    Args:
        address: `http://head:8265`.
        config: what a submitted job is told. Files that it names by path must lie where the
            cluster sees them; keys of the store always do.
    """

    def __init__(self, address: str, config: Config) -> None:
        self.address, self.config = address, config
        with self._told("connect"):
            self.client = JobSubmissionClient(address)

    def submit(self, request: Request) -> str:
        """Send the resolved configuration along and begin the job."""
        with tempfile.TemporaryDirectory() as folder, self._told(f"submit {request.name}"):
            tree = self.config.model_dump(mode="json")
            Path(folder, CONFIG_FILE).write_text(yaml.safe_dump(tree, allow_unicode=True), "utf-8")
            return str(self.client.submit_job(**asked(request), runtime_env=_environment(folder)))

    def jobs(self) -> list[Job]:
        """All jobs that were submitted to it, oldest first."""
        with self._told("list jobs"):
            found = self.client.list_jobs()
        known = [read_job(details) for details in found if details.submission_id]
        return sorted(known, key=lambda j: (j.started is None, j.started, j.name))

    def find(self, name: str) -> Job:
        """One job."""
        with self._told(f"read job {name}"):
            return read_job(self.client.get_job_info(name))

    def logs(self, name: str) -> str:
        """Its driver's log."""
        with self._told(f"read the log of {name}"):
            return str(self.client.get_job_logs(name))

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn what the client raises into an error that says what to do."""
        try:
            yield
        except AuthenticationError as error:
            raise StoreError(
                f"{what}: {self.address}: {_first(error)}. Set RAY_AUTH_MODE=token and "
                "RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) to the cluster's token."
            ) from error
        except (ConnectionError, RuntimeError) as error:
            if "404" in str(error) or "does not exist" in str(error):
                raise ConfigError(
                    f"{what}: {_first(error)}. `fashiontrend jobs --address {self.address}` lists those there are."
                ) from error
            raise StoreError(
                f"{what}: {self.address}: {_first(error)}. Check the address and that the cluster runs."
            ) from error


def asked(request: Request) -> dict[str, Any]:
    """The job API's words for a request."""
    return {
        "entrypoint": f"{request.entrypoint} --config {CONFIG_FILE}",
        "submission_id": request.name,
        "metadata": {"stage": request.stage, "day": str(request.day)},
    }


def _environment(folder: str) -> dict[str, Any]:
    return {"working_dir": folder, "env_vars": {f"{PREFIX}RAY__ADDRESS": "auto"}}


def read_job(details: JobDetails) -> Job:
    """A job as the API tells of it."""
    state = {"PENDING": State.WAITING}.get(str(details.status)) or State(
        str(details.status).lower()
    )
    return Job(
        str(details.submission_id),
        details.entrypoint,
        state,
        _time(details.start_time),
        _time(details.end_time),
        details.driver_exit_code,
        details.message or "",
    )


def _time(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC) if milliseconds else None


def _first(error: Exception) -> str:
    """The first line of a message; a traceback of the server's may follow it."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
