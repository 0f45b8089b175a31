"""What a call to AWS that failed means for whoever asked."""

from __future__ import annotations

from botocore.exceptions import ClientError

from graph.errors import OutsideError, Refused, Unexpected, Unreachable
from tools.adapters.aws.calls import code_of, is_denied, reason_of


def translated(name: str, error: Exception) -> OutsideError:
    """Return the error in our words: refused, not understood, or no answer.

    Args:
        name: of the store or source that asked.
        error: `ClientError`, or one of `NO_ANSWER`.
    """
    if not isinstance(error, ClientError):
        return Unreachable(f"{name}: AWS gave no answer: {reason_of(error)}; check network, endpoint and credentials")
    if is_denied(code_of(error)) or code_of(error) in ("ExpiredToken", "InvalidClientTokenId"):
        return Refused(f"{name}: {error.operation_name} was refused: {reason_of(error)}; allow it, or check the role")
    return Unexpected(f"{name}: {error.operation_name}: {reason_of(error)}")
