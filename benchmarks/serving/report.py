"""What a run found, as rows for JSON and as tables for the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.report.tables import number, share
from benchmarks.serving.load import Load, is_alike
from benchmarks.serving.servers import OURS

FLAT, FASTER = 0.05, 1.2
"""What is promised: most growth of memory, least throughput beside the fastest of the others."""


class Round(NamedTuple):
    """One server's turn."""

    server: str
    load: Load


def load_row(
    label: str, clients: int, load: Load, expected: Sequence[str], since: float, tracebacks: int
) -> dict[str, Any]:
    """What a load did to the server.

    Args:
        label: the model.
        clients: clients at once.
        load: what came.
        expected: each text's outcome on the command line.
        since: second from which memory is to stay.
        tracebacks: in the server's log.
    """
    good = [reply for reply in load.replies if not reply.problem]
    other = [reply for reply in good if not is_alike(reply.outcome, expected[reply.text])]
    examples = {reply.text: [expected[reply.text], reply.outcome] for reply in other}
    return {
        "model": label,
        "clients": clients,
        "seconds": load.seconds,
        "asked": load.asked,
        "answered": len(good),
        "problems": dict(load.problems()),
        "unlike the command line's": len(other),
        "examples": dict(list(examples.items())[:3]),
        "rate": load.rate,
        "p50": load.percentile(0.5),
        "p99": load.percentile(0.99),
        "growth": load.growth(since),
        "memory": load.memory[-1][1] if load.memory else None,
        "tracebacks": tracebacks,
    }


def speed_rows(label: str, clients: int, rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """Each server's speed over all its rounds, beside the fastest of the others.

    Args:
        label: model and documents.
        clients: clients at once.
        rounds: the servers' turns.
    """
    by_server: dict[str, list[Load]] = defaultdict(list)
    for turn in rounds:
        by_server[turn.server].append(turn.load)
    rows = []
    for server, loads in by_server.items():
        replies = [reply for load in loads for reply in load.replies]
        whole = Load(sum(load.seconds for load in loads), replies, sum(one.asked for one in loads))
        rows.append(
            {
                "model": label,
                "server": server,
                "clients": clients,
                "answers": len(replies),
                "problems": dict(whole.problems()),
                "rate": whole.rate,
                "rates": [load.rate for load in loads],
                "tokens_a_second": whole.tokens_a_second,
                "p50": whole.percentile(0.5),
                "p99": whole.percentile(0.99),
                "memory": max(size for load in loads for _, size in load.memory),
            }
        )
    best = max((row["rate"] for row in rows if row["server"] != OURS), default=None)
    for row in rows:
        row["beside the fastest other"] = row["rate"] / best if best else None
    return rows


def is_broken(result: dict[str, Any]) -> bool:
    """Whether answers were lost, doubled or other ones, memory grew, or a fault did harm."""
    loads = any(
        row["problems"] or row["unlike the command line's"] or (row["growth"] or 0) > FLAT
        for row in result["load"]
    )
    faults = any(
        not (row["clean"] and row["unharmed"]) or row["freed"] is None or row["tracebacks"]
        for row in result["faults"]
    )
    return loads or faults


def show(result: dict[str, Any], console: Console) -> None:
    """Print the tables of what was measured."""
    facts = result["machine"]
    console.print(f"{facts['cpu']}, {facts['threads']} threads, {facts['parallel']} slots")
    for name, title in (("load", "Load"), ("speed", "Speed"), ("faults", "Faults")):
        if result[name]:
            console.print(_TABLES[name](title, result[name]))


def _load_table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = _table(
        title,
        "model, clients",
        "asked",
        "answered",
        "lost or wrong",
        "unlike CLI",
        "answers/s",
        "p50 s",
        "p99 s",
        "MiB",
        f"growth (<= {share(FLAT)})",
    )
    for row in rows:
        growth = row["growth"]
        table.add_row(
            f"{row['model']}, {row['clients']}",
            str(row["asked"]),
            str(row["answered"]),
            _counts(row["problems"]),
            str(row["unlike the command line's"]),
            *(number(row[name]) for name in ("rate", "p50", "p99")),
            _mebibytes(row["memory"]),
            _bold(share(growth, 1), growth is not None and growth > FLAT),
        )
    return table


def _speed_table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = _table(
        title,
        "model, server",
        "answers",
        "problems",
        "answers/s",
        "tokens/s",
        "p50 s",
        "p99 s",
        "MiB",
        f"x fastest other (>= {FASTER})",
    )
    for row in rows:
        ratio = row["beside the fastest other"]
        missed = row["server"] == OURS and ratio is not None and ratio < FASTER
        table.add_row(
            f"{row['model']}, {row['server']}",
            str(row["answers"]),
            _counts(row["problems"]),
            *(number(row[name]) for name in ("rate", "tokens_a_second", "p50", "p99")),
            _mebibytes(row["memory"]),
            _bold(number(ratio), missed),
        )
    return table


def _fault_table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = _table(
        title,
        "fault",
        "answers",
        "clean",
        "slots free after s",
        "next request",
        "tracebacks",
        "MiB",
    )
    for row in rows:
        table.add_row(
            row["fault"],
            _counts(row["answers"]),
            _bold("yes" if row["clean"] else "no", not row["clean"]),
            _bold(number(row["freed"]), row["freed"] is None),
            _bold("as before" if row["unharmed"] else "another", not row["unharmed"]),
            _bold(str(row["tracebacks"]), row["tracebacks"] > 0),
            _mebibytes(row["memory"]),
        )
    return table


_TABLES = {"load": _load_table, "speed": _speed_table, "faults": _fault_table}


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{many} x {what}" for what, many in sorted(counts.items())) or "none"


def _mebibytes(size: int | None) -> str:
    return number(None if size is None else size / 2**20)


def _bold(words: str, wanted: bool) -> str:
    return f"[bold red]{words}[/]" if wanted else words
