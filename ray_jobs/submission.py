"""Jobs on a running Ray cluster, through its job API; Ray reads the token from `RAY_AUTH_TOKEN`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import yaml
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobSubmissionClient

from fashiontrend.config import PREFIX, Config
from fashiontrend.errors import ConfigError, StoreError
from fashiontrend.submit.jobs import Job, Request, State

#: Name of the configuration in the working directory of a submitted job.
CONFIG_FILE = "config.yaml"


class RayApi:
    """Submits jobs to a running Ray cluster, lists them and follows their logs.

    Args:
        address: `http://head:8265`.
        config: the settings of a submitted job. Files that they name by path must lie where the
            cluster sees them; keys of the store always do.
    """

    def __init__(self, address: str, config: Config) -> None:
        self.address, self.config = address, config
        with self._explain("connect"):
            self.client = JobSubmissionClient(address)

    def submit(self, request: Request) -> str:
        """Submit the job together with the resolved configuration."""
        with tempfile.TemporaryDirectory() as folder, self._explain(f"submit {request.name}"):
            environment = {"working_dir": folder, "env_vars": {f"{PREFIX}RAY__ADDRESS": "auto"}}
            tree = self.config.model_dump(mode="json")
            Path(folder, CONFIG_FILE).write_text(yaml.safe_dump(tree, allow_unicode=True), "utf-8")
            return str(self.client.submit_job(**job_arguments(request), runtime_env=environment))

    def jobs(self) -> list[Job]:
        """All jobs that were submitted to it, oldest first."""
        with self._explain("list jobs"):
            found = self.client.list_jobs()
        known = [read_job(details) for details in found if details.submission_id]
        return sorted(known, key=lambda j: (j.started is None, j.started, j.name))

    def find(self, name: str) -> Job:
        """One job."""
        with self._explain(f"read job {name}"):
            return read_job(self.client.get_job_info(name))

    def logs(self, name: str) -> str:
        """The log of the job's driver."""
        with self._explain(f"read the log of {name}"):
            return str(self.client.get_job_logs(name))

    @contextmanager
    def _explain(self, what: str) -> Iterator[None]:
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
                    f"{what}: {_first(error)}. `fashiontrend jobs --address {self.address}` lists its jobs."
                ) from error
            raise StoreError(
                f"{what}: {self.address}: {_first(error)}. Check the address and that the cluster runs."
            ) from error


class JobArguments(TypedDict):
    """Arguments of Ray's `submit_job`, apart from the working directory."""

    entrypoint: str
    submission_id: str
    metadata: dict[str, str]


def job_arguments(request: Request) -> JobArguments:
    """A request in the terms of Ray's job API."""
    return JobArguments(
        entrypoint=f"{request.entrypoint} --config {CONFIG_FILE}",
        submission_id=request.name,
        metadata={"stage": request.stage, "day": str(request.day)},
    )


def read_job(details: JobDetails) -> Job:
    """A job as Ray's job API describes it."""
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
