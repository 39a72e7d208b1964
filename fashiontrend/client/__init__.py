"""The HTTP API as typed Python: `Client("http://127.0.0.1:8000").recognise(["a.jpg"])`.

`AsyncClient` has the same methods for programs with an event loop. Neither client knows the API: `calls.py`
holds what is sent and how responses are parsed, and `exchange.py` holds retries and errors. Both do
no IO, so the two clients only send requests.
"""

from fashiontrend.client.asynchronous import AsyncClient
from fashiontrend.client.blocking import Client
from fashiontrend.client.exchange import Refused

__all__ = ["AsyncClient", "Client", "Refused"]
