"""Whatever is sent to the API: a response that its OpenAPI document promises, never an internal error."""

import io

import hypothesis
import numpy as np
import pytest
import schemathesis
import yaml
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from fashiontrend.serve.http import tokens
from tests import drills
from tests.serve.conftest import draw

pytestmark = [pytest.mark.slow, pytest.mark.drill]
#: Of `make drills`, and of CI.
FUZZED, EXAMPLES = drills.choose((2_000, 40), (500, 12))
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


#: Unknown query parameters are left alone, as most of the web does; and a body of the right shape
#: can still name a day that does not exist.
LENIENT = [negative_data_rejection, positive_data_acceptance]
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_response_is_one_that_the_document_promises(make_server, mode, tmp_path):
    drawn = tokens.draw("schemathesis", tokens.SCOPES)
    file = tmp_path / "tokens.yaml"
    file.write_text(yaml.safe_dump([drawn.record.model_dump(mode="json")]))
    server = make_server(auth="required", tokens_file=str(file))
    headers = {"Authorization": f"Bearer {drawn.text}"}
    document = schemathesis.openapi.from_asgi("/openapi.json", server.app)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) >= 18
    for operation in operations:

        @SETTINGS
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            case.call_and_validate(headers=headers, excluded_checks=LENIENT)

        try:
            check()
        except hypothesis.errors.Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, "nothing can be wrong in what takes nothing"


def spoil(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut, flip, overwrite, repeat, or put something before."""
    if not len(data):
        return data
    kind = rng.integers(0, 6)
    spot = int(rng.integers(0, len(data)))
    if kind == 0:
        return data[:spot]
    if kind == 1:
        flipped = bytearray(data)
        for at in rng.integers(0, len(data), 1 + len(data) // 50):
            flipped[at] ^= 1 << int(rng.integers(0, 8))
        return bytes(flipped)
    if kind == 2:
        return data[:spot] + rng.bytes(64) + data[spot + 64 :]
    if kind == 3:
        return data[:spot] + data[spot:] * 3
    if kind == 4:
        return rng.bytes(int(rng.integers(1, 16))) + data
    header = bytearray(data)
    header[: min(32, len(data))] = rng.bytes(min(32, len(data)))
    return bytes(header)


def test_spoilt_pictures_get_a_status_each_and_the_server_stays(make_server):
    serve = make_server()
    rng = np.random.default_rng(0)
    seen: dict[str, int] = {}
    for start in range(0, FUZZED, 25):
        files = [
            ("image", spoil(draw(start + n, (40, 30), KINDS[(start + n) % len(KINDS)]), rng))
            for n in range(25)
        ]
        answer = serve("POST", "/v1/recognise", files=files)
        assert answer.status_code == 200
        for (_, data), image in zip(files, answer.json()["images"], strict=True):
            seen[image["status"]] = seen.get(image["status"], 0) + 1
            assert (image["status"] == "ok") <= opens(data), image
            assert image["status"] in ("ok", "unsupported_media", "too_large", "too_small")
    assert sum(seen.values()) == FUZZED
    assert (
        serve("POST", "/v1/recognise", files=[("image", draw())]).json()["usage"]["garments"] == 1
    )


def opens(data: bytes) -> bool:
    """Whether the decoder itself reads the whole picture."""
    try:
        Image.open(io.BytesIO(data)).load()
    except Exception:
        return False
    return True
