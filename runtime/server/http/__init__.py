"""The HTTP side of the server: routes, limits, metrics. The engine knows nothing of it."""
