"""``setaccio serve``: one base and its adapters over HTTP, until a signal comes."""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from setaccio.cli.choices.tasks import load_named
from setaccio.cli.terminal.console import need_serve, tell_step, warn
from setaccio.cli.terminal.exits import INTERRUPTED

if TYPE_CHECKING:
    from setaccio.runtime.server.engine import Engine

EXAMPLE = "setaccio serve base.gguf --adapter recipe=recipes.gguf --adapter orders.gguf"
CORRECTIONS = Path("corrections.jsonl")
"""Where corrected answers go by default."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def serve_verb(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[GGUF|NAME]",
            help="The base, or a known one's name; default: the default base, with the shipped "
            "adapter for recipes where no --adapter is given.",
        ),
    ] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]GGUF",
            help="A LoRA adapter of that base, under a name; default: its file's. Repeat it for "
            "more.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE", help="A task to offer beside those of the adapters. Repeatable."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than this machine's needs a key.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name that requests may be meant for beside this machine's, as behind a proxy. "
            "Repeatable.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8471,
    parallel: Annotated[
        int | None,
        typer.Option(min=1, help="Answers decoded at once; default: by cores and memory."),
    ] = None,
    queue: Annotated[
        int | None,
        typer.Option(min=1, help="Requests that may wait; more are told to come again. [256]"),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Time limit of a request.")
    ] = 300.0,
    max_body: Annotated[
        str, typer.Option(metavar="SIZE", help="Largest body, and line of a stream.")
    ] = "10MB",
    api_key_env: Annotated[
        str | None,
        typer.Option(metavar="VARIABLE", help="Environment variable with the key to present."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; default: one per physical core.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens of context; default: the model's, up to 4096.")
    ] = None,
    thinking: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Let the model think for at most N tokens before /extract answers; a request may "
            "say otherwise.",
        ),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Add corrected answers to this file of pairs; default: corrections.jsonl, on the "
            "loopback only.",
        ),
    ] = None,
) -> None:
    """Serve extractions over HTTP: OpenAI's protocol, /extract, and a page at /.

    Answers of all adapters are decoded side by side. Ctrl-C and SIGTERM let what was accepted be
    finished; a second one ends the process at once.
    """
    need_serve()
    from setaccio.data.errors import UsageError
    from setaccio.runtime.server.http.app import create_app
    from setaccio.runtime.server.http.catalogue import make_catalogue
    from setaccio.runtime.server.http.gate import LOOPBACK_NAMES, RequestLimits
    from setaccio.runtime.server.http.serving import address_of, listen, run_server

    _log_to_stderr()
    body = _size(max_body)
    if not math.isfinite(timeout):
        raise UsageError(f"--timeout {timeout}: write a number of seconds, such as 300.")
    allowed = frozenset(name.lower().rstrip(".") for name in allow_host or [])
    tasks = [load_named(name) for name in task or []]
    with listen(host, port) as listening:
        local = ipaddress.ip_address(listening.getsockname()[0]).is_loopback
        key = _key(api_key_env, host, local)
        chosen = _choose(model, adapter or [])
        with _start(chosen, parallel, queue, threads=threads, context=context) as engine:
            limits = RequestLimits(
                hosts=LOOPBACK_NAMES | {host.lower(), *allowed} if local else None,
                behind=allowed,
                key=key,
                max_body=body,
                timeout=timeout,
                corrections=corrections or (CORRECTIONS if local else None),
            )
            catalogue = make_catalogue(engine, chosen.name, tasks, thinking)
            app = create_app(engine, catalogue, limits)
            names = ", ".join(catalogue.models)
            said = f"Serving {names} at {address_of(listening)} (Ctrl-C ends it)."
            interrupted = run_server(app, listening, lambda: tell_step(said))
    if interrupted:
        raise typer.Exit(INTERRUPTED)


class _Chosen(NamedTuple):
    """What to serve: the base, what requests call it, and the adapters by name."""

    path: Path
    name: str
    adapters: dict[str, Path]


def _log_to_stderr() -> None:
    """Have requests and warnings logged, a line each; traces might quote documents."""

    def shorten(record: logging.LogRecord) -> bool:
        record.msg, record.args, record.exc_info = record.getMessage().partition("\n")[0], (), None
        return True

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handler.addFilter(shorten)
    logging.getLogger().addHandler(handler)
    logging.getLogger("setaccio.serve").setLevel(logging.INFO)


def _choose(model: Path | None, adapters: list[str]) -> _Chosen:
    from setaccio.cli.choices.model_choice import choose_model
    from setaccio.models import default_base, known_models
    from setaccio.models.shipped import SHIPPED_TASKS, shipped_adapter

    named = _named(adapters)
    choice = choose_model(model, next(iter(named.values()), None), None)
    if not named and choice.adapter is not None:
        named = {task: file for task in SHIPPED_TASKS if (file := shipped_adapter(task))}
    known = default_base().name if model is None else str(model)
    is_known = known in {each.name for each in known_models()} and not Path(known).is_file()
    return _Chosen(choice.model, known if is_known else choice.model.stem, named)


def _named(adapters: list[str]) -> dict[str, Path]:
    """Adapters by name."""
    from setaccio.data.errors import UsageError

    named: dict[str, Path] = {}
    for given in adapters:
        name, sign, file = given.partition("=")
        path = Path(given) if not sign or Path(given).is_file() else Path(file)
        name = name if sign and path == Path(file) else path.stem
        if not name or not str(path).strip("."):
            raise UsageError(f"--adapter {given}: write it as NAME=GGUF.")
        if name in named:
            raise UsageError(f"--adapter {given}: {name} is the name of another. Choose one.")
        named[name] = path
    return named


def _start(
    chosen: _Chosen,
    parallel: int | None,
    queue: int | None,
    *,
    threads: int | None,
    context: int | None,
) -> Engine:
    """Load base and adapters, and have the engine ready."""
    from setaccio.data.errors import EngineError
    from setaccio.runtime import load_adapter, load_model
    from setaccio.runtime.server.engine import QUEUE_LIMIT, Engine

    loaded = load_model(chosen.path, context=context, threads=threads)
    adapters = {name: load_adapter(loaded, path) for name, path in chosen.adapters.items()}
    for adapter in adapters.values():
        if adapter.warning is not None:
            warn(adapter.warning)
    engine = Engine(loaded, adapters, parallel=parallel, queue_limit=queue or QUEUE_LIMIT)
    while not (stats := engine.stats()).ready:
        if not stats.live:
            engine.close()
            raise EngineError("The thread that decodes has ended. Try: setaccio doctor")
        time.sleep(0.02)
    return engine


def _key(variable: str | None, host: str, local: bool) -> str | None:
    from setaccio.data.errors import UsageError

    if variable is None:
        if not local:
            raise UsageError(
                f"--host {host}: others can reach this address. Put a key into an environment "
                "variable, and name it with --api-key-env."
            )
        return None
    key = os.environ.get(variable, "").strip()
    if not key or not key.isascii():
        what = "holds characters beyond ASCII" if key else "is not set, or is empty"
        raise UsageError(f"--api-key-env {variable}: {what}. Put the key that is asked for there.")
    return key


def _size(given: str) -> int:
    """Bytes of a size such as ``10MB``."""
    from setaccio.data.errors import UsageError

    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", given.strip().lower())
    size = int(float(found[1]) * _UNITS[found[2] or ""]) if found else 0
    if size < 1:
        raise UsageError(f"--max-body {given}: write a size such as 10MB or 512kB.")
    return size
