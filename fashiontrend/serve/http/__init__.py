"""The HTTP layer: middleware, admission, authentication, strict JSON, and fetching of pictures by address."""
