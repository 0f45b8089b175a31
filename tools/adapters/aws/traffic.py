"""What leads requests to their targets: load balancers, listeners, target groups with health, DNS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from graph.document import Json, Object
from tools.adapters.aws.calls import NOT_READ, Calls, Found, Way, block, each, number, shaped, tags


def _attribute(name: str) -> Callable[[Any], Json]:
    """Return a reader of one attribute of a balancer or target group; what its kind does not have was not read."""

    def read(body: Any) -> Any:
        found = body["attributes"]
        value = found.get(name, NOT_READ) if found is not NOT_READ else NOT_READ
        if value in ("true", "false"):
            return value == "true"
        return int(value) if isinstance(value, str) and value.isdigit() else value

    return read


_BALANCER: Final[dict[str, Way]] = {
    "id": "LoadBalancerArn",
    "arn": "LoadBalancerArn",
    "name": "LoadBalancerName",
    "dns_name": "DNSName",
    "zone_id": "CanonicalHostedZoneId",
    "internal": lambda body: body.get("Scheme") == "internal",
    "load_balancer_type": "Type",
    "ip_address_type": "IpAddressType",
    "vpc_id": "VpcId",
    "security_groups": "SecurityGroups",
    "subnets": each("AvailabilityZones", "SubnetId"),
    "enable_deletion_protection": _attribute("deletion_protection.enabled"),
    "idle_timeout": _attribute("idle_timeout.timeout_seconds"),
    "enable_http2": _attribute("routing.http2.enabled"),
    "tags": tags("tagged.Tags"),
}
_LISTENER: Final[dict[str, Way]] = {
    "id": "ListenerArn",
    "arn": "ListenerArn",
    "load_balancer_arn": "LoadBalancerArn",
    "port": "Port",
    "protocol": "Protocol",
    "ssl_policy": "SslPolicy",
    "certificate_arn": lambda body: next((c.get("CertificateArn") for c in body.get("Certificates") or ()), None),
    "default_action": lambda body: [_action(a) for a in body.get("DefaultActions") or ()],
}
_RULE: Final[dict[str, Way]] = {
    "id": "RuleArn",
    "arn": "RuleArn",
    "listener_arn": "listener",
    "priority": number("Priority"),
    "action": lambda body: [_action(a) for a in body.get("Actions") or ()],
}
_TARGET_GROUP: Final[dict[str, Way]] = {
    "id": "TargetGroupArn",
    "arn": "TargetGroupArn",
    "name": "TargetGroupName",
    "port": "Port",
    "protocol": "Protocol",
    "protocol_version": "ProtocolVersion",
    "vpc_id": "VpcId",
    "target_type": "TargetType",
    "ip_address_type": "IpAddressType",
    "health_check": lambda body: [shaped(body, _HEALTH_CHECK)],
    "deregistration_delay": _attribute("deregistration_delay.timeout_seconds"),
    "slow_start": _attribute("slow_start.duration_seconds"),
    "tags": tags("tagged.Tags"),
}
_HEALTH_CHECK: Final[dict[str, Way]] = {
    "enabled": "HealthCheckEnabled",
    "healthy_threshold": "HealthyThresholdCount",
    "unhealthy_threshold": "UnhealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "matcher": "Matcher.HttpCode",
}


def balancers(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("elbv2", "describe_load_balancers", "LoadBalancers"):
        arn = body["LoadBalancerArn"]
        body["attributes"] = _attributes(calls.part("elbv2", "describe_load_balancer_attributes", LoadBalancerArn=arn))
        body["tagged"] = _tagged(calls, arn)
        yield Found("aws_lb", shaped(body, _BALANCER), {"state": (body.get("State") or {}).get("Code")})
        for listener in calls.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn):
            yield Found("aws_lb_listener", shaped(listener, _LISTENER), {})
            name = listener["ListenerArn"]
            for rule in (
                calls.listed("elbv2", "describe_rules", "Rules", of="aws_lb_listener_rule", ListenerArn=name) or ()
            ):
                if not rule.get("IsDefault"):
                    yield Found("aws_lb_listener_rule", shaped({**rule, "listener": name}, _RULE), {})


def target_groups(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("elbv2", "describe_target_groups", "TargetGroups"):
        arn = body["TargetGroupArn"]
        body["attributes"] = _attributes(calls.part("elbv2", "describe_target_group_attributes", TargetGroupArn=arn))
        body["tagged"] = _tagged(calls, arn)
        health = calls.part("elbv2", "describe_target_health", of="aws_lb_target_group_attachment", TargetGroupArn=arn)
        targets = health.get("TargetHealthDescriptions") or [] if health is not NOT_READ else []
        live = {"targets": [_health(t) for t in targets[:500]]} if health is not NOT_READ else {}
        yield Found("aws_lb_target_group", shaped(body, _TARGET_GROUP), live)
        for target in targets:
            part = {
                "target_group_arn": arn,
                "target_id": target["Target"].get("Id"),
                "port": target["Target"].get("Port"),
            }
            yield Found("aws_lb_target_group_attachment", part, {"is_part": True})


def zones(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("route53", "list_hosted_zones", "HostedZones"):
        zone = str(body["Id"]).rpartition("/")[2]
        apex = str(body["Name"])
        values = {
            "id": zone,
            "zone_id": zone,
            "arn": f"arn:{calls.account.partition}:route53:::hostedzone/{zone}",
            "name": apex.rstrip("."),
            "comment": (body.get("Config") or {}).get("Comment") or "",
        }
        found = calls.part("route53", "list_tags_for_resource", ResourceType="hostedzone", ResourceId=zone)
        if found is not NOT_READ:
            values["tags"] = tags("ResourceTagSet.Tags")(found)
        yield Found("aws_route53_zone", values, {})
        for record in (
            calls.listed(
                "route53",
                "list_resource_record_sets",
                "ResourceRecordSets",
                of="aws_route53_record",
                HostedZoneId=body["Id"],
            )
            or ()
        ):
            is_default = record.get("Type") in ("NS", "SOA") and record.get("Name") == apex
            yield Found("aws_route53_record", _record(zone, record), {"is_default": True} if is_default else {})


def _record(zone: str, record: Object) -> Object:
    name = str(record.get("Name", "")).rstrip(".").replace("\\052", "*")
    alias = record.get("AliasTarget")
    set_id = record.get("SetIdentifier") or ""
    return {
        "id": "_".join(part for part in (zone, name, str(record.get("Type")), set_id) if part),
        "zone_id": zone,
        "name": name,
        "fqdn": name,
        "type": record.get("Type"),
        "ttl": record.get("TTL"),
        "records": [str(r.get("Value", "")).strip('"') for r in record.get("ResourceRecords") or ()],
        "set_identifier": set_id,
        "health_check_id": record.get("HealthCheckId") or "",
        "alias": [
            {
                "name": str(alias.get("DNSName", "")).rstrip("."),
                "zone_id": alias.get("HostedZoneId"),
                "evaluate_target_health": alias.get("EvaluateTargetHealth"),
            }
        ]
        if alias
        else [],
        "weighted_routing_policy": [{"weight": record["Weight"]}] if "Weight" in record else [],
    }


def _action(body: Object) -> Object:
    """Return an action of a listener; a forward to a single group is named by its ARN alone."""
    groups = (body.get("ForwardConfig") or {}).get("TargetGroups") or []
    single = groups[0].get("TargetGroupArn") if len(groups) == 1 else None
    values: Object = {
        "type": body.get("Type"),
        # An action that stands alone has no order of its own; Terraform counts from one.
        "order": body.get("Order") or 1,
        "target_group_arn": body.get("TargetGroupArn") or single or "",
    }
    if len(groups) > 1:
        values["forward"] = [
            {"target_group": [{"arn": g.get("TargetGroupArn"), "weight": g.get("Weight")} for g in groups]}
        ]
    values["redirect"] = block(
        "RedirectConfig",
        host="Host",
        path="Path",
        port="Port",
        protocol="Protocol",
        query="Query",
        status_code="StatusCode",
    )(body)
    values["fixed_response"] = block(
        "FixedResponseConfig", content_type="ContentType", message_body="MessageBody", status_code="StatusCode"
    )(body)
    return values


def _health(target: Object) -> Object:
    state = target.get("TargetHealth") or {}
    return {
        "id": target["Target"].get("Id"),
        "port": target["Target"].get("Port"),
        "state": state.get("State"),
        "reason": state.get("Reason"),
    }


def _attributes(answer: Any) -> Any:
    """Return the attributes of a balancer or target group by name."""
    return answer if answer is NOT_READ else {a.get("Key"): a.get("Value") for a in answer.get("Attributes") or ()}


def _tagged(calls: Calls, arn: str) -> Any:
    answer = calls.part("elbv2", "describe_tags", ResourceArns=[arn])
    return answer if answer is NOT_READ else next(iter(answer.get("TagDescriptions") or ()), {})
