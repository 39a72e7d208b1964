"""The Open Inference Protocol's view of the recogniser: named tensors in, named tensors out.

The one input is `image`: its data type is BYTES, its shape is (N) or (N, 1), and each element is an
encoded picture: in base64 in JSON, or as it is in the protocol's binary form.

The outputs have one row per picture: `box` (N, 4) in fractions, `score`
(N), `problem` (N), and for every attribute `<id>` its value, `<id>.status` and `<id>.confidence`
(N). A missing value is an empty string or 0.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic
from pydantic import ConfigDict, Field

from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.requests import MAX_ELEMENTS, Name
from fashiontrend.serve.schemas.responses import ImageResult, JsonObject, ResponseModel

MODEL, INPUT = "attrnet", "image"
NO_BOX = (0.0, 0.0, 0.0, 0.0)
Cell = str | float


class ProtocolPart(pydantic.BaseModel):
    """A part of a request; the protocol allows callers to send more fields than the server reads."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


#: A row of a tensor of shape (N, 1), whose data may be nested like its shape.
OneElement = Annotated[tuple[str, ...], Field(min_length=1, max_length=1)]


class InputTensor(ProtocolPart):
    """The one input."""

    name: Literal["image"]
    shape: tuple[int, ...] = Field(min_length=1, max_length=2, fail_fast=True)
    datatype: Literal["BYTES"]
    data: Annotated[
        tuple[str | OneElement, ...], Field(max_length=MAX_ELEMENTS, fail_fast=True)
    ] = Field(
        default=(),
        description="Encoded pictures (JPEG, PNG, ...), each in base64. Left out if their bytes follow the JSON.",
    )
    parameters: JsonObject = {}


class WantedOutput(ProtocolPart):
    """An output that the caller wants."""

    name: Name


class InferRequest(ProtocolPart):
    """The body of POST .../infer."""

    id: Name | None = None
    inputs: tuple[InputTensor, ...] = Field(min_length=1, max_length=1, fail_fast=True)
    outputs: tuple[WantedOutput, ...] = Field(
        default=(),
        max_length=1000,
        fail_fast=True,
        description="Names of the wanted outputs; by default all.",
    )
    parameters: JsonObject = {}


class TensorMetadata(ResponseModel):
    """Name, type and shape of a tensor; -1 in a shape stands for any number."""

    name: str
    datatype: str
    shape: list[int]


class ServerMetadata(ResponseModel):
    """The response of GET v2."""

    name: str
    version: str
    extensions: list[str]


class ModelMetadata(ResponseModel):
    """The response of GET v2/models/attrnet."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(ResponseModel):
    """The response of GET v2/models/attrnet/ready."""

    name: str
    ready: bool


class OutputTensor(TensorMetadata):
    """One output with its rows, flattened."""

    data: list[str | float]


class InferResponse(ResponseModel):
    """The response of POST .../infer."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class InferenceError(ResponseModel):
    """An error in the form of this protocol."""

    error: str


@dataclass(frozen=True)
class OutputSpec:
    """An output that the recogniser offers.

    Attributes:
        name: of the tensor.
        datatype: `BYTES` or `FP32`.
        width: numbers per row; None for a single number or string.
    """

    name: str
    datatype: str
    width: int | None = None

    def shape(self, rows: int) -> list[int]:
        """Return the tensor's shape for a number of rows."""
        return [rows] if self.width is None else [rows, self.width]

    @property
    def missing(self) -> Cell:
        """The value of a row that has none."""
        return "" if self.datatype == "BYTES" else 0.0


def outputs(attributes: Iterable[str]) -> list[OutputSpec]:
    """List all outputs of a recogniser that knows these attributes."""
    fixed = [
        OutputSpec("box", "FP32", 4),
        OutputSpec("score", "FP32"),
        OutputSpec("problem", "BYTES"),
    ]
    kinds = (("", "BYTES"), (".status", "BYTES"), (".confidence", "FP32"))
    return fixed + [OutputSpec(a + suffix, kind) for a in attributes for suffix, kind in kinds]


def read_pictures(tensor: InputTensor, binary: bytes = b"") -> list[bytes]:
    """Decode the pictures of an input.

    Args:
        tensor: as the request's JSON describes it.
        binary: bytes that follow the JSON; they are read if the tensor states `binary_data_size`.

    Raises:
        Problem: 400 if shape and data disagree, or if an element is not base64.
    """
    size = tensor.parameters.get("binary_data_size")
    if size is not None or binary:
        return _read_binary(tensor, size, binary)
    kind = tensor.parameters.get("content_type", "base64")
    if kind != "base64":
        raise _invalid(f"content_type is {str(kind)[:40]!r}; only base64 is supported")
    rows = len(tensor.data)
    if tensor.shape not in ((rows,), (rows, 1)):
        raise _invalid(f"the shape is {list(tensor.shape)} with {rows} elements; expected [{rows}]")
    try:
        texts = (e if isinstance(e, str) else e[0] for e in tensor.data)
        return [base64.b64decode(text, validate=True) for text in texts]
    except (binascii.Error, ValueError):
        raise _invalid("an element is not base64") from None


def _read_binary(tensor: InputTensor, size: Any, binary: bytes) -> list[bytes]:
    """Read elements that each begin with their length, 4 bytes in little-endian order."""
    if tensor.data or size != len(binary):
        raise _invalid(
            f"binary_data_size is {str(size)[:20]} beside {len(tensor.data)} elements of data; "
            f"{len(binary)} bytes follow the JSON"
        )
    pictures: list[bytes] = []
    at = 0
    while at < len(binary) and len(pictures) <= MAX_ELEMENTS:
        begin = at + 4
        at = begin + int.from_bytes(binary[at:begin], "little")
        pictures.append(binary[begin:at])
    if at != len(binary) or tensor.shape not in ((len(pictures),), (len(pictures), 1)):
        raise _invalid(
            f"the shape is {list(tensor.shape)}, but the bytes hold {len(pictures)} elements"
        )
    return pictures


def choose_outputs(
    offered: Sequence[OutputSpec], wanted: Sequence[WantedOutput]
) -> list[OutputSpec]:
    """Choose the wanted outputs, or all if none is named.

    Raises:
        Problem: 400 if a wanted output does not exist.
    """
    by_name = {o.name: o for o in offered}
    unknown = [w.name for w in wanted if w.name not in by_name]
    if unknown:
        detail = f"there is no output {unknown[0]!r}. GET the model's metadata for their list"
        raise _invalid(detail)
    return [by_name[w.name] for w in wanted] or list(offered)


def to_tensors(images: Sequence[ImageResult], chosen: Iterable[OutputSpec]) -> list[OutputTensor]:
    """Turn results into output tensors; a picture's row describes its first garment."""
    rows = [_row(image) for image in images]
    tensors = []
    for output in chosen:
        if output.width is None:
            data = [row.get(output.name, output.missing) for row in rows]
        else:
            data = [v for row in rows for v in row[output.name]]
        shape = output.shape(len(rows))
        tensors.append(
            OutputTensor(name=output.name, datatype=output.datatype, shape=shape, data=data)
        )
    return tensors


def _row(image: ImageResult) -> dict[str, Any]:
    """The values of one picture by output name."""
    problem = image.problem.detail if image.problem else ""
    row: dict[str, Any] = {"box": NO_BOX, "problem": problem}
    for garment in image.garments[:1]:
        row |= {"box": garment.box.rel, "score": garment.score or 0.0}
        for name, attribute in garment.attributes.items():
            row[name] = attribute.value or ""
            row[f"{name}.status"] = attribute.status
            row[f"{name}.confidence"] = attribute.confidence or 0.0
    return row


def _invalid(reason: str) -> Problem:
    return Problem(400, "invalid", f"The tensors are not valid: {reason}.")
