import os
import subprocess
import sys

import pytest

from fashiontrend import malloc

#: Page faults of eight blocks of 32 MiB, one after the other, after as large a one.
PAGES = """
import resource
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(2**25)
before = faults()
for _ in range(8):
    bytearray(2**25)
print(faults() - before)
"""


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({}, "glibc.malloc.hugetlb=1"),
        ({"GLIBC_TUNABLES": "glibc.rtld.nns=2"}, "glibc.rtld.nns=2:glibc.malloc.hugetlb=1"),
        pytest.param(
            {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}, "glibc.malloc.hugetlb=0",
            id="a choice that was made stays",
        ),
    ],
)  # fmt: skip
def test_processes_are_told_to_ask_for_huge_pages(told, wanted):
    assert malloc.with_huge_pages({"HOME": "/", **told}) == {
        "HOME": "/",
        "GLIBC_TUNABLES": wanted,
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_a_command_starts_anew_once_with_the_same_words():
    begun = []
    malloc.restart_with_huge_pages({"HOME": "/"}, lambda *call: begun.append(call))
    [(program, words, environment)] = begun
    assert [program, *words] == [sys.executable, sys.executable, *sys.orig_argv[1:]]
    malloc.restart_with_huge_pages(environment, lambda *call: begun.append(call))
    assert len(begun) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_the_command_starts_anew_and_keeps_its_words_and_exit_code():
    plain = {k: v for k, v in os.environ.items() if k != malloc.TUNABLES}
    done = subprocess.run(
        [sys.executable, "-m", "fashiontrend", "no-such-command"], env=plain, capture_output=True
    )
    assert done.returncode == 2
    assert b"no-such-command" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_blocks_that_are_freed_are_used_again():
    def faults(first: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", first + PAGES], check=True, capture_output=True,
            env={**os.environ, malloc.TUNABLES: "glibc.malloc.hugetlb=0"},
        )  # fmt: skip
        return int(done.stdout)

    kept = faults("from fashiontrend import malloc; malloc.keep_freed()")
    assert kept < faults("") / 10
