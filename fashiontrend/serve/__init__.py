"""The HTTP service without Ray: a FastAPI application over the store, and what protects it.

`routes.app.create_app` takes `Services` (recognition, the tables of a release, catalogue jobs) and
returns an ASGI application. `ray_jobs/serve.py` runs it in replicas.
"""
