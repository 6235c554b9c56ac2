"""Wheels as files: read their requirements, prove their RECORD, cut what is not needed.

Contract: ``repack(wheel, folder, keep)`` writes a wheel of the files that ``keep`` names, with a
RECORD that fits and a build tag that tells it from the published one; where nothing is dropped the
wheel is copied as it is. Formats: the binary distribution format and RECORD as specified by the
Python Packaging Authority.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement

BUILD = "1cut"
_GLIBC = re.compile(rb"\x00GLIBC_(\d+)\.(\d+)(?=[.\x00])")
_DATE = (2020, 1, 1, 0, 0, 0)  # a wheel that is cut twice comes out the same


class WheelError(Exception):
    """What keeps a wheel from being used; the message says which and why."""


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    value = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            value.update(block)
    return value.hexdigest()


def _record_hash(data: bytes) -> str:
    value = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"sha256={value}"


def _named(archive: zipfile.ZipFile, ending: str) -> str:
    found = [
        n for n in archive.namelist() if n.endswith(f".dist-info/{ending}") and n.count("/") == 1
    ]
    if len(found) != 1:
        raise WheelError(f"{archive.filename}: not a wheel, {ending} is missing.")
    return found[0]


def requirements(wheel: Path) -> list[Requirement]:
    """What a wheel requires, markers included."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = Parser().parsestr(archive.read(_named(archive, "METADATA")).decode())
    return [Requirement(line) for line in metadata.get_all("Requires-Dist") or []]


def check_record(wheel: Path) -> int:
    """Compare every file of a wheel with its RECORD.

    Returns:
        How many files were compared.

    Raises:
        WheelError: a file differs, is missing, or is not listed.
    """
    with zipfile.ZipFile(wheel) as archive:
        record = _named(archive, "RECORD")
        rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
        listed = {row[0]: row[1:] for row in rows if row}
        names = {name for name in archive.namelist() if not name.endswith("/")}
        if set(listed) != names:
            odd = sorted(set(listed) ^ names)[0]
            raise WheelError(f"{wheel.name}: {odd} is in only one of RECORD and archive.")
        compared = 0
        for name, (value, size) in listed.items():
            if name == record:
                continue
            data = archive.read(name)
            if value != _record_hash(data) or (size and int(size) != len(data)):
                raise WheelError(f"{wheel.name}: {name} is not what RECORD says.")
            compared += 1
    return compared


def glibc_needed(wheel: Path) -> tuple[int, int]:
    """The oldest glibc that the shared libraries of a wheel load with; (0, 0) for none.

    Read from the version names in their string tables (System V ABI, symbol versioning), which
    name every version that a symbol is wanted of.
    """
    newest = (0, 0)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if ".so" not in name:
                continue
            for major, minor in _GLIBC.findall(archive.read(name)):
                newest = max(newest, (int(major), int(minor)))
    return newest


def repack(wheel: Path, folder: Path, keep: Callable[[str], bool]) -> tuple[Path, list[str]]:
    """Write a wheel without the files that are not to be kept.

    Args:
        wheel: the published one.
        folder: where to write.
        keep: tells of a file's name in the archive whether it stays.

    Returns:
        The new wheel, and the names that were dropped.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        dropped = [name for name in names if not keep(name)]
        if not dropped:
            return Path(shutil.copy(wheel, folder / wheel.name)), []
        record, about = _named(archive, "RECORD"), _named(archive, "WHEEL")
        distribution, version, rest = wheel.name.split("-", 2)
        out = folder / f"{distribution}-{version}-{BUILD}-{rest}"
        rows = io.StringIO()
        writer = csv.writer(rows, lineterminator="\n")
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
            for name in sorted(set(names) - set(dropped) - {record}):
                data = archive.read(name)
                if name == about:
                    data = data.rstrip(b"\r\n") + f"\nBuild: {BUILD}\n".encode()
                mode = archive.getinfo(name).external_attr
                _write(made, name, data, mode)
                writer.writerow([name, _record_hash(data), len(data)])
            writer.writerow([record, "", ""])
            _write(made, record, rows.getvalue().encode(), 0o644 << 16)
    return out, dropped


def _write(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = mode
    archive.writestr(info, data)
