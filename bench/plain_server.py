"""A hand-written server for comparison: FastAPI, uvicorn, one model process, a small batcher.

It has no limits and no checks.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile

from fashiontrend.attrnet.inference.predict import Recogniser


def to_json(prediction: Any) -> dict[str, Any]:
    """Return a JSON response."""
    attributes = {
        name: {
            "value": a.value,
            "confidence": a.confidence,
            "top_k": [(c.value, c.confidence) for c in a.top_k],
        }
        for name, a in prediction.attributes.items()
    }
    return {"box": prediction.box, "score": prediction.score, "attributes": attributes}


def build(folder: str, max_batch: int, wait_s: float) -> FastAPI:
    """Make the application."""
    recogniser, thread = Recogniser(folder, threads=1), ThreadPoolExecutor(1)
    queue: asyncio.Queue[tuple[bytes, asyncio.Future[Any]]] = asyncio.Queue()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await queue.get()]
            await asyncio.sleep(wait_s)
            while len(batch) < max_batch and not queue.empty():
                batch.append(queue.get_nowait())
            predictions = await loop.run_in_executor(
                thread,
                lambda b: recogniser.describe([d for d, _ in b], top_k=3, min_confidence=0.5),
                batch,
            )
            for (_, future), prediction in zip(batch, predictions, strict=True):
                future.set_result(prediction)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(work())
        yield
        task.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/recognise")
    async def recognise(image: UploadFile) -> dict[str, Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        await queue.put((await image.read(), future))
        return to_json(await future)

    return app


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", required=True, help="of the model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--max-batch", type=int, default=16)
    parser.add_argument("--wait-s", type=float, default=0.002)
    options = parser.parse_args()
    uvicorn.run(
        build(options.folder, options.max_batch, options.wait_s),
        port=options.port,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
