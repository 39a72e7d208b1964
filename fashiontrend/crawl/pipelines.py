"""Check each product, once, and store its pictures by their content."""

import hashlib
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.http import Response, TextResponse
from scrapy.pipelines.media import MediaPipeline

from fashiontrend.crawl.listing import check_listing, encodable, to_id
from fashiontrend.crawl.pages import is_challenge
from fashiontrend.crawl.spiders import PICTURE, PlatformSpider
from fashiontrend.errors import DataError, StoreError
from fashiontrend.images import SIGNATURES
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store, open_store

STORE_SETTING = "FASHIONTREND_STORE"


def _spider(crawler: Crawler) -> PlatformSpider:
    spider = crawler.spider
    assert isinstance(spider, PlatformSpider)  # noqa: S101 - tells the type
    return spider


def _picture(address: str) -> Request | None:
    """The request for a picture, None if its address is none of the web or none at all."""
    if not address.startswith(("http://", "https://")):
        return None
    try:
        return Request(address, dont_filter=True, meta={PICTURE: True})
    except ValueError:  # `https://host:port/`: one broken address must not hide the others
        return None


class CheckPipeline:
    """Let a product through if it states the least that is needed, and only the first time."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.seen: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "CheckPipeline":
        """Scrapy's way to make a pipeline."""
        return cls(crawler)

    def process_item(self, item: dict[str, Any]) -> dict[str, Any]:
        """Check and de-duplicate; what is dropped is counted with its reason."""
        spider = _spider(self.crawler)
        spider.count("stated")
        carried = item.pop("carried", False)
        try:
            listing = item if carried else check_listing(item)
        except DataError as error:
            reason, _, detail = str(error).partition(": ")
            spider.count("invalid")
            spider.rejects.append(
                {
                    "reason": reason,
                    "detail": detail,
                    "product_id": to_id(item.get("product_id")),
                    "url": encodable(str(item.get("url"))),
                }
            )
            raise DropItem(reason) from None
        if listing["product_id"] in self.seen:
            spider.count("duplicates")
            raise DropItem("duplicate")
        self.seen.add(listing["product_id"])
        return self._dated(listing, spider)

    def _dated(self, listing: dict[str, Any], spider: PlatformSpider) -> dict[str, Any]:
        before = spider.memory.listings.get(listing["product_id"])
        return {
            **listing,
            "platform": spider.platform.name,
            "day": spider.day,
            "source": spider.platform.kind,
            "currency": listing.get("currency") or spider.platform.currency,
            "first_seen": before["first_seen"] if before else spider.day,
        }


class PicturePipeline(MediaPipeline):  # type: ignore[misc]
    """Fetch pictures whose address is new; store the bytes under their SHA-256."""

    LOG_FAILED_RESULTS = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler=crawler)
        self.store: Store = open_store(crawler.settings[STORE_SETTING])
        self.known: dict[str, str] | None = None

    def get_media_requests(self, item: dict[str, Any], info: Any) -> list[Request]:
        """Requests for the pictures that were not fetched before; the rest is named at once."""
        spider = _spider(self.crawler)
        if self.known is None:
            self.known = spider.memory.pictures()
        addresses = [i["url"] if isinstance(i, dict) else i for i in item["images"]]
        most = spider.crawl.max_images_per_listing
        if len(addresses) > most:
            spider.count("images_over_limit")
        item["images"] = [
            {"url": u, "picture_id": self.known.get(u), "position": n}
            for n, u in enumerate(addresses[:most])
        ]
        fresh = [image["url"] for image in item["images"] if image["picture_id"] is None]
        for _ in range(len(item["images"]) - len(fresh)):
            spider.count("reused_images")
        return [request for address in fresh if (request := _picture(address)) is not None]

    def file_path(
        self, request: Request, response: Any = None, info: Any = None, *, item: Any = None
    ) -> str:
        """Scrapy asks every media pipeline for a path; ours follows from the content instead."""
        return layout.raw_image(hashlib.sha256(response.body).hexdigest()) if response else ""

    def media_to_download(self, request: Request, info: Any, *, item: Any = None) -> None:
        """Nothing is known before the download."""

    def media_downloaded(
        self, response: Response, request: Request, info: Any, *, item: Any = None
    ) -> str:
        """Store the bytes and answer with their hash."""
        body = response.body
        if response.status != 200 or not body:
            raise DataError(f"image_{response.status}: {request.url}")
        if isinstance(response, TextResponse) and not body.startswith(SIGNATURES):
            if is_challenge(response.text):
                spider = _spider(self.crawler)
                spider.count("challenge")
                spider.give_up(urlsplit(response.url).hostname or "", "challenge")
            raise DataError(f"image_text: {request.url} is a page, not a picture")
        picture_id = hashlib.sha256(body).hexdigest()
        key = layout.raw_image(picture_id)
        try:
            if not self.store.exists(key):
                self.store.write(key, body, durable=False)  # its name is its checksum
                _spider(self.crawler).count("image_bytes", len(body))
        except StoreError as error:
            _spider(self.crawler).broken = error  # not the shop's fault: the day must not commit
            raise
        return picture_id

    def media_failed(self, failure: Any, request: Request, info: Any) -> None:
        """A picture that did not come leaves its listing without it; it is counted below."""
        failure.raiseException()

    def item_completed(self, results: list[Any], item: dict[str, Any], info: Any) -> dict[str, Any]:
        """Write the pictures' ids into the listing and hand it over."""
        spider = _spider(self.crawler)
        fresh = [image for image in item["images"] if image["picture_id"] is None]
        asked = [image for image in fresh if _picture(image["url"]) is not None]
        for image, (good, picture_id) in zip(asked, results, strict=True):
            image["picture_id"] = picture_id if good else None
        for image in fresh:
            spider.count("fetched_images" if image["picture_id"] else "image_failures")
        spider.listings.append(item)
        return item
