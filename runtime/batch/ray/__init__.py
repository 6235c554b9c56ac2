"""Extraction on a Ray cluster: rows exactly those of one machine, whatever dies meanwhile.

For a data set of your own, with columns ``id`` and ``text``:

    >>> from setaccio.runtime.batch.ray import extract_dataset, make_spec
    >>> spec = make_spec("recipes.gguf", threads=2)
    >>> rows = extract_dataset(ray.data.read_parquet("s3://notes/"), spec, workers=8)
    >>> rows.write_parquet("s3://rows/")

``setaccio extract --engine ray`` does the same with files, a journal and ``--resume``. Names are
loaded when they are first used; Ray itself comes with ``pip install '.[ray]'``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from setaccio.data.lazy_names import lazy_names

if TYPE_CHECKING:
    from setaccio.runtime.batch.ray.cluster import connect as connect
    from setaccio.runtime.batch.ray.engine import extract_dataset as extract_dataset
    from setaccio.runtime.batch.ray.spec import WorkerSpec as WorkerSpec
    from setaccio.runtime.batch.ray.spec import make_spec as make_spec

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "cluster": ["connect"],
        "engine": ["extract_dataset"],
        "spec": ["WorkerSpec", "make_spec"],
    },
)
