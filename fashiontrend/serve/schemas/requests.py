"""Request models. A misspelt key is refused, and the problem names its path."""

from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import BeforeValidator, ConfigDict, Field, StrictBool

BoxFractions = Annotated[
    tuple[
        Annotated[float, Field(ge=0, le=1)],
        Annotated[float, Field(ge=0, le=1)],
        Annotated[float, Field(ge=0, le=1)],
        Annotated[float, Field(ge=0, le=1)],
    ],
    Field(
        description="x0, y0, x1, y1 as fractions (0 to 1) of the upright picture's width and height, "
        "from the top left."
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]


def _no_whole_number(value: Any) -> Any:
    if isinstance(value, int):
        raise ValueError("a whole number may have at most 64 bits; send a longer one as a string")
    return value


Whole = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
#: Without the validator, a float would accept whole numbers of more than 64 bits and change their digits.
Fraction = Annotated[float, BeforeValidator(_no_whole_number), Field(strict=True)]
Cell = Annotated[str, Field(max_length=2000)] | StrictBool | Whole | Fraction | None
Lang = Literal["en", "zh"]
MAX_REGIONS, MAX_CONTEXT = 16, 32
#: Elements of a list whose limit is a setting: above every sensible setting, and checked while the list is read.
MAX_ELEMENTS = 10_000

Version = Annotated[
    Name | None,
    Field(
        description="Version of a released recogniser; the current one by default. Another version is "
        "available only if `serve.max_models` is at least 2."
    ),
]


class RequestPart(pydantic.BaseModel):
    """A part of a request; unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Region(RequestPart):
    """A box in which the caller knows a garment."""

    box: BoxFractions

    @pydantic.model_validator(mode="after")
    def _has_an_area(self) -> Self:
        x0, y0, x1, y1 = self.box
        if not (x0 < x1 and y0 < y1):
            raise ValueError("a box is [x0, y0, x1, y1] with x0 < x1 and y0 < y1")
        return self


class PictureDetails(RequestPart):
    """What a request says about a picture, apart from its source."""

    id: Name | None = Field(
        default=None,
        description="Returned with the result; by default the file's name or the position in the list.",
    )
    context: dict[Name, Cell] | None = Field(
        default=None,
        max_length=MAX_CONTEXT,
        description="Up to 32 values that are returned unchanged with the result. Whole numbers may have "
        "64 bits; other numbers have double precision.",
    )
    regions: tuple[Region, ...] = Field(
        default=(),
        max_length=MAX_REGIONS,
        fail_fast=True,
        description="Boxes of known garments, at most 16, one garment each. Without them the recogniser "
        "finds the garment itself.",
    )


class RemotePicture(PictureDetails):
    """A picture that the server reads from a URL or from the store."""

    url: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        default=None, description="An http or https address on a public host."
    )
    key: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="A key of the store, below one of `serve.key_prefixes`."
    )

    @pydantic.model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url is None) == (self.key is None):
            raise ValueError("give exactly one of url and key")
        return self


class Options(RequestPart):
    """What the results should contain."""

    lang: tuple[Lang, ...] = Field(
        default=("en", "zh"), max_length=2, description="Languages of the values' labels."
    )
    min_confidence: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="A value with a lower probability gets the status `uncertain`.",
    )
    top_k: int = Field(
        default=3, ge=1, le=20, description="How many of the most likely values to list."
    )
    attributes: Annotated[tuple[Name, ...], Field(max_length=100, fail_fast=True)] | None = Field(
        default=None,
        description="Ids of the attributes to recognise; by default all that the recogniser knows.",
    )
    return_embedding: bool = Field(
        default=False, description="Whether to return each garment's feature vector."
    )
    strict: bool = Field(
        default=False,
        description="Whether one unusable picture fails the whole request. By default its result holds "
        "the problem, and the other pictures are recognised.",
    )


class RecogniseRequest(RequestPart):
    """Pictures to recognise, by URL or store key."""

    images: tuple[RemotePicture, ...] = Field(min_length=1, max_length=MAX_ELEMENTS, fail_fast=True)
    options: Options = Options()
    model: Version = None


class UploadRequest(RequestPart):
    """The form field `request` of an upload; its n-th picture describes the n-th file."""

    images: tuple[PictureDetails, ...] = Field(default=(), max_length=MAX_ELEMENTS, fail_fast=True)
    options: Options = Options()
    model: Version = None


Shares = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1)] | None, ...],
    Field(max_length=MAX_ELEMENTS, fail_fast=True),
]
Support = Annotated[
    tuple[Annotated[int, Field(ge=0, le=10**9)], ...],
    Field(max_length=MAX_ELEMENTS, fail_fast=True),
]


class AdhocSeries(RequestPart):
    """The daily shares of one attribute's values, on consecutive days."""

    id: Name
    attribute: Name
    start: Annotated[
        str,
        Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="The first day, YYYY-MM-DD."),
    ]
    shares: dict[Name, Shares] = Field(
        min_length=1,
        max_length=200,
        description="For each value one share (0 to 1) per day, null if it was not measured. What the values "
        "of a day lack to 1 becomes the value `_other`.",
    )
    support: Support | None = Field(
        default=None, description="Number of products behind each day's shares; 500 by default."
    )

    @pydantic.model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {len(v) for v in self.shares.values()}
        if self.support is not None:
            lengths.add(len(self.support))
        if len(lengths) != 1 or not lengths.pop():
            raise ValueError(
                "all shares, and support, must have the same number of days, at least one"
            )
        return self


class ForecastRequest(RequestPart):
    """Series to forecast with the released LSTM, which is not trained on them."""

    series: tuple[AdhocSeries, ...] = Field(min_length=1, max_length=MAX_ELEMENTS, fail_fast=True)


class JobRequest(RequestPart):
    """A catalogue to recognise.

    The catalogue consists of Parquet files in the store with a column `id` and either `image` (bytes) or `key`
    (of the store).
    """

    input: tuple[Annotated[str, Field(min_length=1, max_length=500)], ...] = Field(
        min_length=1,
        max_length=10_000,
        fail_fast=True,
        description="Keys of Parquet files in the store, or prefixes that end in /.",
    )
    options: Options = Options()
