"""The HTTP service without Ray: a FastAPI application over the store, and what keeps it safe.

`app.create_app` takes what answers (a recogniser, the tables of a release, catalogue jobs) and
gives an ASGI application. `ray_jobs/serve.py` puts it into replicas.
"""
