"""Lines of a busy log are written together, and none is lost by a process that ends."""

import io
import logging
import threading

import pytest

from fashiontrend.console import BufferedHandler


class Sink(io.StringIO):
    """Knows how often it was written to, and tells when."""

    def __init__(self):
        super().__init__()
        self.writes, self.written = 0, threading.Event()

    def write(self, text):
        self.writes += 1
        self.written.set()
        return super().write(text)


@pytest.fixture
def log():
    """A logger that waits a minute, unless a test says otherwise."""
    log = logging.Logger("gathered")
    log.addHandler(BufferedHandler(Sink(), 60.0))
    return log


def sink(log):
    return log.handlers[0].stream


def test_lines_of_a_moment_are_one_write_in_their_order(log):
    log.handlers[0].wait_s = 0.05
    for n in range(3):
        log.info("line %d", n)
    assert sink(log).written.wait(10)
    assert sink(log).getvalue() == "line 0\nline 1\nline 2\n"
    assert sink(log).writes == 1


def test_a_later_moment_has_a_clock_of_its_own(log):
    log.handlers[0].wait_s = 0.01
    for line in ("a", "b"):
        sink(log).written.clear()
        log.info(line)
        assert sink(log).written.wait(10)
    assert sink(log).getvalue() == "a\nb\n"


def test_a_warning_is_written_at_once_behind_what_was_kept(log):
    log.info("before")
    log.warning("now")
    assert sink(log).getvalue() == "before\nnow\n"


def test_a_process_that_ends_writes_what_is_kept(log):
    log.info("last")
    assert sink(log).getvalue() == ""
    logging.shutdown([lambda: log.handlers[0]])
    assert sink(log).getvalue() == "last\n"
