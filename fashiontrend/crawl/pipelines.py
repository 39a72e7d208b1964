"""Scrapy pipelines: check each product once, and store its pictures by their content."""

import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.http import Response, TextResponse
from scrapy.pipelines.media import MediaPipeline

from fashiontrend.crawl.listing import (
    Listing,
    ListingImage,
    check_listing,
    replace_surrogates,
    to_id,
)
from fashiontrend.crawl.pages import StatedProduct, is_challenge
from fashiontrend.crawl.platform_spider import PICTURE_META_KEY, CrawlReject, PlatformSpider
from fashiontrend.errors import DataError, StoreError
from fashiontrend.images import SIGNATURES
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store, open_store

STORE_SETTING = "FASHIONTREND_STORE"


def _spider(crawler: Crawler) -> PlatformSpider:
    spider = crawler.spider
    assert isinstance(spider, PlatformSpider)  # noqa: S101 - narrows the type
    return spider


def _picture_request(address: str) -> Request | None:
    """Return the request for a picture, None if its address is no web address."""
    if not address.startswith(("http://", "https://")):
        return None
    try:
        return Request(address, dont_filter=True, meta={PICTURE_META_KEY: True})
    except ValueError:  # `https://host:port/`: one broken address must not hide the others
        return None


class CheckPipeline:
    """Passes a product on if its required fields are usable, and only once per product id."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.seen_ids: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "CheckPipeline":
        """Make the pipeline, as Scrapy calls it."""
        return cls(crawler)

    def process_item(self, item: StatedProduct | Listing) -> Listing:
        """Check and de-duplicate; a dropped item is counted with its reason."""
        spider = _spider(self.crawler)
        spider.count("stated")
        listing = item if isinstance(item, Listing) else self._check(item, spider)
        if listing.product_id in self.seen_ids:
            spider.count("duplicates")
            raise DropItem("duplicate")
        self.seen_ids.add(listing.product_id)
        return _date(listing, spider)

    def _check(self, product: StatedProduct, spider: PlatformSpider) -> Listing:
        try:
            return check_listing(product, spider.platform.name, spider.platform.kind, spider.day)
        except DataError as error:
            reason, _, detail = str(error).partition(": ")
            spider.count("invalid")
            url = replace_surrogates(str(product.url))
            spider.rejects.append(CrawlReject(reason, detail, url, to_id(product.product_id)))
            raise DropItem(reason) from None


def _date(listing: Listing, spider: PlatformSpider) -> Listing:
    """Return the listing as one of today, first seen when the memory says so."""
    known = spider.memory.listings.get(listing.product_id)
    return replace(
        listing,
        platform=spider.platform.name,
        day=spider.day,
        source=spider.platform.kind,
        currency=listing.currency or spider.platform.currency,
        first_seen=known.first_seen if known else spider.day,
    )


class PicturePipeline(MediaPipeline):  # type: ignore[misc]
    """Fetches pictures whose address is new, and stores the bytes under their SHA-256."""

    LOG_FAILED_RESULTS = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler=crawler)
        self.store: Store = open_store(crawler.settings[STORE_SETTING])
        self.known: dict[str, str] | None = None

    def get_media_requests(self, item: Listing, info: Any) -> list[Request]:
        """Return requests for the pictures that were not fetched before."""
        spider = _spider(self.crawler)
        if len(item.images) > spider.crawl.max_images_per_listing:
            spider.count("images_over_limit")
        images = self._look_up(item)
        fresh = [image.url for image in images if image.picture_id is None]
        spider.count("reused_images", len(images) - len(fresh))
        return [request for url in fresh if (request := _picture_request(url)) is not None]

    def _look_up(self, item: Listing) -> list[ListingImage]:
        """Return the pictures within the limit, with the ids of those fetched before."""
        spider = _spider(self.crawler)
        if self.known is None:
            self.known = spider.memory.pictures()
        return [
            ListingImage(image.url, self.known.get(image.url), position)
            for position, image in enumerate(item.images[: spider.crawl.max_images_per_listing])
        ]

    def file_path(
        self, request: Request, response: Any = None, info: Any = None, *, item: Any = None
    ) -> str:
        """Return the key of the content; Scrapy requires a path of every media pipeline."""
        return layout.raw_image(hashlib.sha256(response.body).hexdigest()) if response else ""

    def media_to_download(self, request: Request, info: Any, *, item: Any = None) -> None:
        """Download every requested picture; none is known before."""

    def media_downloaded(
        self, response: Response, request: Request, info: Any, *, item: Any = None
    ) -> str:
        """Store the bytes and return their SHA-256.

        Raises:
            DataError: the response is no picture.
            StoreError: the store failed; the crawl then commits nothing.
        """
        body = response.body
        if response.status != 200 or not body:
            raise DataError(f"image_{response.status}: {request.url}")
        if isinstance(response, TextResponse) and not body.startswith(SIGNATURES):
            if is_challenge(response.text):
                spider = _spider(self.crawler)
                spider.count("challenge")
                spider.abandon_host(urlsplit(response.url).hostname or "", "challenge")
            raise DataError(f"image_text: {request.url} is a page, not a picture")
        picture_id = hashlib.sha256(body).hexdigest()
        key = layout.raw_image(picture_id)
        try:
            if not self.store.exists(key):
                self.store.write(
                    key, body, durable=False
                )  # a torn write shows: the key is the checksum
                _spider(self.crawler).count("image_bytes", len(body))
        except StoreError as error:
            _spider(
                self.crawler
            ).store_error = error  # the day must not be committed without pictures
            raise
        return picture_id

    def media_failed(self, failure: Any, request: Request, info: Any) -> None:
        """Pass the failure on to `item_completed`, which counts it; the listing stays."""
        failure.raiseException()

    def item_completed(self, results: list[Any], item: Listing, info: Any) -> Listing:
        """Write the ids of the fetched pictures into the listing and keep the listing."""
        spider = _spider(self.crawler)
        fetched = iter(results)  # in the order of the requests of `get_media_requests`
        images = []
        for image in self._look_up(item):
            if image.picture_id is not None:
                images.append(image)
                continue
            requested = _picture_request(image.url) is not None
            good, picture_id = next(fetched) if requested else (False, None)
            images.append(replace(image, picture_id=picture_id if good else None))
            spider.count("fetched_images" if good else "image_failures")
        listing = replace(item, images=tuple(images))
        spider.listings.append(listing)
        return listing
