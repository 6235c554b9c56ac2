"""Documents for a cluster: read once, in order, on the machine that started the job.

What ``extract`` reads is read as ``extract`` reads it, and so has the same ids; besides, Parquet
files with a column ``text`` (and ``id``, where there is one), and whatever pyarrow has a file
system for (``s3://``, ``gs://``, ``hdfs://``, ``file://``).

One task reads everything: it has little to do beside what the model does (some 20 microseconds a
document), and it alone can tell, of documents that come twice, how many have a row already.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import fs as pafs
from pyarrow import parquet
from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata

from setaccio.data.documents.child import Limits
from setaccio.data.documents.extracted import Found, to_row
from setaccio.data.documents.kinds import KINDS, TEXT_SUFFIXES
from setaccio.data.documents.reading import read_stream
from setaccio.data.errors import DataError, MissingExtraError, UsageError
from setaccio.data.records import Document, Problem, read_documents
from setaccio.runtime.batch import sources as local
from setaccio.runtime.batch.journal_rows import document_key, place_of

if TYPE_CHECKING:
    from setaccio.runtime.batch.key_bag import KeyBag

HAND = 8
"""Documents that a worker is given at a time."""

PARQUET = ".parquet"
_REMOTE = "://"
_READ_ROWS = 256
_BLOCK = 1 << 20


@dataclass(frozen=True)
class ClusterSource:
    """One file or folder.

    Attributes:
        name: as it was named; of a file in a folder, the file's own.
        kind: ``local`` is read as ``extract`` does, the others through pyarrow.
        path: in the file system that ``name`` leads to; empty for a local one.
    """

    name: str
    kind: str
    path: str = ""


def find_documents(names: Sequence[str], *, jsonl: bool) -> list[ClusterSource]:
    """Check that everything that is named is there, and can be read.

    Args:
        names: files, folders, or URIs of either.
        jsonl: whether every file that is no Parquet is read as JSON Lines.

    Raises:
        UsageError: nothing is named, it is standard input, or it is not there.
        DataError: a Parquet file has no column of texts called ``text``, or is no Parquet.
    """
    if not names or local.STDIN in names:
        raise UsageError("A cluster can not read standard input. Name files, folders or URIs.")
    found: list[ClusterSource] = []
    for name in names:
        if _REMOTE not in name and not Path(name).exists():
            raise UsageError(f"{name}: no such file or folder. Check the path.")
        inside = _inside(name, jsonl)
        if not inside:
            raise UsageError(f"{name}: no document in this folder.")
        found += inside
    for source in found:
        if source.kind == "parquet":
            _check_parquet(source)
    return found


def _inside(name: str, jsonl: bool) -> list[ClusterSource]:
    if _REMOTE not in name and not _has_parquet(Path(name)):
        return [ClusterSource(source, "local") for source in local.find_sources([name], jsonl)]
    system, path = _system(name)
    try:
        info = system.get_file_info(path)
    except OSError as error:
        raise UsageError(f"{name}: can not be reached ({_short(error)}). Check the URI.") from error
    if info.type == pafs.FileType.NotFound:
        raise UsageError(f"{name}: no such file or folder. Check the path.")
    if info.type == pafs.FileType.File:
        return [ClusterSource(name, _kind(path, jsonl), path)]
    files = system.get_file_info(pafs.FileSelector(path, recursive=True))
    plain = TEXT_SUFFIXES if jsonl else local.FOLDER_SUFFIXES
    found = []
    for one in sorted(files, key=lambda one: one.path):
        inside, suffix = _join(name, one.path[len(path) :]), Path(one.path).suffix.lower()
        if one.type != pafs.FileType.File:
            continue
        if suffix in plain and _REMOTE not in name:  # as without a Parquet file beside it
            found.append(ClusterSource(str(Path(inside)), "local"))
        elif Path(one.path).name.startswith(("_", ".")):
            continue
        elif suffix in plain | {PARQUET, *local.JSONL_SUFFIXES}:
            found.append(ClusterSource(inside, _kind(one.path, jsonl), one.path))
    return found


def _has_parquet(path: Path) -> bool:
    return path.suffix.lower() == PARQUET or (path.is_dir() and any(path.rglob("*" + PARQUET)))


def _join(name: str, inside: str) -> str:
    return f"{name.rstrip('/')}/{inside.lstrip('/')}"


def _kind(path: str, jsonl: bool) -> str:
    if path.lower().endswith(PARQUET):
        return "parquet"
    return "lines" if local.is_jsonl(path, jsonl) else "text"


def _system(name: str) -> tuple[Any, str]:
    try:
        if _REMOTE not in name:
            return pafs.LocalFileSystem(), str(Path(name).absolute())
        system, path = pafs.FileSystem.from_uri(name)
        return system, str(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: pyarrow can not read this ({_short(error)}).") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(". ")


def _check_parquet(source: ClusterSource) -> None:
    system, _ = _system(source.name)
    try:
        with system.open_input_file(source.path) as stream:
            schema = parquet.ParquetFile(stream).schema_arrow
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{source.name}: can not be read as Parquet ({_short(error)}).") from error
    if "text" not in schema.names:
        raise DataError(
            f"{source.name}: no column 'text'. It has: {', '.join(schema.names[:20])}. Name the "
            "column of texts so."
        )
    kind = schema.field("text").type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(f"{source.name}: the column 'text' holds {kind}, not texts.")


def count_items(sources: Sequence[ClusterSource], *, jsonl: bool) -> int | None:
    """How many documents there are, or None when only reading could tell."""
    total = 0
    for source in sources:
        if source.kind == "local":
            count = local.count_documents([source.name], jsonl)
        elif source.kind == "parquet":
            with _system(source.name)[0].open_input_file(source.path) as stream:
                count = parquet.ParquetFile(stream).metadata.num_rows
        else:
            mail = Path(source.path).suffix.lower() in KINDS["mail"]  # it may have attachments
            count = 1 if source.kind == "text" and not mail else None
        if count is None:
            return None
        total += count
    return total


def read_items(
    sources: Sequence[ClusterSource], *, jsonl: bool
) -> Iterator[tuple[str, str, bool, dict[str, Any] | None]]:
    """Id and text of each document, True, and its source map as JSON, where it has one.

    Of a document that can not be read: the id, what is wrong, False, and None.
    """
    for source in sources:
        if source.kind == "local":
            items: Iterable[Document | Problem] = local.read_sources([source.name], jsonl)
        else:
            items = _read(source)
        for item in items:
            one_of_many = jsonl or source.kind in ("lines", "parquet")
            good = isinstance(item, Document)
            yield *local.identify(item, one_of_many), good, _places(item)


def _places(item: Document | Problem) -> dict[str, Any] | None:
    places = item.source_map if isinstance(item, Document) else None
    return to_row(Found("", places=places)) if places else None


def _read(source: ClusterSource) -> Iterator[Document | Problem]:
    label = local.readable_name(source.name)
    try:
        system, _ = _system(source.name)
        if source.kind == "parquet":
            with system.open_input_file(source.path) as stream:
                yield from _read_parquet(parquet.ParquetFile(stream), label)
            return
        with system.open_input_stream(source.path) as stream:
            if source.kind == "lines":
                yield from read_documents(_lines(stream), label)
            else:
                yield from _read_whole(stream, label)
    except MissingExtraError as error:  # of one file among others that can be read
        yield Problem(label, 0, str(error))
    except (OSError, pa.ArrowException) as error:
        yield Problem(label, 0, f"can not be read ({_short(error)}). Check the file.")


def _read_whole(stream: Any, label: str) -> Iterator[Document | Problem]:
    """A text, PDF or the like, which its reader needs as a file of this machine."""
    limits = Limits()
    with tempfile.TemporaryFile() as file:
        while file.tell() <= limits.file_bytes and (block := stream.read(_BLOCK)):
            file.write(block)
        file.seek(0)
        yield from read_stream(file, label, limits)


def _lines(stream: Any) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(_BLOCK):
        *whole, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if rest:
        yield rest


def _read_parquet(file: Any, label: str) -> Iterator[Document | Problem]:
    columns = [name for name in ("id", "text") if name in file.schema_arrow.names]
    number = 0
    for batch in file.iter_batches(_READ_ROWS, columns=columns):
        for row in batch.to_pylist():
            number += 1
            if not isinstance(row["text"], str):
                yield Problem(label, number, 'no "text" in this row')
                continue
            given = row.get("id")
            yield Document(f"{label}:{number}" if given is None else str(given), row["text"])


class Documents(Datasource):  # type: ignore[misc]  # Ray is untyped for mypy here
    """Documents that have no row yet, in hands of :data:`HAND`, for Ray Data.

    Each row of the data set is one hand: JSON of ``{"documents": [[id, text, key, readable, source
    map]], "first": number of the first among those handed out, "read": documents read so far,
    "end": whether it is the last}``.

    Args:
        sources: from :func:`find_documents`; relative paths count from the current folder.
        run: fingerprint of model, task and options.
        done: what has a row, sealed.
        jsonl: as for :func:`find_documents`.
    """

    def __init__(
        self, sources: Sequence[ClusterSource], run: str, done: KeyBag, *, jsonl: bool = False
    ) -> None:
        super().__init__()
        self._sources = list(sources)
        self._run = run
        self._done = done
        self._jsonl = jsonl
        self._folder = Path.cwd()

    @property
    def supports_distributed_reads(self) -> bool:
        """No: the files are where the job was started."""
        return False

    def estimate_inmemory_data_size(self) -> int | None:
        """Unknown: nobody needs it."""
        return None

    def get_read_tasks(
        self, parallelism: int, per_task_row_limit: int | None = None, data_context: Any = None
    ) -> list[ReadTask]:
        """The one task that reads everything."""
        return [ReadTask(self._read, BlockMetadata(None, None, None, None))]

    def _read(self) -> Iterator[pa.Table]:
        os.chdir(self._folder)
        done = self._done.fresh()
        hand: list[list[Any]] = []
        read = given = 0
        for identifier, text, readable, places in read_items(self._sources, jsonl=self._jsonl):
            read += 1
            key = document_key(self._run, text)
            if done.take(place_of(key, identifier)):
                continue
            hand.append([identifier, text, key, readable, places])
            if len(hand) == HAND:
                yield _table({"documents": hand, "first": given, "read": read, "end": False})
                given += len(hand)
                hand = []
        yield _table({"documents": hand, "first": given, "read": read, "end": True})


def _table(hand: dict[str, Any]) -> pa.Table:
    return pa.table({"hand": pa.array([json.dumps(hand).encode()], pa.large_binary())})
