"""The AWS source against a real emulator process: nothing is found untouched, and then exactly what was altered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("moto", reason="needs the emulator of the dev extra")
pytest.importorskip("boto3", reason="needs the extra `aws`")

from botocore.exceptions import ClientError

from graph.drift import DriftReport, Verdict, compare
from graph.errors import Refused, Unreachable
from graph.relation import RelationType
from graph.relations import derive
from graph.resource import Facet
from graph.version import Snapshot
from tests.tools.adapters.aws.account import REGION, TRUST, Account, policy
from tests.tools.adapters.aws.wider_account import ALTERATIONS as WIDER
from tests.tools.adapters.aws.wider_account import build_wider
from tools.adapters.aws.calls import Account as Place
from tools.adapters.aws.calls import Calls
from tools.adapters.aws.readers import READERS
from tools.adapters.aws.source import AwsAccess, AwsSource
from tools.adapters.manifests import ManifestSource

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SALT = b"salt"


@dataclass(frozen=True)
class Estate:
    """The emulated account, its state file, and the source over both."""

    account: Account
    state: ManifestSource
    source: AwsSource
    url: str

    def look(self) -> tuple[Snapshot, DriftReport]:
        """Read everything and compare."""
        snapshot = self.source.read()
        state = self.state.read().documents
        report = compare(
            intended=state,
            applied=state,
            actual=snapshot.documents,
            unreadable=snapshot.unreadable,
            complete=snapshot.complete,
        )
        return snapshot, report


@pytest.fixture(scope="module")
def estate(emulated: str, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """An account as Terraform left it."""
    folder = tmp_path_factory.mktemp("stack")
    account = Account(emulated)
    account.build()
    build_wider(account)
    (folder / "terraform.tfstate").write_text(account.state())
    state = ManifestSource(
        "state", folder, facet=Facet.APPLIED, cluster="c", stack="shop", salt=SALT, clock=lambda: NOW
    )
    return Estate(account, state, _source(emulated, state), emulated)


def _source(url: str, state: ManifestSource, **more: Any) -> AwsSource:
    access = AwsAccess(regions=(REGION,), endpoint_url=url)
    return AwsSource("aws", access, declared=(state,), stack="shop", salt=SALT, clock=lambda: NOW, **more)


def _some(*types: str) -> list[Any]:
    """Return the readers of some types, for tests that need no others."""
    return [reader for reader in READERS if set(types) & set(reader.types)]


def _found(report: DriftReport) -> set[tuple[str, str, str]]:
    return {(f.resource.display, f.path, f.verdict.value) for f in report.findings}


CHANGED, GONE, NEW = (
    Verdict.OUT_OF_BAND_CHANGE.value,
    Verdict.DELETED_OUT_OF_BAND.value,
    Verdict.UNMANAGED.value,
)
Alteration = tuple[str, Callable[[Account], Any], str, str, str]


def _queue(account: Account, **attributes: str) -> None:
    account.sqs.set_queue_attributes(QueueUrl=account.ids["queue"], Attributes=attributes)


ALTERATIONS: list[Alteration] = [
    (
        "dns of the network",
        lambda a: a.ec2.modify_vpc_attribute(VpcId=a.ids["vpc"], EnableDnsHostnames={"Value": True}),
        "aws_vpc.main",
        "/values/enable_dns_hostnames",
        CHANGED,
    ),
    (
        "a tag",
        lambda a: a.ec2.create_tags(Resources=[a.ids["vpc"]], Tags=[{"Key": "team", "Value": "other"}]),
        "aws_vpc.main",
        "/values/tags/team",
        CHANGED,
    ),
    (
        "public addresses in a subnet",
        lambda a: a.ec2.modify_subnet_attribute(SubnetId=a.ids["subnet_a"], MapPublicIpOnLaunch={"Value": True}),
        "aws_subnet.a",
        "/values/map_public_ip_on_launch",
        CHANGED,
    ),
    (
        "an inline rule taken away",
        lambda a: a.ec2.revoke_security_group_ingress(
            GroupId=a.ids["web"], IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="10.1.0.0/16"
        ),
        "aws_security_group.web",
        "/values/ingress/1",
        CHANGED,
    ),
    (
        "a rule added",
        lambda a: a.ec2.authorize_security_group_ingress(
            GroupId=a.ids["data"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
        ),
        "aws_security_group.data",
        "/values/ingress/0",
        CHANGED,
    ),
    (
        "a split rule taken away",
        lambda a: a.ec2.revoke_security_group_ingress(
            GroupId=a.ids["data"],
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": a.ids["web"]}]}
            ],
        ),
        "aws_security_group_rule.postgres",
        "",
        GONE,
    ),
    (
        "a group made by hand",
        lambda a: a.ec2.create_security_group(GroupName="mine", Description="x", VpcId=a.ids["vpc"]),
        "aws_security_group",
        "",
        NEW,
    ),
    (
        "a route taken away",
        lambda a: a.ec2.delete_route(RouteTableId=a.ids["table"], DestinationCidrBlock="0.0.0.0/0"),
        "aws_route.out",
        "",
        GONE,
    ),
    (
        "a table taken from its subnet",
        lambda a: a.ec2.disassociate_route_table(AssociationId=a.ids["association"]),
        "aws_route_table_association.a",
        "",
        GONE,
    ),
    (
        "the policy of an endpoint",
        lambda a: a.ec2.modify_vpc_endpoint(
            VpcEndpointId=a.ids["endpoint"], PolicyDocument=policy("s3:ListBucket", Principal="*")
        ),
        "aws_vpc_endpoint.s3",
        "/values/policy/Statement/0/Action/0",
        CHANGED,
    ),
    (
        "an attached policy",
        lambda a: a.iam.detach_role_policy(RoleName="orders", PolicyArn=a.ids["policy"]),
        "aws_iam_role_policy_attachment.send",
        "",
        GONE,
    ),
    (
        "a policy attached by hand",
        lambda a: a.iam.attach_role_policy(RoleName="orders", PolicyArn=a.ids["boundary"]),
        "aws_iam_role.orders",
        "/values/managed_policy_arns/0",
        CHANGED,
    ),
    (
        "an inline policy",
        lambda a: a.iam.put_role_policy(
            RoleName="orders", PolicyName="decrypt", PolicyDocument=policy("kms:DescribeKey")
        ),
        "aws_iam_role_policy.decrypt",
        "/values/policy/Statement/0/Action/0",
        CHANGED,
    ),
    (
        "a new default version of a policy",
        lambda a: a.iam.create_policy_version(
            PolicyArn=a.ids["policy"],
            PolicyDocument=policy("sqs:SendMessage", "sqs:GetQueueUrl", "sqs:PurgeQueue"),
            SetAsDefault=True,
        ),
        "aws_iam_policy.send",
        "/values/policy/Statement/0/Action/2",
        CHANGED,
    ),
    (
        "the boundary of a role",
        lambda a: a.iam.delete_role_permissions_boundary(RoleName="orders"),
        "aws_iam_role.orders",
        "/values/permissions_boundary",
        CHANGED,
    ),
    (
        "who may assume a role",
        lambda a: a.iam.update_assume_role_policy(
            RoleName="orders", PolicyDocument=TRUST.replace("lambda.amazonaws.com", "ec2.amazonaws.com")
        ),
        "aws_iam_role.orders",
        "/values/assume_role_policy/Statement/0/Principal/Service",
        CHANGED,
    ),
    (
        "the role of a profile",
        lambda a: a.iam.remove_role_from_instance_profile(InstanceProfileName="orders", RoleName="orders"),
        "aws_iam_instance_profile.orders",
        "/values/role",
        CHANGED,
    ),
    (
        "what a user holds",
        lambda a: a.iam.detach_user_policy(UserName="robot", PolicyArn=a.ids["policy"]),
        "aws_iam_user_policy_attachment.send",
        "",
        GONE,
    ),
    ("a user made by hand", lambda a: a.iam.create_user(UserName="mallory"), "aws_iam_user", "", NEW),
    (
        "the policy of a key",
        lambda a: a.kms.put_key_policy(
            KeyId=a.ids["key"],
            PolicyName="default",
            Policy=policy("kms:Describe*", Principal={"AWS": "arn:aws:iam::123456789012:root"}),
        ),
        "aws_kms_key.orders",
        "/values/policy/Statement/0/Action/0",
        CHANGED,
    ),
    (
        "the rotation of a key",
        lambda a: a.kms.disable_key_rotation(KeyId=a.ids["key"]),
        "aws_kms_key.orders",
        "/values/enable_key_rotation",
        CHANGED,
    ),
    (
        "a grant",
        lambda a: a.kms.revoke_grant(KeyId=a.ids["key"], GrantId=a.ids["grant"]),
        "aws_kms_grant.orders",
        "",
        GONE,
    ),
    (
        "a disabled key",
        lambda a: a.kms.disable_key(KeyId=a.ids["key"]),
        "aws_kms_key.orders",
        "/values/is_enabled",
        CHANGED,
    ),
    (
        "an alias",
        lambda a: a.kms.delete_alias(AliasName="alias/orders"),
        "aws_kms_alias.orders",
        "",
        GONE,
    ),
    (
        "the policy of a bucket",
        lambda a: a.s3.delete_bucket_policy(Bucket="orders-files"),
        "aws_s3_bucket_policy.files",
        "",
        GONE,
    ),
    (
        "the versioning of a bucket",
        lambda a: a.s3.put_bucket_versioning(Bucket="orders-files", VersioningConfiguration={"Status": "Suspended"}),
        "aws_s3_bucket_versioning.files",
        "/values/versioning_configuration/0/status",
        CHANGED,
    ),
    (
        "the encryption of a bucket",
        lambda a: a.s3.put_bucket_encryption(
            Bucket="orders-files",
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms:dsse",
                            "KMSMasterKeyID": a.ids["key_arn"],
                        }
                    }
                ]
            },
        ),
        "aws_s3_bucket_server_side_encryption_configuration.files",
        "/values/rule/0",
        CHANGED,
    ),
    (
        "the public access block of a bucket",
        lambda a: a.s3.delete_public_access_block(Bucket="orders-files"),
        "aws_s3_bucket_public_access_block.files",
        "",
        GONE,
    ),
    (
        "the size of a database",
        lambda a: a.rds.modify_db_instance(
            DBInstanceIdentifier="orders", DBInstanceClass="db.t3.large", ApplyImmediately=True
        ),
        "aws_db_instance.orders",
        "/values/instance_class",
        CHANGED,
    ),
    (
        "the backups of a table",
        lambda a: a.dynamodb.update_continuous_backups(
            TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        ),
        "aws_dynamodb_table.orders",
        "/values/point_in_time_recovery/0/enabled",
        CHANGED,
    ),
    (
        "the timeout of a queue",
        lambda a: _queue(a, VisibilityTimeout="5"),
        "aws_sqs_queue.orders",
        "/values/visibility_timeout_seconds",
        CHANGED,
    ),
    (
        "the policy of a queue",
        lambda a: _queue(a, Policy=policy("sqs:*", resource=a.ids["queue_arn"], Principal={"AWS": a.ids["role"]})),
        "aws_sqs_queue_policy.orders",
        "/values/policy/Statement/0/Action/0",
        CHANGED,
    ),
    ("a queue made by hand", lambda a: a.sqs.create_queue(QueueName="mine"), "aws_sqs_queue", "", NEW),
    (
        "the name of a topic",
        lambda a: a.sns.set_topic_attributes(
            TopicArn=a.ids["topic"], AttributeName="DisplayName", AttributeValue="shout"
        ),
        "aws_sns_topic.orders",
        "/values/display_name",
        CHANGED,
    ),
    (
        "a subscription",
        lambda a: a.sns.unsubscribe(SubscriptionArn=a.ids["subscription"]),
        "aws_sns_topic_subscription.orders",
        "",
        GONE,
    ),
    (
        "a secret",
        lambda a: a.secretsmanager.delete_secret(SecretId="orders", RecoveryWindowInDays=7),
        "aws_secretsmanager_secret.orders",
        "",
        GONE,
    ),
    (
        "how long logs are kept",
        lambda a: a.logs.put_retention_policy(logGroupName="/aws/lambda/orders", retentionInDays=1),
        "aws_cloudwatch_log_group.orders",
        "/values/retention_in_days",
        CHANGED,
    ),
    (
        "a stopped instance",
        lambda a: a.ec2.stop_instances(InstanceIds=[a.ids["instance"]]),
        "aws_instance.web",
        "/values/instance_state",
        CHANGED,
    ),
    ("a volume", lambda a: a.ec2.delete_volume(VolumeId=a.ids["volume"]), "aws_ebs_volume.data", "", GONE),
    (
        "the settings of a function",
        lambda a: a.lambda_.update_function_configuration(
            FunctionName="orders", Environment={"Variables": {"QUEUE": "elsewhere"}}
        ),
        "aws_lambda_function.orders",
        "/values/environment/0/variables/QUEUE",
        CHANGED,
    ),
    (
        "an event source",
        lambda a: a.lambda_.delete_event_source_mapping(UUID=a.ids["mapping"]),
        "aws_lambda_event_source_mapping.orders",
        "",
        GONE,
    ),
    (
        "how many tasks are wanted",
        lambda a: a.ecs.update_service(cluster="shop", service="orders", desiredCount=7),
        "aws_ecs_service.orders",
        "/values/desired_count",
        CHANGED,
    ),
    (
        "the bounds of a group that scales",
        lambda a: a.autoscaling.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=9),
        "aws_autoscaling_group.web",
        "/values/max_size",
        CHANGED,
    ),
    (
        "the targets of a balancer",
        lambda a: a.elbv2.deregister_targets(
            TargetGroupArn=a.ids["group"], Targets=[{"Id": a.ids["instance"], "Port": 8080}]
        ),
        "aws_lb_target_group_attachment.web",
        "",
        GONE,
    ),
    (
        "a health check",
        lambda a: a.elbv2.modify_target_group(TargetGroupArn=a.ids["group"], HealthCheckPath="/"),
        "aws_lb_target_group.web",
        "/values/health_check/0/path",
        CHANGED,
    ),
    (
        "a listener",
        lambda a: a.elbv2.modify_listener(ListenerArn=a.ids["listener"], Port=81),
        "aws_lb_listener.web",
        "/values/port",
        CHANGED,
    ),
    (
        "a DNS record",
        lambda a: a.record("UPSERT", "10.9.9.9"),
        "aws_route53_record.web",
        "/values/records/0",
        CHANGED,
    ),
    (
        "a rule of events",
        lambda a: a.events.disable_rule(Name="nightly"),
        "aws_cloudwatch_event_rule.nightly",
        "/values/state",
        CHANGED,
    ),
    (
        "a target of events",
        lambda a: a.events.remove_targets(Rule="nightly", Ids=["orders"]),
        "aws_cloudwatch_event_target.nightly",
        "",
        GONE,
    ),
    (
        "who reaches a cluster",
        lambda a: a.eks.update_cluster_config(
            name="shop",
            resourcesVpcConfig={
                "subnetIds": [a.ids["subnet_a"], a.ids["subnet_b"]],
                "publicAccessCidrs": ["0.0.0.0/0"],
                "endpointPublicAccess": False,
            },
        ),
        "aws_eks_cluster.shop",
        "/values/vpc_config/0/endpoint_public_access",
        CHANGED,
    ),
    (
        "the bounds of a table",
        lambda a: getattr(a, "application-autoscaling").register_scalable_target(
            ServiceNamespace="dynamodb",
            ResourceId="table/orders",
            ScalableDimension="dynamodb:table:ReadCapacityUnits",
            MaxCapacity=9,
        ),
        "aws_appautoscaling_target.orders",
        "/values/max_capacity",
        CHANGED,
    ),
    *WIDER,
]


def test_nothing_is_found_in_an_untouched_account_and_then_exactly_what_was_altered(
    estate: Estate, tmp_path: Path
) -> None:
    """An account as its state describes it has no drift; some seventy changes by hand are as many findings."""
    snapshot, report = estate.look()
    assert _found(report) == set()
    assert {d.resource.display for d in snapshot.documents} >= {
        f"{r['type']}.{r['name']}" for r in estate.account.resources
    }
    _relations(snapshot)
    assert _against_the_code(estate, snapshot, tmp_path) == set()
    for _, alter, _, _, _ in ALTERATIONS:
        alter(estate.account)
    found = {_in_short(*one) for one in _found(estate.look()[1])}
    expected = {(address, path, verdict): name for name, _, address, path, verdict in ALTERATIONS}
    assert "\n".join(sorted(map(str, found))) == "\n".join(sorted(map(str, expected)))


def _in_short(address: str, path: str, verdict: str) -> tuple[str, str, str]:
    """Name what nobody declared by its type alone: its id is made up by the emulator."""
    return (address.split("/")[2] if verdict == NEW else address), path, verdict


def _against_the_code(estate: Estate, snapshot: Snapshot, folder: Path) -> set[tuple[str, str, str]]:
    """Compare with the code as the declared state; return what is found of the resources that it declares."""
    shutil.copy(Path(__file__).with_name("wider.tf"), folder / "main.tf")
    code = ManifestSource("code", folder, facet=Facet.INTENDED, cluster="c", stack="shop", salt=SALT, clock=lambda: NOW)
    declared = code.read().documents
    assert len(declared) > 15
    report = compare(intended=declared, applied=estate.state.read().documents, actual=snapshot.documents)
    return {one for one in _found(report) if one[0] in {d.resource.display for d in declared}}


def _relations(snapshot: Snapshot) -> None:
    """What hangs together in the account is seen in live bodies alone."""
    names = {d.resource.uid: d.resource.display for d in snapshot.documents}
    found = {(names.get(r.source), r.type, names.get(r.target)) for r in derive(snapshot.documents)}
    wanted = {
        ("aws_lambda_function.orders", RelationType.ASSUMES, "aws_iam_role.orders"),
        ("aws_iam_role.orders", RelationType.HAS_POLICY, "aws_iam_policy.send"),
        ("aws_kms_alias.orders", RelationType.REALISES, "aws_kms_key.orders"),
        ("aws_secretsmanager_secret.orders", RelationType.ENCRYPTS_WITH, "aws_kms_key.orders"),
        ("aws_s3_bucket.files", RelationType.ENCRYPTS_WITH, "aws_kms_key.orders"),
        ("aws_security_group.data", RelationType.GUARDS, "aws_db_instance.orders"),
        ("aws_security_group.data", RelationType.ALLOWS, "aws_security_group.web"),
        ("aws_lambda_function.orders", RelationType.CONNECTS_TO, "aws_sqs_queue.orders"),
        ("aws_lb.web", RelationType.ROUTES_TO, "aws_lb_target_group.web"),
        ("aws_lb_target_group.web", RelationType.ROUTES_TO, "aws_instance.web"),
        ("aws_ecs_service.orders", RelationType.REFERENCES, "aws_ecs_task_definition.orders"),
        ("aws_sns_topic.orders", RelationType.ROUTES_TO, "aws_sqs_queue.orders"),
        ("aws_cloudwatch_event_rule.nightly", RelationType.ROUTES_TO, "aws_lambda_function.orders"),
        ("aws_cloudfront_distribution.shop", RelationType.ROUTES_TO, "aws_lb.web"),
        ("aws_api_gateway_rest_api.orders", RelationType.ROUTES_TO, "aws_lambda_function.orders"),
        ("aws_apigatewayv2_api.status", RelationType.ROUTES_TO, "aws_lambda_function.orders"),
        ("aws_rds_cluster.ledger", RelationType.ROUTES_TO, "aws_rds_cluster_instance.ledger"),
        ("aws_network_acl.main", RelationType.GUARDS, "aws_subnet.b"),
        ("aws_cloudwatch_metric_alarm.busy", RelationType.ROUTES_TO, "aws_sns_topic.orders"),
    }
    assert wanted - found == set()


def test_a_refused_kind_is_a_gap_and_nothing_of_it_is_called_gone(estate: Estate) -> None:
    """Where the account may not list queues, nobody says that a declared queue was deleted."""

    def refuse(_: Calls) -> Iterator[Any]:
        error = {"Error": {"Code": "AccessDeniedException", "Message": "not authorised"}}
        raise ClientError(error, "ListQueues")
        yield

    readers = [
        r if "aws_sqs_queue" not in r.types else _with(r, refuse) for r in _some("aws_sqs_queue", "aws_sns_topic")
    ]
    source = _source(estate.url, estate.state, readers=readers)
    snapshot = source.read()
    state = estate.state.read().documents
    report = compare(intended=state, applied=state, actual=snapshot.documents, unreadable=snapshot.unreadable)
    about = {n.resource: n.reason for n in report.not_comparable if "queue" in n.resource}
    assert not any("aws_sqs_queue" in f.resource.display for f in report.findings)
    assert "AccessDenied" in about["aws_sqs_queue.orders"]
    assert "allow ListQueues" in about["aws_sqs_queue.orders"]
    assert "AccessDenied" in about["aws_sqs_queue_policy.orders"]
    assert snapshot.hides("tf://shop/@123456789012/eu-west-1/aws_sqs_queue/mine")
    assert not snapshot.hides("tf://shop/@123456789012/eu-west-1/aws_sns_topic/mine")


class _Refusing:
    """A client that may do nothing."""

    def can_paginate(self, _: str) -> bool:
        return False

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def refuse(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

        return refuse


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.types[0])
def test_no_reader_takes_a_refusal_for_nothing(reader: Any) -> None:
    """Whatever is refused ends the reading or is noted; an account that may not be read is never an empty one."""
    calls = Calls(Place("123456789012", "aws", REGION), {service: _Refusing() for service in reader.services})
    with pytest.raises(ClientError):
        list(reader.read(calls))


def test_all_that_is_read_is_looked_up_under_its_own_type() -> None:
    """No type is given by two readers: one of them would hide what the other could not read."""
    types = [type for reader in READERS for type in reader.types]
    assert len(types) == len(set(types))


def _with(reader: Any, read: Callable[[Calls], Iterator[Any]]) -> Any:
    return type(reader)(read=read, types=reader.types, services=reader.services, is_global=reader.is_global)


def test_what_is_out_of_reach_is_not_comparable(estate: Estate, tmp_path: Path) -> None:
    """A resource of a kind, an account or a region that is not read is blind, not deleted."""
    resources = [
        ("aws_glue_job", {"id": "g", "arn": "arn:aws:glue:eu-west-1:123456789012:job/g"}),
        ("aws_sns_topic", {"id": "x", "arn": "arn:aws:sns:eu-west-1:999999999999:x"}),
        ("aws_sqs_queue", {"id": "y", "arn": "arn:aws:sqs:us-east-1:123456789012:y"}),
        ("aws_dynamodb_table", {"id": "z", "arn": "arn:aws:dynamodb:eu-west-1:123456789012:table/z"}),
    ]
    (tmp_path / "terraform.tfstate").write_text(
        json.dumps(
            {
                "version": 4,
                "terraform_version": "1.9.0",
                "serial": 1,
                "lineage": "x",
                "resources": [
                    {"mode": "managed", "type": type, "name": "far", "instances": [{"attributes": attributes}]}
                    for type, attributes in resources
                ],
            }
        )
    )
    state = ManifestSource(
        "state", tmp_path, facet=Facet.APPLIED, cluster="c", stack="far", salt=SALT, clock=lambda: NOW
    )
    readers = _some("aws_sqs_queue", "aws_sns_topic", "aws_dynamodb_table")
    snapshot = _source(estate.url, state, readers=readers).read()
    blind = {u.resource.kind for u in snapshot.unreadable if u.resource}
    assert blind == {"aws_glue_job", "aws_sns_topic", "aws_sqs_queue"}


def test_an_account_that_does_not_answer_is_unreachable(estate: Estate) -> None:
    """No answer at all is an error of the source, not an empty account."""
    with pytest.raises(Unreachable, match="who we are"):
        _source("http://127.0.0.1:9", estate.state).read()


def test_a_role_that_can_not_be_assumed_is_refused(estate: Estate, tmp_path: Path) -> None:
    """Credentials that are refused are told from a network that is down."""
    access = AwsAccess(regions=(REGION,), endpoint_url=estate.url, profile="nobody")
    source = AwsSource("aws", access, declared=(), stack="shop", salt=SALT, clock=lambda: NOW)
    with pytest.raises((Refused, Unreachable), match="nobody"):
        source.read()


def test_only_read_calls_can_be_made() -> None:
    """A reader that asks for anything but a read fails before a request is made."""
    with pytest.raises(ValueError, match="no read call"):
        Calls(Place("123456789012", "aws", REGION), {}).get("sqs", "delete_queue", QueueUrl="x")
