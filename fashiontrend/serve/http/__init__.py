"""The HTTP layer: middleware, admission control, authentication, strict JSON, fetching pictures by URL."""
