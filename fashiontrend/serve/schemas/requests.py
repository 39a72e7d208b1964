"""What callers send, checked; a misspelt key is refused with its path."""

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
    Field(description="Fractions x0, y0, x1, y1 of the upright picture, origin at the top left."),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]


def _no_whole_number(value: Any) -> Any:
    if isinstance(value, int):
        raise ValueError("a whole number has 64 bits at most; send a longer one as a string")
    return value


Whole = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
#: Without its check, a float would take whole numbers that are too long, and change their digits.
Fraction = Annotated[float, BeforeValidator(_no_whole_number), Field(strict=True)]
Cell = Annotated[str, Field(max_length=2000)] | StrictBool | Whole | Fraction | None
Lang = Literal["en", "zh"]
MOST_REGIONS, MOST_CONTEXT = 16, 32


Version = Annotated[
    Name | None,
    Field(
        description="Of a released recogniser, where `serve.max_models` allows it; the current one."
    ),
]


class RequestPart(pydantic.BaseModel):
    """A part of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Region(RequestPart):
    """Where the caller says that a garment is."""

    box: BoxFractions

    @pydantic.model_validator(mode="after")
    def _has_an_area(self) -> Self:
        x0, y0, x1, y1 = self.box
        if not (x0 < x1 and y0 < y1):
            raise ValueError("a box is [x0, y0, x1, y1] with x0 < x1 and y0 < y1")
        return self


class PictureDetails(RequestPart):
    """What is said of a picture beside where it is."""

    id: Name | None = Field(default=None, description="Echoed; the position in the list if none.")
    context: dict[Name, Cell] | None = Field(
        default=None,
        max_length=MOST_CONTEXT,
        description="Echoed as it is; whole numbers of 64 bits, others as double precision.",
    )
    regions: tuple[Region, ...] = Field(
        default=(),
        max_length=MOST_REGIONS,
        description="The caller's boxes, one garment each; the recogniser finds its own if none.",
    )


class RemotePicture(PictureDetails):
    """One picture: by URL or by store key."""

    url: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    key: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="Of the store, below one of `serve.key_prefixes`."
    )

    @pydantic.model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url is None) == (self.key is None):
            raise ValueError("name exactly one of url and key")
        return self


class Options(RequestPart):
    """How the answer should look."""

    lang: tuple[Lang, ...] = Field(default=("en", "zh"), max_length=2)
    min_confidence: float = Field(
        default=0.5, ge=0, le=1, description="Below it a value is `uncertain`."
    )
    top_k: int = Field(default=3, ge=1, le=20)
    attributes: tuple[Name, ...] | None = Field(
        default=None, max_length=100, description="Only these; all that the recogniser knows."
    )
    return_embedding: bool = False
    strict: bool = Field(default=False, description="One bad picture fails the whole request.")


class RecogniseRequest(RequestPart):
    """Pictures by URL or store key."""

    images: tuple[RemotePicture, ...] = Field(min_length=1)
    options: Options = Options()
    model: Version = None


class UploadRequest(RequestPart):
    """The form field `request` beside uploaded pictures; the n-th entry speaks of the n-th file."""

    images: tuple[PictureDetails, ...] = ()
    options: Options = Options()
    model: Version = None


class AdhocSeries(RequestPart):
    """The shares of one attribute's values, day by day without gaps."""

    id: Name
    attribute: Name
    start: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    shares: dict[Name, tuple[Annotated[float, Field(ge=0, le=1)] | None, ...]] = Field(
        min_length=1,
        max_length=200,
        description="Value -> one share a day; null where not measured. What is missing to 1 is `_other`.",
    )
    support: tuple[Annotated[int, Field(ge=0, le=10**9)], ...] | None = Field(
        default=None, description="Products behind each day; 500 each if not given."
    )

    @pydantic.model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {len(v) for v in self.shares.values()}
        if self.support is not None:
            lengths.add(len(self.support))
        if len(lengths) != 1 or not lengths.pop():
            raise ValueError("all shares, and support, need the same number of days, at least one")
        return self


class ForecastRequest(RequestPart):
    """Series to forecast with the released LSTM; nothing is trained."""

    series: tuple[AdhocSeries, ...] = Field(min_length=1)


class JobRequest(RequestPart):
    """A catalogue to recognise: Parquet in the store with `id` and one of `image`, `key`."""

    input: tuple[Annotated[str, Field(min_length=1, max_length=500)], ...] = Field(
        min_length=1,
        max_length=10_000,
        description="Keys of Parquet files, or prefixes ending in /.",
    )
    options: Options = Options()


def plain(value: pydantic.BaseModel) -> dict[str, Any]:
    """As JSON."""
    return value.model_dump(mode="json")
