"""The board as a person uses it: open, look, type, click."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from replayed import Replay
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

Browser = webdriver.Chrome
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage",
    "--lang=en-GB",
)  # fmt: skip
PATIENCE_S = 30


@contextmanager
def browse() -> Iterator[Browser]:
    """Debian's Chromium without a window."""
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.binary_location = shutil.which("chromium") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
    )
    try:
        yield browser
    finally:
        browser.quit()


def plain(text: str) -> str:
    """Every kind of space is one space."""
    return " ".join(text.split())


class Page:
    """The board of one server in one browser."""

    def __init__(self, browser: Browser, server: Replay) -> None:
        self.browser, self.server = browser, server
        self.size(1280, 900)
        self.media()
        for log in ("browser", "performance"):
            browser.get_log(log)  # what was said before is no concern of this test

    def size(self, width: int, height: int) -> None:
        told = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", told)

    def media(self, scheme: str = "light", kind: str = "") -> None:
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": kind, "features": features}
        )

    def open(self, query: str = "") -> "Page":
        self.browser.get(f"{self.server.url}/{query}")
        return self

    def ready(self) -> "Page":
        """Wait until all cards are drawn and the gates are there."""
        self.wait(
            lambda: (
                self.find("#cards").get_attribute("aria-busy") == "false"
                and self.all("#gates-body > *")
            )
        )
        return self

    def wait(self, done: Callable[[], Any]) -> Any:
        return WebDriverWait(self.browser, PATIENCE_S, poll_frequency=0.05).until(lambda _: done())

    def find(self, css: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """All of its text, seen or scrolled away."""
        return plain(str(self.find(css).get_attribute("textContent")))

    def seen(self, css: str) -> str:
        """Its text as it is laid out, blocks apart."""
        return plain(self.find(css).text)

    def names(self) -> list[str]:
        """The keywords shown, in order."""
        return list(
            self.run(
                "return [...document.querySelectorAll('#cards .card-open')].map(e => e.textContent)"
            )
        )

    def ids(self) -> list[str]:
        return list(
            self.run("return [...document.querySelectorAll('#cards .card')].map(e => e.dataset.id)")
        )

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def choose(self, name: str, value: str) -> None:
        """Set a control of the filter form as a person would: the value, then its event."""
        self.run(
            "const e = document.querySelector(`#filters [name=${arguments[0]}]`); e.value = arguments[1];"
            "e.dispatchEvent(new Event('input', {bubbles: true}))", name, value,
        )  # fmt: skip

    def drop(self, picture: bytes, kind: str = "image/png") -> None:
        """Drop a file on the page."""
        self.run(
            "const data = new DataTransfer();"
            "data.items.add(new File([new Uint8Array(arguments[0])], 'dropped.png', {type: arguments[1]}));"
            "for (const type of ['dragover', 'drop'])"
            " document.body.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}))",
            list(picture), kind,
        )  # fmt: skip

    def paste(self, picture: bytes) -> None:
        self.run(
            "const data = new DataTransfer();"
            "data.items.add(new File([new Uint8Array(arguments[0])], 'pasted.png', {type: 'image/png'}));"
            "document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))",
            list(picture),
        )  # fmt: skip

    def complaints(self) -> list[str]:
        """What the console holds of errors and warnings."""
        return [
            e["message"]
            for e in self.browser.get_log("browser")
            if e["level"] in ("SEVERE", "WARNING")
        ]

    def addresses(self) -> list[str]:
        """Every address that was asked for."""
        told = [json.loads(e["message"])["message"] for e in self.browser.get_log("performance")]
        return [
            m["params"]["request"]["url"]
            for m in told
            if m["method"] == "Network.requestWillBeSent"
        ]
