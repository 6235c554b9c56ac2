"""Optional installs that a verb needs from its first step on."""

from __future__ import annotations

from importlib.util import find_spec


def need_serve() -> None:
    """Refuse to begin without what answers over HTTP.

    Raises:
        MissingExtraError: a package of the extra ``serve`` is absent.
    """
    from setaccio.data.errors import MissingExtraError

    for package in ("fastapi", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise MissingExtraError("serve", package)
