"""The client of the Triton Inference Server speaks to the recogniser, in binary and in JSON."""

import socket
import threading

import numpy as np
import pytest
import tritonclient.http as triton
import uvicorn

from tests.serve.conftest import Server, draw

PICTURES = [draw(0), draw(1)]


@pytest.fixture(scope="module")
def address(released):
    from fashiontrend.config import ServeConfig

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = Server(released, ServeConfig(batch_wait_s=0.0)).app
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        pass
    yield f"127.0.0.1:{port}/v1/recognise"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("binary", [True, False])
def test_pictures_are_recognised(address, binary):
    import base64

    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_model_ready("attrnet")
        assert client.get_model_metadata("attrnet")["inputs"][0]["name"] == "image"
        elements = PICTURES if binary else [base64.b64encode(p) for p in PICTURES]
        tensor = triton.InferInput("image", [2, 1], "BYTES")
        tensor.set_data_from_numpy(np.array(elements, dtype=object)[:, None], binary_data=binary)
        wanted = [triton.InferRequestedOutput(n, binary_data=binary) for n in ("box", "colour")]
        found = client.infer("attrnet", [tensor], outputs=wanted)
    assert found.as_numpy("box").shape == (2, 4)
    assert found.as_numpy("colour").shape == (2,)


def test_a_server_says_what_is_wrong_with_binary_data(address):
    with triton.InferenceServerClient(address) as client:
        tensor = triton.InferInput("image", [3], "BYTES")
        tensor.set_data_from_numpy(np.array([b"a"] * 3, dtype=object), binary_data=True)
        tensor._raw_data = tensor._raw_data[:-1]
        with pytest.raises(triton.InferenceServerException, match=r"elements|binary_data_size"):
            client.infer("attrnet", [tensor])
