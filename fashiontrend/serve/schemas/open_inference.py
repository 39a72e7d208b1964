"""The Open Inference Protocol's words for the recogniser: named tensors in, named tensors out.

One input, `image`: BYTES of shape (N) or (N, 1), base64 of encoded pictures. Outputs, row by row:
`box` (N, 4) fractions, `score` (N), `problem` (N), and for every attribute `<id>` its value,
`<id>.status` and `<id>.confidence` (N). What does not exist is an empty string or 0.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pydantic
from pydantic import ConfigDict, Field

from fashiontrend.serve.http.problems import Problem
from fashiontrend.serve.schemas.requests import Name

MODEL, INPUT = "attrnet", "image"
NO_BOX = (0.0, 0.0, 0.0, 0.0)
Parameters = dict[str, Any]


class ProtocolPart(pydantic.BaseModel):
    """Of a request; the protocol lets callers say more than is read."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Tensor(ProtocolPart):
    """The one input."""

    name: Literal["image"]
    shape: tuple[int, ...] = Field(min_length=1, max_length=2)
    datatype: Literal["BYTES"]
    data: tuple[str, ...] = Field(description="Base64 of JPEG, PNG, ... each.")
    parameters: Parameters = {}


class WantedOutput(ProtocolPart):
    """An output that is asked for."""

    name: Name


class InferRequest(ProtocolPart):
    """POST .../infer."""

    id: Name | None = None
    inputs: tuple[Tensor, ...] = Field(min_length=1, max_length=1)
    outputs: tuple[WantedOutput, ...] = Field(default=(), max_length=1000)
    parameters: Parameters = {}


class TensorMetadata(pydantic.BaseModel):
    """Name, type and shape; -1 is any number."""

    name: str
    datatype: str
    shape: list[int]


class ServerMetadata(pydantic.BaseModel):
    """GET v2."""

    name: str
    version: str
    extensions: list[str]


class ModelMetadata(pydantic.BaseModel):
    """GET v2/models/attrnet."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class OutputTensor(TensorMetadata):
    """One output with its rows, flattened."""

    data: list[str | float]


class InferResponse(pydantic.BaseModel):
    """Answer of .../infer."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class InferenceError(pydantic.BaseModel):
    """How this protocol says that something went wrong."""

    error: str


@dataclass(frozen=True)
class OutputSpec:
    """An output that there is."""

    name: str
    datatype: str
    width: int | None = None  # of a row; None is one number or word

    def shape(self, rows: int) -> list[int]:
        """Of so many rows."""
        return [rows] if self.width is None else [rows, self.width]


def outputs(attributes: Iterable[str]) -> list[OutputSpec]:
    """All outputs of a recogniser of these attributes."""
    fixed = [
        OutputSpec("box", "FP32", 4),
        OutputSpec("score", "FP32"),
        OutputSpec("problem", "BYTES"),
    ]
    kinds = (("", "BYTES"), (".status", "BYTES"), (".confidence", "FP32"))
    return fixed + [OutputSpec(a + suffix, kind) for a in attributes for suffix, kind in kinds]


def pictures(tensor: Tensor) -> list[bytes]:
    """The encoded pictures of an input.

    Raises:
        Problem: 400; shape and data differ, or it is not base64.
    """
    kind = tensor.parameters.get("content_type", "base64")
    if kind != "base64":
        raise _wrong(f"content_type {str(kind)[:40]!r}; base64 is read")
    rows = len(tensor.data)
    if tensor.shape not in ((rows,), (rows, 1)):
        raise _wrong(f"shape {list(tensor.shape)} with {rows} elements; expected [{rows}]")
    try:
        return [base64.b64decode(text, validate=True) for text in tensor.data]
    except (binascii.Error, ValueError):
        raise _wrong("an element is not base64") from None


def choose(known: Sequence[OutputSpec], wanted: Sequence[WantedOutput]) -> list[OutputSpec]:
    """The outputs that are asked for, all if none is named.

    Raises:
        Problem: 400; there is no such output.
    """
    by_name = {o.name: o for o in known}
    unknown = [w.name for w in wanted if w.name not in by_name]
    if unknown:
        raise _wrong(f"there is no output {unknown[0]!r}; GET the model's metadata lists them")
    return [by_name[w.name] for w in wanted] or list(known)


def tell(images: Sequence[Mapping[str, Any]], chosen: Iterable[OutputSpec]) -> list[dict[str, Any]]:
    """Output tensors of answered pictures, as `Recognition` gives them; the first garment of each."""
    rows = [_row(image) for image in images]
    told = []
    for output in chosen:
        missing: Any = "" if output.datatype == "BYTES" else 0.0
        values = [row.get(output.name, missing) for row in rows]
        flat = values if output.width is None else [v for row in values for v in row]
        shape = output.shape(len(rows))
        told.append(
            {"name": output.name, "datatype": output.datatype, "shape": shape, "data": flat}
        )
    return told


def _row(image: Mapping[str, Any]) -> dict[str, Any]:
    problem = image.get("problem")
    row: dict[str, Any] = {"box": NO_BOX, "problem": problem["detail"] if problem else ""}
    for garment in image["garments"][:1]:
        row |= {"box": garment["box"]["rel"], "score": garment["score"] or 0.0}
        for name, attribute in garment["attributes"].items():
            row[name] = attribute.get("value", "")
            row[f"{name}.status"] = attribute["status"]
            row[f"{name}.confidence"] = attribute.get("confidence", 0.0)
    return row


def _wrong(reason: str) -> Problem:
    return Problem(400, "invalid", f"The tensors are not valid: {reason}.")
