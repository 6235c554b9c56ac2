"""Every exception that Setaccio raises on purpose, in one tree.

    SetaccioError                exit code 1
    ├── UsageError               2   the call itself is wrong (flags, config, a missing file)
    │   └── MissingExtraError    2   a part that an optional install brings is absent
    ├── TaskError                3   the task or its schema can not be used
    │   └── SchemaError          3   not a JSON Schema, or a keyword the constraint can not enforce
    ├── DataError                4   documents or pairs can not be read
    │   └── UnreadableError      4   a document holds no text, or none that can be got at
    ├── ModelError               5   a model file is missing, corrupt or of the wrong kind
    ├── TrainError               6   training was refused before it started, or went wrong
    ├── ExportError              7   merge, conversion, quantisation or its proof failed
    └── EngineError              1   a server's request could not be answered
        ├── NotBegunError        1   so busy is the server that it did not begin in time
        └── QueueFullError       1   too many wait, or the server is being closed: try later

The library raises these; only the command line prints them and turns them into exit codes. A
message names the input at fault and then says what to do next.
"""

from __future__ import annotations


class SetaccioError(Exception):
    """Base of every error that Setaccio raises on purpose.

    Attributes:
        exit_code: what the command line exits with when this error ends it.
    """

    exit_code = 1


class UsageError(SetaccioError):
    """The call itself is wrong: a flag, a config value, a path that is not there."""

    exit_code = 2


class MissingExtraError(UsageError):
    """A part that comes with an optional install is absent.

    Args:
        extra: the optional dependency group that brings it, such as ``train``.
        package: the module that could not be imported.

    Attributes:
        extra: as given.
        package: as given.
    """

    def __init__(self, extra: str, package: str) -> None:
        self.extra, self.package = extra, package
        super().__init__(
            f"{package} is not installed. In Setaccio's folder run: pip install '.[{extra}]'"
        )


class TaskError(SetaccioError):
    """A task can not be used as it stands."""

    exit_code = 3


class SchemaError(TaskError):
    """A JSON Schema is invalid, or uses a keyword that the constraint can not enforce."""


class DataError(SetaccioError):
    """Documents or pairs can not be read."""

    exit_code = 4


class UnreadableError(DataError):
    """A document, or an attachment of one, holds no text or can not be read."""


class ModelError(SetaccioError):
    """A model file is missing, corrupt, or not the kind that was asked for."""

    exit_code = 5


class TrainError(SetaccioError):
    """Training was refused before it started, or went wrong while it ran."""

    exit_code = 6


class ExportError(SetaccioError):
    """Merging, converting, quantising or proving the result failed."""

    exit_code = 7


class EngineError(SetaccioError):
    """A request to a server could not be answered, by no fault of its own."""


class NotBegunError(EngineError):
    """A request's time was over before a slot was free for it."""


class QueueFullError(EngineError):
    """A server takes no request now: too many wait, or it is being closed.

    Args:
        message: what is wrong.
        retry_after: seconds after which to try again, a guess from how fast others are answered.
        closing: whether the server is being closed.

    Attributes:
        retry_after: as given.
        closing: as given.
    """

    def __init__(self, message: str, retry_after: float, closing: bool = False) -> None:
        self.retry_after, self.closing = retry_after, closing
        super().__init__(message)


def short_reason(error: BaseException, most: int = 300) -> str:
    """What an error says, in one line of at most so many characters, for a message of ours."""
    return " ".join(str(error).split())[:most]
