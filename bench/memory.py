"""Measure the peak memory of recognition and training through Ray when the data grow tenfold.

Memory is the sampled sum of the proportional set sizes (PSS) of this process and its descendants,
which include Ray and its object store. Every run has its own process.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bench import drawn, recognition, training
from fashiontrend.config import Config
from ray_jobs.runtime import connect, disconnect

JOBS = ("recognise", "train")
TIMES = 10
EVERY_S = 0.5
EPOCHS = 1


def main() -> None:
    """Print peaks and their ratio; with `--job`, run that job once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=2048, help="of the short job")
    parser.add_argument("--job", choices=JOBS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--times", type=int, default=1, help="so many times the pictures")
    arguments = parser.parse_args()
    if arguments.job:
        once(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, TIMES):
            drawn.fill(Path(folder), arguments.pictures, recognition.CONFIG, times)
        options = {job: compare(job, folder, arguments.pictures) for job in JOBS}
    print(json.dumps(options, indent=1))


def compare(job: str, folder: str, pictures: int) -> dict[str, Any]:
    """Return the peaks in MiB of a job over the files, and over ten times as many."""
    peaks = []
    for times in (1, TIMES):
        command = [
            sys.executable, "-m", "bench.memory", "--job", job, "--folder", folder,
            "--pictures", str(pictures), "--times", str(times),
        ]  # fmt: skip
        peaks.append(peak(command) / 2**20)
        print(f"{job} {times * pictures} pictures: {peaks[-1]:.0f} MiB", file=sys.stderr)
    return {"peak_pss_mib": peaks, "ratio": peaks[1] / peaks[0]}


def peak(command: list[str]) -> int:
    """Return the largest sampled PSS in bytes of a command and its descendants."""
    process = psutil.Popen(command)
    highest = 0
    while process.poll() is None:
        highest = max(highest, sum(map(_pss, [process, *process.children(recursive=True)])))
        time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return highest


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:  # it ended meanwhile
        return 0


def once(arguments: argparse.Namespace) -> None:
    """Run one job over the pictures, repeated a given number of times."""
    config: Config = (
        recognition.CONFIG if arguments.job == "recognise" else training.config(training.WORKERS)
    )
    size = arguments.folder, arguments.pictures
    context = drawn.fill(*size, config, arguments.times)
    connect(config)
    if arguments.job == "recognise":
        recognition.save_model(arguments.folder, context)
        recognition.through_ray(context, drawn.train_files(context, arguments.times))
    else:
        training.through_ray(*size, EPOCHS, training.WORKERS, arguments.times)
    disconnect()


if __name__ == "__main__":
    main()
