"""The HTTP API in Python, typed: `Client("http://127.0.0.1:8000").recognise(["a.jpg"])`.

`AsyncClient` has the same methods for a program with an event loop. Both are thin: `calls.py` says
what is sent and how an answer is read, `exchange.py` what a refusal means.
"""

from fashiontrend.client.asynchronous import AsyncClient
from fashiontrend.client.blocking import Client
from fashiontrend.client.exchange import Refused

__all__ = ["AsyncClient", "Client", "Refused"]
