"""The command line of a pod that Helm starts before it goes on: the name of one object, and its namespace."""

import argparse
import sys
from collections.abc import Callable

from fashiontrend import console
from fashiontrend.submit.kube import NAMESPACE_FILE, KubeClient, connect


def run(purpose: str, named: str, act: Callable[[str, KubeClient], object]) -> None:
    """Parse the command line and act; exit codes as everywhere.

    Args:
        purpose: what the pod is for, for `--help`.
        named: what the argument `name` names, as a sentence.
        act: takes the name and a client of the namespace, by default that of the pod.
    """
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument("name", help=named)
    parser.add_argument(
        "--namespace", help="The object lies in this namespace. Default: that of the pod."
    )
    arguments = parser.parse_args()

    def start() -> None:
        namespace = arguments.namespace or NAMESPACE_FILE.read_text("utf-8")
        act(arguments.name, connect(namespace))

    sys.exit(console.guard(start))
