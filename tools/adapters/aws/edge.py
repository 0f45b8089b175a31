"""CloudFront: distributions, their origins and what they do with requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from graph.document import Json
from tools.adapters.aws.calls import Calls, Found, Way, shaped, tags


def _items(way: str) -> Callable[[Any], Json]:
    """Return a reader of a list that the service wraps into an object with its length."""

    def read(body: Any) -> Json:
        found = body
        for step in way.split("."):
            found = (found or {}).get(step)
        return (found or {}).get("Items") or []

    return read


def _one(member: str, ways: dict[str, Way]) -> Callable[[Any], Json]:
    """Return a reader of an object as a list of one block."""
    return lambda body: [shaped(body[member], ways)] if body.get(member) else []


def _each(member: str, ways: dict[str, Way]) -> Callable[[Any], Json]:
    """Return a reader of wrapped objects as blocks."""
    return lambda body: [shaped(entry, ways) for entry in (body.get(member) or {}).get("Items") or ()]


_BEHAVIOUR: Final[dict[str, Way]] = {
    "target_origin_id": "TargetOriginId",
    "viewer_protocol_policy": "ViewerProtocolPolicy",
    "allowed_methods": _items("AllowedMethods"),
    "cached_methods": _items("AllowedMethods.CachedMethods"),
    "cache_policy_id": lambda body: body.get("CachePolicyId") or "",
    "origin_request_policy_id": lambda body: body.get("OriginRequestPolicyId") or "",
    "response_headers_policy_id": lambda body: body.get("ResponseHeadersPolicyId") or "",
    "realtime_log_config_arn": lambda body: body.get("RealtimeLogConfigArn") or "",
    "field_level_encryption_id": lambda body: body.get("FieldLevelEncryptionId") or "",
    "compress": lambda body: bool(body.get("Compress")),
    "smooth_streaming": lambda body: bool(body.get("SmoothStreaming")),
    "min_ttl": lambda body: body.get("MinTTL") or 0,
    "default_ttl": lambda body: body.get("DefaultTTL") or 0,
    "max_ttl": lambda body: body.get("MaxTTL") or 0,
    "trusted_signers": _items("TrustedSigners"),
    "trusted_key_groups": _items("TrustedKeyGroups"),
    "lambda_function_association": _each(
        "LambdaFunctionAssociations",
        {
            "event_type": "EventType",
            "lambda_arn": "LambdaFunctionARN",
            "include_body": lambda body: bool(body.get("IncludeBody")),
        },
    ),
    "function_association": _each("FunctionAssociations", {"event_type": "EventType", "function_arn": "FunctionARN"}),
    "forwarded_values": _one(
        "ForwardedValues",
        {
            "query_string": "QueryString",
            "query_string_cache_keys": _items("QueryStringCacheKeys"),
            "headers": _items("Headers"),
            "cookies": _one("Cookies", {"forward": "Forward", "whitelisted_names": _items("WhitelistedNames")}),
        },
    ),
}
_ORIGIN: Final[dict[str, Way]] = {
    "origin_id": "Id",
    "domain_name": "DomainName",
    "origin_path": lambda body: body.get("OriginPath") or "",
    "origin_access_control_id": lambda body: body.get("OriginAccessControlId") or "",
    "connection_attempts": lambda body: body.get("ConnectionAttempts") or 3,
    "connection_timeout": lambda body: body.get("ConnectionTimeout") or 10,
    "custom_header": _each("CustomHeaders", {"name": "HeaderName", "value": "HeaderValue"}),
    "custom_origin_config": _one(
        "CustomOriginConfig",
        {
            "http_port": "HTTPPort",
            "https_port": "HTTPSPort",
            "origin_protocol_policy": "OriginProtocolPolicy",
            "origin_ssl_protocols": _items("OriginSslProtocols"),
            "origin_read_timeout": lambda body: body.get("OriginReadTimeout") or 30,
            "origin_keepalive_timeout": lambda body: body.get("OriginKeepaliveTimeout") or 5,
        },
    ),
    "s3_origin_config": lambda body: (
        [{"origin_access_identity": body["S3OriginConfig"]["OriginAccessIdentity"]}]
        if (body.get("S3OriginConfig") or {}).get("OriginAccessIdentity")
        else []
    ),
}
_DISTRIBUTION: Final[dict[str, Way]] = {
    "id": "Id",
    "arn": "ARN",
    "domain_name": "DomainName",
    "etag": "etag",
    "enabled": "config.Enabled",
    "comment": "config.Comment",
    "aliases": _items("config.Aliases"),
    "default_root_object": lambda body: body["config"].get("DefaultRootObject") or "",
    "price_class": "config.PriceClass",
    "http_version": lambda body: str(body["config"].get("HttpVersion") or "http2").lower(),
    "is_ipv6_enabled": lambda body: bool(body["config"].get("IsIPV6Enabled")),
    "web_acl_id": lambda body: body["config"].get("WebACLId") or "",
    "origin": lambda body: _each("Origins", _ORIGIN)(body["config"]),
    "default_cache_behavior": lambda body: _one("DefaultCacheBehavior", _BEHAVIOUR)(body["config"]),
    "ordered_cache_behavior": lambda body: _each("CacheBehaviors", {**_BEHAVIOUR, "path_pattern": "PathPattern"})(
        body["config"]
    ),
    "custom_error_response": lambda body: _each(
        "CustomErrorResponses",
        {
            "error_code": "ErrorCode",
            "response_code": lambda e: int(e.get("ResponseCode") or 0),
            "response_page_path": lambda e: e.get("ResponsePagePath") or "",
            "error_caching_min_ttl": lambda e: e.get("ErrorCachingMinTTL") or 0,
        },
    )(body["config"]),
    "viewer_certificate": lambda body: _one(
        "ViewerCertificate",
        {
            "acm_certificate_arn": lambda c: c.get("ACMCertificateArn") or "",
            "iam_certificate_id": lambda c: c.get("IAMCertificateId") or "",
            "cloudfront_default_certificate": lambda c: bool(c.get("CloudFrontDefaultCertificate")),
            "minimum_protocol_version": lambda c: c.get("MinimumProtocolVersion") or "TLSv1",
            "ssl_support_method": lambda c: c.get("SSLSupportMethod") or "",
        },
    )(body["config"]),
    "tags": tags("tagged.Tags.Items"),
}


def distributions(calls: Calls) -> Iterator[Found]:
    for entry in calls.pages("cloudfront", "list_distributions", "DistributionList.Items"):
        answer = calls.part(
            "cloudfront", "get_distribution", "NoSuchDistribution", of="aws_cloudfront_distribution", Id=entry["Id"]
        )
        if not answer:
            continue
        body = answer["Distribution"]
        body["etag"] = answer.get("ETag")
        body["config"] = body.get("DistributionConfig") or {}
        body["tagged"] = calls.part("cloudfront", "list_tags_for_resource", Resource=body["ARN"])
        yield Found("aws_cloudfront_distribution", shaped(body, _DISTRIBUTION), {"status": body.get("Status")})
