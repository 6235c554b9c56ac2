"""The flags of a model behind an endpoint, which several commands take.

Contract: :class:`EndpointFlags` says each flag once, with its help. A command that takes one as a
parameter and is decorated with :func:`with_endpoint` gets all of them on the command line:

    @with_endpoint
    def command(pairs: PairsFile = None, asked: EndpointFlags = NO_ENDPOINT) -> None:
        arm = asked.arm()
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from setaccio.cli.terminal.flags import split_flag

if TYPE_CHECKING:
    from setaccio.eval.arms.baseline import EndpointArm

ENDPOINT = "A model behind an OpenAI-compatible endpoint (uses the network)"


def _option(flag: str, help: str, metavar: str | None = None, other: str | None = None) -> Any:
    flags = [flag, other] if other else [flag]
    return typer.Option(*flags, help=help, metavar=metavar, rich_help_panel=ENDPOINT)


@dataclass(frozen=True)
class EndpointFlags:
    """What the command line says about an endpoint."""

    endpoint: Annotated[
        str | None, _option("--endpoint", "Base URL, such as http://localhost:8000/v1.", "URL")
    ] = None
    endpoint_model: Annotated[
        str | None, _option("--endpoint-model", "The model's name there.", "NAME", "--name")
    ] = None
    key_env: Annotated[
        str | None,
        _option(
            "--key-env",
            "Environment variable with the key; default: SETACCIO_API_KEY.",
            "VARIABLE",
            "--api-key-env",
        ),
    ] = None
    answer_format: Annotated[
        Literal["schema", "object", "text"],
        _option(
            "--answer-format", "Send the schema as json_schema, as json_object, or not at all."
        ),
    ] = "schema"
    request: Annotated[
        list[str] | None,
        _option("--request", "A further field of each request; null takes one out.", "NAME=JSON"),
    ] = None
    rpm: Annotated[float | None, _option("--rpm", "Most requests per minute.")] = None
    price: Annotated[
        str | None, _option("--price", "Price of a million tokens in and out.", "IN,OUT")
    ] = None
    cost_cap: Annotated[
        float | None,
        _option(
            "--cost-cap",
            "Most that this run may spend, in the currency of --price.",
            other="--max-cost",
        ),
    ] = None
    cache: Annotated[
        Path | None,
        _option("--cache", "Where answers are kept; default: the user's cache.", "FOLDER"),
    ] = None

    def arm(self) -> EndpointArm | None:
        """The arm that the flags describe; None where there is no ``--endpoint``.

        Raises:
            UsageError: a flag is wrong, or goes with an ``--endpoint`` that is not there.
        """
        from setaccio.data.errors import UsageError

        if self.endpoint is None:
            for part in fields(self):
                if getattr(self, part.name) != part.default:
                    flag = "--" + part.name.replace("_", "-")
                    raise UsageError(f"{flag}: goes with --endpoint URL, which is missing.")
            return None
        if not self.endpoint_model:
            raise UsageError(
                f"--endpoint {self.endpoint}: say with --endpoint-model which model to ask."
            )
        from setaccio.eval.arms.baseline import Endpoint, EndpointArm
        from setaccio.eval.arms.endpoint import KEY_VARIABLE

        paid = _parse_price(self.price)
        endpoint = Endpoint(
            url=self.endpoint,
            model=self.endpoint_model,
            key_variable=self.key_env or KEY_VARIABLE,
            answer_format=self.answer_format,
            request=_parse_request(self.request or []),
            requests_per_minute=self.rpm,
            input_price=paid[0],
            output_price=paid[1],
            cost_cap=self.cost_cap,
        )
        return EndpointArm(self.endpoint_model, endpoint, self.cache)


NO_ENDPOINT = EndpointFlags()


def with_endpoint(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the endpoint's flags in the place of its parameter ``asked``."""
    signature = inspect.signature(command, eval_str=True)
    hints = get_type_hints(EndpointFlags, include_extras=True)
    names = [part.name for part in fields(EndpointFlags)]
    flags = [
        inspect.Parameter(
            part.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=part.default,
            annotation=hints[part.name],
        )
        for part in fields(EndpointFlags)
    ]
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += flags if parameter.annotation is EndpointFlags else [parameter]

    @functools.wraps(command)
    def call(**given: Any) -> None:
        asked = EndpointFlags(**{name: given.pop(name) for name in names if name in given})
        command(**given, asked=asked)

    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    return call


def _parse_price(price: str | None) -> tuple[float, float]:
    from setaccio.data.errors import UsageError

    if price is None:
        return 0.0, 0.0
    try:
        first, second = map(float, price.split(","))
    except ValueError as error:
        raise UsageError(f"--price {price}: write it as IN,OUT, such as 0.6,0.8.") from error
    return first, second


def _parse_request(given: list[str]) -> dict[str, object]:
    import json

    found: dict[str, object] = {}
    for field in given:
        name, value = split_flag("--request", field, "NAME=JSON, such as seed=1")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
