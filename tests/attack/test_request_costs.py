"""No request within the limits costs much more than an honest one of its size.

A cost is CPU time, the least of a few runs, so that other work on the machine matters little.
"""

import io
import json
import time
import zlib

import pytest
from PIL import Image

from fashiontrend import images
from fashiontrend.config import IngestConfig
from fashiontrend.errors import PictureError
from fashiontrend.serve.http import problems, strict_json
from fashiontrend.serve.schemas.open_inference import InferRequest
from fashiontrend.serve.schemas.problems import Problem
from fashiontrend.serve.schemas.requests import (
    ForecastRequest,
    JobRequest,
    RecogniseRequest,
    UploadRequest,
)

SIZE = 500_000
#: How many times the cost of an honest input of the same size an attack may have.
MULTIPLE = 10


def spent(work, runs=3):
    costs = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        costs.append(time.process_time() - begun)
    return min(costs)


def respond(body, model):
    """What the server does with a JSON body, up to the response to a bad one."""
    try:
        return model.model_validate(strict_json.parse(body, 32))
    except Problem as problem:
        return problem
    except ValueError as error:
        return problems.from_validation(error)


def filled(before, piece, after):
    count = (SIZE - len(before) - len(after)) // (len(piece) + 1)
    return (before + ",".join([piece] * count) + after).encode()


def honest_series():
    days = [round(n % 97 / 97, 4) for n in range(400)]
    count = SIZE // (len(json.dumps(days)) + 60)
    series = [
        {"id": f"s{n}", "attribute": "colour", "start": "2026-01-01", "shares": {"red": days}}
        for n in range(count)
    ]
    return json.dumps({"series": series}).encode()


NAMES = ",".join(f'"n{i}":0' for i in range(SIZE // 9))
ATTACKS = {
    "a key that stands twice": ("{" + NAMES + ',"n1":0}').encode(),
    "very many names": ("{" + NAMES + "}").encode(),
    "empty objects": filled('{"series":[', "{}", "]}"),
    "empty pictures": filled('{"images":[', "{}", "]}"),
    "empty inputs": filled('{"input":[', '""', "]}"),
    "numbers for pictures": filled('{"images":[', "1", "]}"),
    "wrong shares": filled('{"series":[{"id":"a","attribute":"a","start":"2026-01-01","shares":{"r":[', '"x"', "]}}]}"),
    "wrong support": filled(
        '{"series":[{"id":"a","attribute":"a","start":"2026-01-01","shares":{"r":[1]},"support":[', "-1", "]}]}"
    ),
    "wrong regions": filled('{"images":[{"url":"http://a","regions":[', "{}", "]}]}"),
    "wrong attributes": filled('{"images":[{"url":"http://a"}],"options":{"attributes":[', "1", "]}}"),
    "wrong tensors": filled('{"inputs":[', "{}", "]}"),
    "wrong elements": filled('{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","data":[', "1", "]}]}"),
    "wrong outputs": filled('{"inputs":[],"outputs":[', "{}", "]}"),
    "brackets": b"[" * 31 + b"1" + b"]" * 31 + b" " * SIZE,
    "long numbers": filled("[", "1" * 4000, "]"),
    "escapes": filled("[", '"\\u0041\\n"', "]"),
}  # fmt: skip
MODELS = (RecogniseRequest, UploadRequest, ForecastRequest, JobRequest, InferRequest)


@pytest.fixture(scope="module")
def honest():
    body = honest_series()
    assert isinstance(respond(body, ForecastRequest), ForecastRequest)
    return spent(lambda: respond(body, ForecastRequest))


@pytest.mark.parametrize("body", ATTACKS.values(), ids=ATTACKS)
def test_a_json_body_costs_little_more_than_an_honest_one(body, honest):
    """Seen: 536 kB with a key that stands twice stopped a replica for two minutes, 2 MB of {} for 33 s."""
    assert len(body) < 2 * SIZE
    for model in MODELS:
        assert spent(lambda m=model: respond(body, m), runs=2) < MULTIPLE * max(honest, 0.01)


def test_a_response_names_twenty_mistakes_at_most():
    body = (
        '{"images":[{"url":"http://a",' + ",".join(f'"x{n}":1' for n in range(900)) + "}]}"
    ).encode()
    found = respond(body, RecogniseRequest)
    assert len(found.errors) <= problems.MAX_ERRORS


def progressive():
    out = io.BytesIO()
    Image.new("RGB", (2048, 2048), (90, 20, 20)).save(out, "JPEG", progressive=True)
    return out.getvalue()


def many_scans(count):
    """A progressive JPEG whose last scan is there again and again."""
    data = progressive()
    last = data.rindex(images.JPEG_SCAN)
    return data[:-2] + data[last:-2] * count + images.JPEG_END


def test_a_jpeg_of_thousands_of_scans_is_refused_before_it_is_decoded():
    """Seen: 462 kB with 6,000 scans held the recogniser for minutes."""
    attack = many_scans(6000)
    for read in (lambda: images.decode(attack, 64), lambda: images.inspect(attack, IngestConfig())):
        with pytest.raises(PictureError, match=r"bomb: 60\d\d scans"):
            read()
    assert len(attack) < IngestConfig().max_image_bytes
    one = spent(lambda: images.decode(progressive(), 64))
    most = many_scans(images.MAX_SCANS - 11)
    assert most.count(images.JPEG_SCAN) <= images.MAX_SCANS
    assert spent(lambda: images.decode(most, 64)) < MULTIPLE * max(one, 0.01)
    assert images.decode(progressive(), 64).shape == (64, 64, 3)


def flat_png(width, height, depth, colour):
    """A PNG of one colour: few bytes for as many pixels as the header says."""

    def chunk(kind, data):
        return (
            len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        )

    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = b"\0" + b"\x80" * (width * channels * depth // 8)
    pack = zlib.compressobj(9)
    body = b"".join(pack.compress(row) for _ in range(height)) + pack.flush()
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("depth", "colour"), [(16, 0), (8, 2), (8, 6), (16, 6)])
def test_a_small_file_of_many_pixels_takes_bounded_memory(depth, colour):
    """Seen: 78 kB of 16-bit grey took 1.1 GB. The process's peak is measured in a fresh process."""
    import subprocess
    import sys

    # The peak of the memory map, which begins with the program: ru_maxrss would keep that of the parent.
    code = (
        "import sys; from fashiontrend import images; data = sys.stdin.buffer.read();"
        "peak = lambda: int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]);"
        "base = peak(); images.decode(data, 64); print(peak() - base)"
    )
    data = flat_png(6300, 6300, depth, colour)
    assert len(data) < 1_000_000
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert int(done.stdout) / 1024 < 400, "MiB more than before"


def test_large_pictures_have_fewer_scans():
    out = io.BytesIO()
    Image.new("RGB", (7000, 7000), (90, 20, 20)).save(out, "JPEG", progressive=True)
    with pytest.raises(PictureError, match="bomb: 7000 x 7000 pixels in several scans"):
        images.decode(out.getvalue(), 64)
