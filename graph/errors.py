"""The error tree of Plumbline.

PlumblineError
├── CallerError            the caller must change the request
│   ├── NotFound           the named thing does not exist
│   ├── Conflict           the thing exists but is not in a state that allows this
│   ├── NotAllowed         the caller may not do this
│   └── Invalid            the input can't be read; `where` and `reason` say what and why
├── OutsideError           a system outside must change; `retryable` says whether waiting can help
│   ├── Unreachable        no answer
│   ├── Refused            an answer that says no (credentials, permission)
│   └── Unexpected         an answer that can't be understood
└── RunError               the run itself ended
    ├── BudgetExceeded     steps, tokens, money or time are used up
    └── Cancelled          a person or the kill switch ended it
"""

from __future__ import annotations


class PlumblineError(Exception):
    """Base of all errors that Plumbline raises on purpose. The message says what failed, on what, what next."""


class CallerError(PlumblineError):
    """The caller must change the request."""


class NotFound(CallerError):
    """The named thing does not exist."""


class Conflict(CallerError):
    """The thing exists but is not in a state that allows this."""


class NotAllowed(CallerError):
    """The caller may not do this."""


class Invalid(CallerError):
    """The input can't be read."""

    def __init__(self, reason: str, *, where: str = "", line: int | None = None) -> None:
        at = f"{where}:{line}" if line else where
        super().__init__(f"{at}: {reason}" if at else reason)
        self.reason = reason
        self.where = where
        self.line = line


class OutsideError(PlumblineError):
    """A system outside must change before this can work."""

    retryable = False


class Unreachable(OutsideError):
    """The outside system gave no answer."""

    retryable = True


class Refused(OutsideError):
    """The outside system answered that it won't: credentials or permission."""


class Unexpected(OutsideError):
    """The outside system answered something that can't be understood."""


class RunError(PlumblineError):
    """The run ended before its work was done."""


class BudgetExceeded(RunError):
    """Steps, tokens, money or time are used up."""


class Cancelled(RunError):
    """A person or the kill switch ended the run."""
