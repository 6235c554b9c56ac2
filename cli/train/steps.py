"""Which steps of an improvement are done: ``OUT/improve.json``, written after each.

steps = Steps(out, overwrite=False)
if not steps.begun:
    steps.begin(inputs)
steps.check(inputs)
if steps.done("export") is None:
    steps.note("export", export())
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import IO, Any

RECORD = "improve.json"
DECISION = "decision.json"
ADAPTER = "adapter.gguf"
FOLDERS = ("pairs", "run", "export", "eval-old", "eval-new")


class Steps:
    """The record of an improvement. Nothing is written before :meth:`begin`.

    Args:
        out: its folder.
        overwrite: forget what is there.

    Raises:
        UsageError: the folder holds something else, or the record is damaged.
    """

    def __init__(self, out: Path, *, overwrite: bool) -> None:
        from setaccio.data.errors import UsageError
        from setaccio.data.files.locks import files_beside_lock

        self.out = out
        self._held: IO[bytes] | None = None
        known = read_note(out / RECORD)
        if not known and out.exists() and (not out.is_dir() or files_beside_lock(out)):
            raise UsageError(f"{out}: holds something else. Choose another --out.")
        self._content: dict[str, Any] = {"inputs": {}, "done": {}}
        if not overwrite:
            self._content |= known

    @property
    def begun(self) -> bool:
        """Whether a step is done."""
        return bool(self._content["done"])

    def begin(self, inputs: dict[str, Any]) -> None:
        """Make the folder, and clear away what an earlier improvement left in it.

        Args:
            inputs: what the improvement is made of, by name.

        Raises:
            UsageError: another process works on it.
        """
        self._lock()
        self._content = {"inputs": inputs, "done": {}}
        self._write()
        for name in FOLDERS:
            shutil.rmtree(self.out / name, ignore_errors=True)
        for name in (DECISION, ADAPTER):
            (self.out / name).unlink(missing_ok=True)

    def check(self, inputs: dict[str, Any]) -> None:
        """Refuse to go on with other inputs.

        Raises:
            UsageError: names what differs, or another process works on it.
        """
        from setaccio.data.errors import UsageError

        self._lock()
        before = self._content["inputs"]
        changed = [name for name, value in inputs.items() if before.get(name) != value]
        if changed:
            raise UsageError(
                f"{self.out}: was begun with other values of: {', '.join(changed)}. Choose another "
                "--out, or begin anew with --overwrite."
            )

    def mark_of(self, file: Path) -> tuple[dict[str, Any], bool]:
        """Size and SHA-256 of a file that only grows.

        Returns:
            Those that the improvement was begun with, as long as the file still begins with these
            bytes, and whether it has grown since; else those of today.

        Raises:
            UsageError: no such file.
        """
        from setaccio.data.errors import UsageError

        try:
            content = file.read_bytes()
        except OSError as error:
            raise UsageError(f"{file}: can not be read ({error.strerror}).") from error
        known: dict[str, Any] = self._content["inputs"].get("corrections", {})
        size = int(known.get("bytes", 0))
        if known and _sha256(content[:size]) == known["sha256"]:
            return known, size < len(content)
        return {"bytes": len(content), "sha256": _sha256(content)}, False

    def done(self, name: str) -> Any:
        """What a finished step noted; None where it is not finished."""
        return self._content["done"].get(name)

    def note(self, name: str, value: Any) -> None:
        """Keep that a step is finished."""
        self._content["done"][name] = value
        self._write()

    def close(self) -> None:
        """Let other processes work on it."""
        if self._held:
            self._held.close()

    def _lock(self) -> None:
        """Keep other processes away until this one ends."""
        from setaccio.data.files.locks import lock_folder

        self._held = self._held or lock_folder(self.out)

    def _write(self) -> None:
        write_note(self.out / RECORD, self._content)


def read_note(path: Path) -> dict[str, Any]:
    """A JSON object of ours; empty where there is none.

    Raises:
        UsageError: the file is damaged.
    """
    from setaccio.data.errors import UsageError

    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: is damaged. Choose another --out.") from error
    return content if isinstance(content, dict) else {}


def write_note(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    from setaccio.data.records import atomic_write

    with atomic_write(path) as stream:
        json.dump(content, stream, indent=2, ensure_ascii=False)
        stream.write("\n")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
