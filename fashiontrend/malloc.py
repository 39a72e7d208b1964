"""Settings of glibc's malloc for training and recognition.

Training and recognition allocate and free the same large blocks at every step. With small pages, or if freed blocks go
back to the system, that takes 5 to 33 % of the CPU time (docs/results.md).
"""

import ctypes
import os
import sys
from collections.abc import Callable, Mapping

#: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_TOP_PAD of malloc.h, and their values in bytes.
MALLOC_OPTIONS = ((-3, 2**30), (-1, 2**31 - 1), (-2, 2**27))
TUNABLES, HUGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb"


def keep_freed() -> None:
    """Make glibc keep freed blocks in this process; has no effect without glibc.

    The process then keeps the size of its peak.
    """
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for option, value in MALLOC_OPTIONS:
            library.mallopt(option, value)


def with_huge_pages(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that requests huge pages, unchanged if it already has that tunable.

    glibc 2.35 or newer reads it when a process starts; others ignore it. The kernel grants huge
    pages according to /sys/kernel/mm/transparent_hugepage/enabled.
    """
    tunables = environment.get(TUNABLES, "")
    if HUGE_PAGES in tunables:
        return dict(environment)
    return {**environment, TUNABLES: f"{tunables}:{HUGE_PAGES}=1".lstrip(":")}


def restart_with_huge_pages(
    environment: Mapping[str, str] = os.environ,
    execute: Callable[[str, list[str], dict[str, str]], object] = os.execve,
) -> None:
    """Restart this command with huge pages; its child processes, also Ray's, inherit the setting.

    The function returns only if the setting is there already or the system is not Linux. Call this
    function before anything else.
    """
    wanted = with_huge_pages(environment)
    if sys.platform.startswith("linux") and wanted != environment:
        execute(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)
