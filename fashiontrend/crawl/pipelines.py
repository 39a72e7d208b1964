"""Scrapy pipelines: check each product once, and store its pictures by their content."""

import hashlib
import zlib
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.http import Response, TextResponse
from scrapy.pipelines.media import MediaPipeline

from fashiontrend.crawl.archive import PageArchive
from fashiontrend.crawl.listing import (
    Listing,
    ListingImage,
    check_listing,
    replace_surrogates,
    to_id,
)
from fashiontrend.crawl.memory import Validators
from fashiontrend.crawl.pages import StatedProduct, is_challenge
from fashiontrend.crawl.platform_spider import PICTURE_META_KEY, CrawlReject, PlatformSpider
from fashiontrend.crawl.settling import is_replaced_by, is_same_product
from fashiontrend.crawl.widths import at_kept_addresses, widest_once
from fashiontrend.errors import DataError, StoreError
from fashiontrend.images import SIGNATURES
from fashiontrend.storage import layout
from fashiontrend.storage.object_store import Store, open_store

STORE_SETTING = "FASHIONTREND_STORE"
#: A mark longer than this is cut, and then simply fits no more.
MAX_VALIDATOR = 200
#: Key in the meta of requests for pictures: the id of the picture that the address gave before.
KNOWN_META_KEY = "fashiontrend_known_picture"


class KnownPicture(NamedTuple):
    """A picture that an address gave before, and how the shop marked its state."""

    picture_id: str
    validators: Validators

    def conditions(self) -> dict[str, str]:
        """Return the headers that ask for the picture only if it changed (RFC 9110, 13.1)."""
        stated = self.validators
        return {
            name: value
            for name, value in (
                ("If-None-Match", stated.etag),
                ("If-Modified-Since", stated.last_modified),
            )
            if value
        }


def _spider(crawler: Crawler) -> PlatformSpider:
    spider = crawler.spider
    assert isinstance(spider, PlatformSpider)  # noqa: S101 - narrows the type
    return spider


def _picture_request(address: str, known: KnownPicture | None = None) -> Request | None:
    """Return the request for a picture, None if its address is no web address.

    Args:
        address: as the page states it.
        known: what was fetched from there before; the shop is asked only whether it changed.
    """
    if not address.startswith(("http://", "https://")):
        return None
    meta = {PICTURE_META_KEY: True, KNOWN_META_KEY: known.picture_id if known else None}
    headers = known.conditions() if known else {}
    try:
        return Request(address, dont_filter=True, meta=meta, headers=headers)
    except ValueError:  # `https://host:port/`: one broken address must not hide the others
        return None


class CheckPipeline:
    """Passes a product on if its required fields are usable, and only once per product id."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.seen: dict[str, Listing] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "CheckPipeline":
        """Make the pipeline, as Scrapy calls it."""
        return cls(crawler)

    def process_item(self, item: StatedProduct | Listing) -> Listing:
        """Check and de-duplicate; a dropped item is counted with its reason."""
        spider = _spider(self.crawler)
        spider.count("stated")
        listing = item if isinstance(item, Listing) else self._check(item, spider)
        return _date(self._once(listing, spider), spider)

    def _once(self, listing: Listing, spider: PlatformSpider) -> Listing:
        """Return a listing whose id tells it from all before; a product that came before is dropped."""
        before = self.seen.setdefault(listing.product_id, listing)
        if before is listing or is_replaced_by(before, listing):
            self.seen[listing.product_id] = listing
            return listing
        own_page = self.seen.get(listing.url)  # where its number is one of several products
        if is_same_product(before, listing) or (own_page and is_same_product(own_page, listing)):
            spider.count("repeated")
            raise DropItem("repeated")
        if spider.platform.kind != "schema_org" or listing.url in self.seen:
            spider.count("duplicates")
            raise DropItem("duplicate")
        spider.count("shared_ids")
        spider.shared_ids.add(listing.product_id)
        self.seen[listing.url] = listing
        return listing

    def _check(self, product: StatedProduct, spider: PlatformSpider) -> Listing:
        try:
            listing = check_listing(product, spider.platform.name, spider.platform.kind, spider.day)
            images = widest_once(listing.images)
            variants = at_kept_addresses(listing.variants, images)
            return replace(listing, images=images, variants=variants)
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
        spider = _spider(crawler)
        if spider.crawl.keep_pages_days:
            spider.archive = PageArchive(self.store, spider.platform.name, spider.day)
        self.known: dict[str, str] | None = None

    def get_media_requests(self, item: Listing, info: Any) -> list[Request]:
        """Return requests for the pictures that are new, or that may have been replaced."""
        spider = _spider(self.crawler)
        if len(item.images) > spider.crawl.max_images_per_listing:
            spider.count("images_over_limit")
        return [request for _, request in self._plan(item) if request is not None]

    def _plan(self, item: Listing) -> list[tuple[ListingImage, Request | None]]:
        """Return the pictures within the limit with their known ids, and what is to be requested."""
        spider = _spider(self.crawler)
        if self.known is None:
            self.known = spider.memory.pictures()
        changed = _has_changed(item, spider)
        plan: list[tuple[ListingImage, Request | None]] = []
        for position, image in enumerate(item.images[: spider.crawl.max_images_per_listing]):
            picture_id = self.known.get(image.url)
            stated = spider.memory.validators.get(image.url)
            known = KnownPicture(picture_id, stated or Validators()) if picture_id else None
            asks = known is None or (changed and stated) or self._is_swept(image.url, spider)
            request = _picture_request(image.url, known) if asks else None
            plan.append((ListingImage(image.url, picture_id, position), request))
        return plan

    def _is_swept(self, address: str, spider: PlatformSpider) -> bool:
        """Whether a known picture is asked for again although nothing says that it changed.

        Known pictures get at most half of the day's requests; if that is too little for all, each
        sweep takes another part of them.
        """
        if not spider.is_sweep:
            return False
        parts = 1 + 2 * len(self.known or ()) // spider.crawl.daily_request_budget
        turn = spider.day.toordinal() // spider.crawl.full_sweep_days
        return zlib.crc32(address.encode("utf-8", "replace")) % parts == turn % parts

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
        """Store the bytes and return their SHA-256, or the known one if the picture did not change.

        Raises:
            DataError: the response is no picture.
            StoreError: the store failed; the crawl then commits nothing.
        """
        body = response.body
        known: str | None = request.meta.get(KNOWN_META_KEY)
        if response.status == 304 and known:
            return known
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
        _spider(self.crawler).validators[request.url] = _validators(response)
        return picture_id

    def media_failed(self, failure: Any, request: Request, info: Any) -> None:
        """Pass the failure on to `item_completed`, which counts it; the listing stays."""
        failure.raiseException()

    def item_completed(self, results: list[Any], item: Listing, info: Any) -> Listing:
        """Write the ids of the fetched pictures into the listing and keep the listing."""
        spider = _spider(self.crawler)
        fetched = iter(results)  # in the order of the requests of `get_media_requests`
        images = []
        for image, request in self._plan(item):
            good, picture_id = next(fetched) if request is not None else (False, None)
            found = replace(image, picture_id=picture_id) if good else image
            images.append(found)
            self._note(image, found, request, spider)
        listing = replace(item, images=tuple(images))
        spider.listings.append(listing)
        return listing

    @staticmethod
    def _note(
        before: ListingImage, now: ListingImage, request: Request | None, spider: PlatformSpider
    ) -> None:
        """Count a picture, and keep how the shop marked its state under the page's address of it."""
        if now.picture_id is None:
            spider.count("image_failures")
        elif now.picture_id == before.picture_id:
            spider.count("reused_images")
        else:
            spider.count("fetched_images")
            spider.count("replaced_images", int(before.picture_id is not None))
        asked = request.url if request is not None else before.url
        stated = spider.validators.get(asked) or spider.memory.validators.get(before.url)
        if stated is not None and now.picture_id is not None:
            spider.validators[before.url] = stated


def _has_changed(item: Listing, spider: PlatformSpider) -> bool:
    """Whether the page states something else of a product than when it was last read."""
    known = spider.memory.listings.get(item.product_id)
    return known is not None and known.raw_digest != item.raw_digest


def _validators(response: Response) -> Validators:
    """Return how the shop marked the state of a picture, without marks that are no plain text."""
    found = (response.headers.get(name) for name in ("ETag", "Last-Modified"))
    texts = (value.decode("ascii", "ignore")[:MAX_VALIDATOR] if value else None for value in found)
    return Validators(*texts)
