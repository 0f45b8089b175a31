"""From the settings of an AWS account to who asks it. Needs the extra `aws`."""

from __future__ import annotations

from app.settings import AwsAccount
from tools.adapters.aws.session import AwsAccess


def access_of(settings: AwsAccount) -> AwsAccess:
    """Return which account is asked, and as whom."""
    return AwsAccess(
        regions=settings.regions,
        profile=settings.profile,
        role_arn=settings.role_arn,
        external_id=settings.external_id.get_secret_value() if settings.external_id else None,
        endpoint_url=settings.endpoint_url,
    )
