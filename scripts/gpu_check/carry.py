"""Carry an adapter to the CPU: ``python -m scripts.gpu_check.carry JOB.json``.

Merge, convert, quantise and prove through ``setaccio.export.pipeline``; then extract with the first
file under the schema's grammar and count how many answers are JSON and fit the schema. The parent
hides the GPU from this process.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
from scripts.gpu_check.child import run_job

from setaccio.data.records import Document, load_pairs
from setaccio.export import export
from setaccio.runtime import Extractor


def extract(gguf: Path, pairs: list[Any], max_tokens: int | None) -> dict[str, Any]:
    """Extract from the pairs' texts with the task that the GGUF carries."""
    extractor = Extractor(gguf, max_tokens=max_tokens)
    schema = jsonschema.Draft202012Validator(extractor.task.json_schema)
    began = time.perf_counter()
    rows = list(extractor.extract_all([Document(pair.id, pair.text) for pair in pairs]))
    seconds = time.perf_counter() - began
    statuses = [row.status for row in rows]
    return {
        "task": extractor.task.name,
        "documents": len(rows),
        "json": sum(row.data is not None for row in rows),
        "fits_schema": sum(row.data is not None and schema.is_valid(row.data) for row in rows),
        "statuses": {status: statuses.count(status) for status in sorted(set(statuses))},
        "tokens": sum(row.completion_tokens for row in rows),
        "seconds": seconds,
    }


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Export the run and extract with it."""
    began = time.perf_counter()
    pairs, _ = load_pairs(job["pairs"])
    report = export(
        Path(job["run"]),
        Path(job["out"]),
        quantisations=job["quantisations"],
        pairs=pairs,
        source=Path(job["source"]) if job["source"] else None,
        name=job["name"],
    )
    exported = time.perf_counter() - began
    files = [
        {
            "name": file.path.name,
            "bytes": file.bytes,
            "parity_ok": file.parity.ok,
            "mean_kl": file.parity.mean_kl,
            "top1_agreement": file.parity.top1_agreement,
            "positions": file.parity.positions,
        }
        for file in report.files
    ]
    extraction = extract(report.files[0].path, pairs, job["max_tokens"])
    return {"export_seconds": exported, "files": files, "extraction": extraction}


if __name__ == "__main__":
    sys.exit(run_job(run))
