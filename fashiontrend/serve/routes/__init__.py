"""The application and its routes, one module a group of endpoints."""
