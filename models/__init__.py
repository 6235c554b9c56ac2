"""Which models are known, where their files lie, and how they come there.

    >>> from setaccio.models import default_base, model_path
    >>> model_path(default_base().name)  # doctest: +SKIP
    PosixPath('/home/me/.cache/setaccio/models/SmolLM2-135M-Instruct.Q4_1.gguf')

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.models.catalogue import HubSource as HubSource
    from setaccio.models.catalogue import KnownModel as KnownModel
    from setaccio.models.catalogue import PackageSource as PackageSource
    from setaccio.models.catalogue import default_base as default_base
    from setaccio.models.catalogue import find_known as find_known
    from setaccio.models.catalogue import known_models as known_models
    from setaccio.models.digest_cache import verified_sha256 as verified_sha256
    from setaccio.models.fetching import fetch as fetch
    from setaccio.models.shipped import shipped_adapter as shipped_adapter
    from setaccio.models.store import State as State
    from setaccio.models.store import gguf_path as gguf_path
    from setaccio.models.store import model_path as model_path
    from setaccio.models.store import remove as remove
    from setaccio.models.store import state as state

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "catalogue": [
            "HubSource",
            "KnownModel",
            "PackageSource",
            "default_base",
            "find_known",
            "known_models",
        ],
        "digest_cache": ["verified_sha256"],
        "fetching": ["fetch"],
        "shipped": ["shipped_adapter"],
        "store": ["State", "gguf_path", "model_path", "remove", "state"],
    },
)
