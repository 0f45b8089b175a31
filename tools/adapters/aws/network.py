"""VPCs and what stands in them: subnets, groups, routes, gateways, endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.document import Object
from tools.adapters.aws.calls import Calls, Found, Way, each, shaped, tags, text

_VPC: Final[dict[str, Way]] = {
    "id": "VpcId",
    "cidr_block": "CidrBlock",
    "instance_tenancy": "InstanceTenancy",
    "dhcp_options_id": "DhcpOptionsId",
    "owner_id": "OwnerId",
    "enable_dns_support": "dns.EnableDnsSupport.Value",
    "enable_dns_hostnames": "hostnames.EnableDnsHostnames.Value",
    "tags": tags(),
}
_SUBNET: Final[dict[str, Way]] = {
    "id": "SubnetId",
    "arn": "SubnetArn",
    "vpc_id": "VpcId",
    "cidr_block": "CidrBlock",
    "availability_zone": "AvailabilityZone",
    "availability_zone_id": "AvailabilityZoneId",
    "map_public_ip_on_launch": "MapPublicIpOnLaunch",
    "assign_ipv6_address_on_creation": "AssignIpv6AddressOnCreation",
    "owner_id": "OwnerId",
    "tags": tags(),
}
_GROUP: Final[dict[str, Way]] = {
    "id": "GroupId",
    "name": "GroupName",
    "description": "Description",
    "vpc_id": "VpcId",
    "owner_id": "OwnerId",
    "ingress": lambda body: rules(body.get("IpPermissions") or (), body),
    "egress": lambda body: rules(body.get("IpPermissionsEgress") or (), body),
    "tags": tags(),
}
_ROUTE_TABLE: Final[dict[str, Way]] = {
    "id": "RouteTableId",
    "vpc_id": "VpcId",
    "owner_id": "OwnerId",
    "propagating_vgws": each("PropagatingVgws", "GatewayId"),
    "route": lambda body: [_route(r) for r in body.get("Routes") or () if _is_own(r)],
    "tags": tags(),
}
_ROUTE: Final[dict[str, Way]] = {
    "cidr_block": "DestinationCidrBlock",
    "ipv6_cidr_block": "DestinationIpv6CidrBlock",
    "destination_prefix_list_id": "DestinationPrefixListId",
    "carrier_gateway_id": "CarrierGatewayId",
    "core_network_arn": "CoreNetworkArn",
    "egress_only_gateway_id": "EgressOnlyInternetGatewayId",
    "gateway_id": "GatewayId",
    "local_gateway_id": "LocalGatewayId",
    "nat_gateway_id": "NatGatewayId",
    "network_interface_id": "NetworkInterfaceId",
    "transit_gateway_id": "TransitGatewayId",
    "vpc_peering_connection_id": "VpcPeeringConnectionId",
    "origin": "Origin",
    "state": "State",
}
_ACL: Final[dict[str, Way]] = {
    "id": "NetworkAclId",
    "vpc_id": "VpcId",
    "owner_id": "OwnerId",
    "subnet_ids": each("Associations", "SubnetId"),
    "ingress": lambda body: [_entry(e) for e in body.get("Entries") or () if not e.get("Egress") and _is_numbered(e)],
    "egress": lambda body: [_entry(e) for e in body.get("Entries") or () if e.get("Egress") and _is_numbered(e)],
    "tags": tags(),
}
_LAST_RULE: Final = 32767
"""Number from which on rules are those that every list ends with by itself."""
_ENDPOINT: Final[dict[str, Way]] = {
    "id": "VpcEndpointId",
    "vpc_id": "VpcId",
    "service_name": "ServiceName",
    "vpc_endpoint_type": "VpcEndpointType",
    "policy": text("PolicyDocument"),
    "private_dns_enabled": "PrivateDnsEnabled",
    "route_table_ids": "RouteTableIds",
    "subnet_ids": "SubnetIds",
    "security_group_ids": each("Groups", "GroupId"),
    "owner_id": "OwnerId",
    "tags": tags(),
}
_NAT: Final[dict[str, Way]] = {
    "id": "NatGatewayId",
    "subnet_id": "SubnetId",
    "connectivity_type": lambda body: body.get("ConnectivityType") or "public",
    "allocation_id": lambda body: _address(body).get("AllocationId"),
    "public_ip": lambda body: _address(body).get("PublicIp"),
    "private_ip": lambda body: _address(body).get("PrivateIp"),
    "tags": tags(),
}
_GATEWAY: Final[dict[str, Way]] = {
    "id": "InternetGatewayId",
    "vpc_id": lambda body: next((a.get("VpcId") for a in body.get("Attachments") or ()), ""),
    "owner_id": "OwnerId",
    "tags": tags(),
}
_ADDRESS: Final[dict[str, Way]] = {
    "id": "AllocationId",
    "public_ip": "PublicIp",
    "domain": "Domain",
    "instance": "InstanceId",
    "network_interface": "NetworkInterfaceId",
    "tags": tags(),
}


def vpcs(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_vpcs", "Vpcs"):
        for name, attribute in (("dns", "enableDnsSupport"), ("hostnames", "enableDnsHostnames")):
            body[name] = calls.part("ec2", "describe_vpc_attribute", VpcId=body["VpcId"], Attribute=attribute)
        yield _found(calls, "aws_vpc", "vpc", body, _VPC, is_default=body.get("IsDefault"))


def subnets(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_subnets", "Subnets"):
        yield _found(calls, "aws_subnet", "subnet", body, _SUBNET, is_default=body.get("DefaultForAz"))


def security_groups(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_security_groups", "SecurityGroups"):
        is_default = body.get("GroupName") == "default"
        yield _found(calls, "aws_security_group", "security-group", body, _GROUP, is_default=is_default)


def route_tables(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_route_tables", "RouteTables"):
        associations = body.get("Associations") or []
        is_main = any(a.get("Main") for a in associations)
        yield _found(calls, "aws_route_table", "route-table", body, _ROUTE_TABLE, is_default=is_main)
        for association in associations:
            if not association.get("Main"):
                yield Found(
                    "aws_route_table_association",
                    {
                        "id": association.get("RouteTableAssociationId"),
                        "route_table_id": association.get("RouteTableId"),
                        "subnet_id": association.get("SubnetId") or "",
                        "gateway_id": association.get("GatewayId") or "",
                    },
                    {},
                )


def network_acls(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_network_acls", "NetworkAcls"):
        yield _found(calls, "aws_network_acl", "network-acl", body, _ACL, is_default=body.get("IsDefault"))


def endpoints(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints"):
        if str(body.get("State", "")).lower() not in ("deleted", "deleting"):
            yield _found(calls, "aws_vpc_endpoint", "vpc-endpoint", body, _ENDPOINT)


def nat_gateways(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_nat_gateways", "NatGateways"):
        if body.get("State") not in ("deleted", "deleting"):
            yield _found(calls, "aws_nat_gateway", "", body, _NAT)


def internet_gateways(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_internet_gateways", "InternetGateways"):
        yield _found(calls, "aws_internet_gateway", "internet-gateway", body, _GATEWAY)


def addresses(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("ec2", "describe_addresses", "Addresses"):
        yield _found(calls, "aws_eip", "elastic-ip", body, _ADDRESS)


def rules(permissions: Any, group: Object) -> list[Object]:
    """Return the rules of a security group as the provider groups them: by protocol, ports and description."""
    grouped: dict[tuple[Any, ...], Object] = {}
    for permission in permissions:
        ports = (permission.get("IpProtocol"), permission.get("FromPort", 0), permission.get("ToPort", 0))
        for member, key, attribute in (
            ("IpRanges", "CidrIp", "cidr_blocks"),
            ("Ipv6Ranges", "CidrIpv6", "ipv6_cidr_blocks"),
            ("PrefixListIds", "PrefixListId", "prefix_list_ids"),
            ("UserIdGroupPairs", "GroupId", "security_groups"),
        ):
            for peer in permission.get(member) or ():
                description = peer.get("Description") or ""
                entry = grouped.setdefault((*ports, description), _rule(ports, description))
                if attribute == "security_groups" and peer.get(key) == group.get("GroupId"):
                    entry["self"] = True
                else:
                    entry[attribute].append(peer.get(key))
    return list(grouped.values())


def _rule(ports: tuple[Any, ...], description: str) -> Object:
    protocol, low, high = ports
    return {
        "protocol": str(protocol),
        "from_port": low,
        "to_port": high,
        "description": description,
        "self": False,
        "cidr_blocks": [],
        "ipv6_cidr_blocks": [],
        "prefix_list_ids": [],
        "security_groups": [],
    }


def _is_numbered(entry: Object) -> bool:
    return int(entry.get("RuleNumber") or 0) < _LAST_RULE


def _entry(entry: Object) -> Object:
    ports, icmp = entry.get("PortRange") or {}, entry.get("IcmpTypeCode") or {}
    return {
        "rule_no": entry.get("RuleNumber"),
        "action": entry.get("RuleAction"),
        "protocol": str(entry.get("Protocol")),
        "from_port": ports.get("From") or 0,
        "to_port": ports.get("To") or 0,
        "cidr_block": entry.get("CidrBlock") or "",
        "ipv6_cidr_block": entry.get("Ipv6CidrBlock") or "",
        "icmp_type": icmp.get("Type") or 0,
        "icmp_code": icmp.get("Code") or 0,
    }


def _is_own(route: Object) -> bool:
    """Whether a person or Terraform made a route; the local one and those of gateway endpoints come by themselves."""
    return (
        route.get("GatewayId") != "local"
        and route.get("Origin") != "EnableVgwRoutePropagation"
        and not (str(route.get("GatewayId", "")).startswith("vpce-") and route.get("DestinationPrefixListId"))
    )


def _route(route: Object) -> Object:
    """Return a route in the shape of a block; the API names an endpoint that routes lead to as a gateway."""
    values = shaped(route, _ROUTE)
    if str(values.get("gateway_id") or "").startswith("vpce-"):
        values["vpc_endpoint_id"], values["gateway_id"] = values["gateway_id"], ""
    return {name: value or "" for name, value in values.items()}


def _address(body: Object) -> Object:
    return next(iter(body.get("NatGatewayAddresses") or ()), {})


def _found(
    calls: Calls, type: str, arn: str, body: Object, ways: dict[str, Way], *, is_default: bool | None = None
) -> Found:
    values = shaped(body, ways)
    if arn and "arn" not in values:
        values["arn"] = calls.account.arn("ec2", f"{arn}/{values['id']}")
    return Found(type, values, {"is_default": True} if is_default else {})
