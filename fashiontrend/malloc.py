"""How this process gets its memory: what training and recognising ask of glibc.

Both allocate and free the same large blocks at every step. Where pages are small, or given back
and taken anew, a twentieth to a third of the CPU time goes into that (docs/results.md).
"""

import ctypes
import os
import sys
from collections.abc import Callable, Mapping

#: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_TOP_PAD of malloc.h, and their values in bytes.
MALLOC_OPTIONS = ((-3, 2**30), (-1, 2**31 - 1), (-2, 2**27))
TUNABLES, HUGE_PAGES = "GLIBC_TUNABLES", "glibc.malloc.hugetlb"


def keep_freed() -> None:
    """Let glibc keep the blocks that this process frees; without glibc do nothing.

    The process stays as large as it ever was.
    """
    if not sys.platform.startswith("linux"):
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        for option, value in MALLOC_OPTIONS:
            library.mallopt(option, value)


def with_huge_pages(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which processes ask for huge pages, unless it says otherwise already.

    glibc reads it when a process starts (2.35 or newer, others ignore it); whether there are huge pages
    is for /sys/kernel/mm/transparent_hugepage/enabled to say.
    """
    told = environment.get(TUNABLES, "")
    if HUGE_PAGES in told:
        return dict(environment)
    return {**environment, TUNABLES: f"{told}:{HUGE_PAGES}=1".lstrip(":")}


def restart_with_huge_pages(
    environment: Mapping[str, str] = os.environ,
    execute: Callable[[str, list[str], dict[str, str]], object] = os.execve,
) -> None:
    """Start this command anew in such an environment; its processes, Ray's too, inherit it.

    Returns only where that is so already, or there is no glibc. Call it before anything else.
    """
    wanted = with_huge_pages(environment)
    if sys.platform.startswith("linux") and wanted != environment:
        execute(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)
