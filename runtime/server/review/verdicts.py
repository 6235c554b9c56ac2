"""What a person said of rows: pairs for ``setaccio train``, appended to one file.

    {"id", "text", "gold", "verdict", "seen_by_person": true, "at", "task", "from_model", "run",
     "key", "status", "data", ...}

``verdict`` is ``accepted`` or ``corrected``, ``data`` is the answer as it was, ``key`` that of its
row, and ``run`` the hash of model, task and options that the key begins with. A pair is on the disk
when :meth:`Verdicts.keep` returns. Who thinks again about a row appends another line; the one
before it goes when the review ends, or at the next start after a kill, so that no text has two
answers. A text that has its answer is not asked for again, whichever model's row brings it.

Rows that were skipped stand in a file beside it (``corrections.jsonl.skipped``), since they are no
pairs; it also keeps a second review from writing the same file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from setaccio.data.errors import UsageError
from setaccio.data.files.atomic import atomic_path
from setaccio.data.files.json_text import parse_json
from setaccio.data.files.locks import take_lock
from setaccio.runtime.batch.journal_rows import RUN_DIGITS
from setaccio.runtime.server.http.corrections import Corrections
from setaccio.runtime.server.review.rows import document_hash

ACCEPTED = "accepted"
CORRECTED = "corrected"
SKIPPED = "skipped"
VERDICTS = (ACCEPTED, CORRECTED, SKIPPED)

_KEPT = ("weight", "examples", "task", "status", "risk", "labelled_by")


class Verdicts:
    """A file of verdicts; to be closed, or used in a ``with`` statement.

    Args:
        path: the file; other pairs in it stay as they are.

    Attributes:
        path: as given.
        decided: verdict and gold by document, as
            :func:`setaccio.runtime.server.review.rows.document_hash` names it.
        skipped: documents that were put off, the longest ago first.

    Raises:
        UsageError: it can not be written to, or another review writes it.
        OSError: the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._corrections = Corrections(path)
        self._skip_file = path.with_name(f"{path.name}.skipped")
        self._skips = _lock(self._skip_file)
        try:
            self.decided = {
                key: (str(line["verdict"]), line["gold"]) for _, key, line in _lines(path) if key
            }
            self.skipped = self._read_skips()
            self._settle()
        except BaseException:
            self._release(forget=self._skip_file.stat().st_size == 0)
            raise

    def _read_skips(self) -> dict[str, None]:
        self._skips.seek(0)
        found: dict[str, None] = {}
        for line in self._skips:
            if line.endswith(b"\n"):
                name = line.decode("ascii", "replace").strip()
                found.pop(name, None)
                found[name] = None
        return {each: None for each in found if each not in self.decided}

    def keep(self, row: Mapping[str, Any], gold: dict[str, Any]) -> str:
        """Keep what is right for a row; it is on the disk when this returns.

        Args:
            row: as from :meth:`setaccio.runtime.server.review.rows.ReviewRows.read`.
            gold: the right answer.

        Returns:
            The verdict: ``accepted`` where the row says the same, otherwise ``corrected``.

        Raises:
            OSError: it can not be written; the file is then as it was.
        """
        verdict = ACCEPTED if gold == row["data"] else CORRECTED
        gold = row["data"] if verdict == ACCEPTED else gold
        known = {name: row[name] for name in _KEPT if row.get(name) not in (None, "")}
        pair = {
            "id": row["id"],
            "text": row["text"],
            "gold": gold,
            "verdict": verdict,
            "seen_by_person": True,
            "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            **known,
            "from_model": str(row.get("model") or row.get("labelled_by") or ""),
            "run": row["key"][:RUN_DIGITS],
            "key": row["key"],
            "data": row["data"],
        }
        self._corrections.add(pair)
        document = document_hash(row["id"], row["text"])
        self.skipped.pop(document, None)
        self.decided[document] = verdict, gold
        return verdict

    def skip(self, row: Mapping[str, Any]) -> None:
        """Put a row off, behind all others.

        Raises:
            OSError: it can not be written.
        """
        document = document_hash(row["id"], row["text"])
        if document in self.decided:
            return
        self._skips.write(document.encode() + b"\n")
        self._skips.flush()
        os.fsync(self._skips.fileno())
        self.skipped.pop(document, None)
        self.skipped[document] = None

    def _settle(self) -> None:
        """Drop the lines that later ones of the same document replace."""
        lines = list(_lines(self.path))
        last = {key: at for at, (_, key, _) in enumerate(lines) if key}
        stay = [raw for at, (raw, key, _) in enumerate(lines) if not key or last[key] == at]
        if len(stay) == len(lines):
            return
        mode = self.path.stat().st_mode & 0o777
        with atomic_path(self.path.resolve()) as part, part.open("wb") as stream:
            part.chmod(mode)
            stream.writelines(stay)
            stream.flush()
            os.fsync(stream.fileno())

    def close(self) -> None:
        """Drop what was replaced, and close.

        Raises:
            OSError: that could not be done, as on a full disk; all lines stand.
        """
        self._corrections.close()
        try:
            self._settle()
        finally:
            self._release(forget=not self.skipped)

    def _release(self, *, forget: bool) -> None:
        if forget:
            self._skip_file.unlink(missing_ok=True)
        self._skips.close()

    def __enter__(self) -> Verdicts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(path: Path) -> IO[bytes]:
    """Open a file for appending that no other process has open this way."""
    try:
        stream = path.open("a+b")
    except OSError as error:
        raise UsageError(f"{path}: can not be written ({error.strerror}).") from error
    if not take_lock(stream):
        stream.close()
        name = path.name.removesuffix(".skipped")
        raise UsageError(
            f"{path.with_name(name)}: another review writes it. End that one, or name another file."
        )
    return stream


def _lines(path: Path) -> Iterator[tuple[bytes, str | None, dict[str, Any]]]:
    """Lines of a file of pairs, with the document that each is a verdict on; None for other lines.

    A torn last line is none: appending mends it.
    """
    if not path.exists():
        return
    with path.open("rb") as stream:
        for raw in stream:
            try:
                line = parse_json(raw.decode("utf-8-sig"))
            except ValueError:
                line = None
            if isinstance(line, dict) and {"id", "text", "gold", "verdict"} <= line.keys():
                yield raw, document_hash(str(line["id"]), str(line["text"])), line
            else:
                yield raw, None, {}
