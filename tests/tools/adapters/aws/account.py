"""An AWS account in an emulator process, built as Terraform would, and the state that Terraform would keep of it."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REGION = "eu-west-1"
ACCOUNT = "123456789012"
TAGS = {"team": "payments"}
PAIRS = [{"Key": "team", "Value": "payments"}]
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
        ],
    }
)


def policy(*actions: str, resource: str = "*", **more: Any) -> str:
    """Return a policy document of one statement."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}],
        }
    )


@contextmanager
def emulator(log: Path) -> Iterator[str]:
    """Run an emulator process and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _await(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the emulator did not start")


class Account:
    """Clients of the emulated account, and what Terraform keeps of the resources it made."""

    def __init__(self, url: str) -> None:
        self._session = boto3.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name=REGION,  # the emulator takes any
        )
        self._url = url
        self._clients: dict[str, Any] = {}
        self.resources: list[dict[str, Any]] = []
        self.ids: dict[str, str] = {}

    def __getattr__(self, service: str) -> Any:
        name = {"lambda_": "lambda"}.get(service, service)
        if name not in self._clients:
            self._clients[name] = self._session.client(
                name, endpoint_url=self._url, config=Config(retries={"total_max_attempts": 2})
            )
        return self._clients[name]

    def declare(self, address: str, /, **attributes: Any) -> None:
        """Note a resource as the state of Terraform holds it."""
        kind, name = address.split(".")
        self.resources.append(
            {
                "mode": "managed",
                "type": kind,
                "name": name,
                "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
                "instances": [{"schema_version": 0, "attributes": attributes}],
            }
        )

    def state(self) -> str:
        """Return the state file."""
        return json.dumps(
            {"version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "x", "resources": self.resources}
        )

    def build(self) -> None:
        """Make everything."""
        for step in (
            self._network,
            self._identity,
            self._keys,
            self._storage,
            self._messages,
            self._compute,
            self._web,
        ):
            step()

    def _network(self) -> None:
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.ec2.create_tags(Resources=[vpc], Tags=PAIRS)
        self.ids["vpc"] = vpc
        arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
        self.declare(
            "aws_vpc.main",
            id=vpc,
            arn=f"{arn}:vpc/{vpc}",
            cidr_block="10.0.0.0/16",
            instance_tenancy="default",
            enable_dns_support=True,
            enable_dns_hostnames=False,
            tags=TAGS,
            tags_all=TAGS,
        )
        for name, block, zone in (("a", "10.0.1.0/24", "eu-west-1a"), ("b", "10.0.2.0/24", "eu-west-1b")):
            subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
            self.ids[f"subnet_{name}"] = subnet
            self.declare(
                f"aws_subnet.{name}",
                id=subnet,
                arn=f"{arn}:subnet/{subnet}",
                vpc_id=vpc,
                cidr_block=block,
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags=None,
                tags_all={},
                timeouts=None,
            )
        self._groups(vpc, arn)
        self._routes(vpc, arn)

    def _groups(self, vpc: str, arn: str) -> None:
        web = self.ec2.create_security_group(GroupName="web", Description="Managed by Terraform", VpcId=vpc)["GroupId"]
        ranges = [{"CidrIp": "10.0.0.0/16"}, {"CidrIp": "10.1.0.0/16"}]
        allowed = [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}]
        self.ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=allowed)
        rule = {"from_port": 443, "to_port": 443, "protocol": "tcp", "description": "", "self": False}
        none: dict[str, Any] = {"ipv6_cidr_blocks": [], "prefix_list_ids": [], "security_groups": []}
        every = {**none, "cidr_blocks": ["0.0.0.0/0"], "from_port": 0, "to_port": 0, "protocol": "-1"}
        # The configuration has two blocks for one port, which AWS holds as one.
        self.declare(
            "aws_security_group.web",
            id=web,
            arn=f"{arn}:security-group/{web}",
            name="web",
            description="Managed by Terraform",
            vpc_id=vpc,
            ingress=[
                {**rule, **none, "cidr_blocks": ["10.0.0.0/16"]},
                {**rule, **none, "cidr_blocks": ["10.1.0.0/16"]},
            ],
            egress=[{**every, "description": "", "self": False}],
            revoke_rules_on_delete=False,
            tags={},
            tags_all={},
        )
        data = self.ec2.create_security_group(GroupName="data", Description="rows", VpcId=vpc)["GroupId"]
        pair = [{"GroupId": web}]
        self.ec2.authorize_security_group_ingress(
            GroupId=data,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": pair}],
        )
        self.ids.update(web=web, data=data)
        self.declare(
            "aws_security_group.data",
            id=data,
            arn=f"{arn}:security-group/{data}",
            name="data",
            description="rows",
            vpc_id=vpc,
            ingress=[],
            egress=[{**every, "description": "", "self": False}],
        )
        self.declare(
            "aws_security_group_rule.postgres",
            id="sgrule-1",
            type="ingress",
            security_group_id=data,
            source_security_group_id=web,
            from_port=5432,
            to_port=5432,
            protocol="tcp",
            self=False,
            cidr_blocks=None,
            ipv6_cidr_blocks=None,
            prefix_list_ids=[],
            description=None,
        )

    def _routes(self, vpc: str, arn: str) -> None:
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        self.declare("aws_internet_gateway.out", id=gateway, arn=f"{arn}:internet-gateway/{gateway}", vpc_id=vpc)
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        held = self.ec2.associate_route_table(RouteTableId=table, SubnetId=self.ids["subnet_a"])["AssociationId"]
        self.ids.update(gateway=gateway, table=table, association=held)
        self.declare(
            "aws_route_table.public",
            id=table,
            arn=f"{arn}:route-table/{table}",
            vpc_id=vpc,
            route=[],
            propagating_vgws=[],
        )
        self.declare(
            "aws_route.out",
            id="r-1",
            route_table_id=table,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway,
            nat_gateway_id="",
            state="active",
            origin="CreateRoute",
        )
        self.declare(
            "aws_route_table_association.a",
            id=held,
            route_table_id=table,
            subnet_id=self.ids["subnet_a"],
            gateway_id="",
        )
        address = self.ec2.allocate_address(Domain="vpc")
        nat = self.ec2.create_nat_gateway(SubnetId=self.ids["subnet_a"], AllocationId=address["AllocationId"])
        self.ids.update(nat=nat["NatGateway"]["NatGatewayId"], eip=address["AllocationId"])
        self.declare("aws_eip.nat", id=address["AllocationId"], public_ip=address["PublicIp"], domain="vpc")
        self.declare(
            "aws_nat_gateway.out",
            id=self.ids["nat"],
            allocation_id=address["AllocationId"],
            subnet_id=self.ids["subnet_a"],
            connectivity_type="public",
        )
        allowed = policy("s3:GetObject", Principal="*")
        endpoint = self.ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{REGION}.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[table],
            PolicyDocument=allowed,
            PrivateDnsEnabled=False,
        )["VpcEndpoint"]["VpcEndpointId"]
        self.ids["endpoint"] = endpoint
        self.declare(
            "aws_vpc_endpoint.s3",
            id=endpoint,
            arn=f"{arn}:vpc-endpoint/{endpoint}",
            vpc_id=vpc,
            service_name=f"com.amazonaws.{REGION}.s3",
            vpc_endpoint_type="Gateway",
            policy=allowed,
            route_table_ids=[table],
            private_dns_enabled=False,
        )

    def _identity(self) -> None:
        arn = f"arn:aws:iam::{ACCOUNT}"
        document = policy("sqs:SendMessage", "sqs:GetQueueUrl")
        self.ids["policy"] = self.iam.create_policy(PolicyName="send", PolicyDocument=document)["Policy"]["Arn"]
        self.declare(
            "aws_iam_policy.send", id=self.ids["policy"], arn=self.ids["policy"], name="send", path="/", policy=document
        )
        boundary = policy("*")
        self.ids["boundary"] = self.iam.create_policy(PolicyName="limit", PolicyDocument=boundary)["Policy"]["Arn"]
        self.declare(
            "aws_iam_policy.limit",
            id=self.ids["boundary"],
            arn=self.ids["boundary"],
            name="limit",
            path="/",
            policy=boundary,
        )
        role = self.iam.create_role(
            RoleName="orders",
            AssumeRolePolicyDocument=TRUST,
            Description="orders",
            PermissionsBoundary=self.ids["boundary"],
            Tags=PAIRS,
        )["Role"]
        self.iam.attach_role_policy(RoleName="orders", PolicyArn=self.ids["policy"])
        inline = policy("kms:Decrypt")
        self.iam.put_role_policy(RoleName="orders", PolicyName="decrypt", PolicyDocument=inline)
        self.ids["role"] = role["Arn"]
        self.declare(
            "aws_iam_role.orders",
            id="orders",
            name="orders",
            arn=role["Arn"],
            path="/",
            description="orders",
            max_session_duration=3600,
            assume_role_policy=TRUST,
            permissions_boundary=self.ids["boundary"],
            # As it was when the role alone had been made.
            managed_policy_arns=[],
            inline_policy=[],
            force_detach_policies=False,
            tags=TAGS,
            tags_all=TAGS,
        )
        self.declare("aws_iam_role_policy_attachment.send", id="orders-1", role="orders", policy_arn=self.ids["policy"])
        self.declare("aws_iam_role_policy.decrypt", id="orders:decrypt", role="orders", name="decrypt", policy=inline)
        self.iam.create_instance_profile(InstanceProfileName="orders")
        self.iam.add_role_to_instance_profile(InstanceProfileName="orders", RoleName="orders")
        self.declare(
            "aws_iam_instance_profile.orders",
            id="orders",
            name="orders",
            arn=f"{arn}:instance-profile/orders",
            path="/",
            role="orders",
        )
        self.iam.create_user(UserName="robot")
        self.iam.attach_user_policy(UserName="robot", PolicyArn=self.ids["policy"])
        self.declare("aws_iam_user.robot", id="robot", name="robot", arn=f"{arn}:user/robot", path="/")
        self.declare("aws_iam_user_policy_attachment.send", id="robot-1", user="robot", policy_arn=self.ids["policy"])

    def _keys(self) -> None:
        document = policy("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        pairs = [{"TagKey": "team", "TagValue": "payments"}]
        key = self.kms.create_key(Description="orders", Policy=document, Tags=pairs, KeyUsage="ENCRYPT_DECRYPT")[
            "KeyMetadata"
        ]
        self.kms.enable_key_rotation(KeyId=key["KeyId"])
        self.kms.create_alias(AliasName="alias/orders", TargetKeyId=key["KeyId"])
        grant = self.kms.create_grant(
            KeyId=key["KeyId"], GranteePrincipal=self.ids["role"], Operations=["Decrypt", "Encrypt"]
        )
        self.ids.update(key=key["KeyId"], key_arn=key["Arn"], grant=grant["GrantId"])
        self.declare(
            "aws_kms_key.orders",
            id=key["KeyId"],
            key_id=key["KeyId"],
            arn=key["Arn"],
            description="orders",
            key_usage="ENCRYPT_DECRYPT",
            customer_master_key_spec="SYMMETRIC_DEFAULT",
            is_enabled=True,
            enable_key_rotation=True,
            multi_region=False,
            policy=document,
            deletion_window_in_days=None,
            tags=TAGS,
            tags_all=TAGS,
        )
        self.declare(
            "aws_kms_alias.orders",
            id="alias/orders",
            name="alias/orders",
            arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/orders",
            target_key_id=key["KeyId"],
            target_key_arn=key["Arn"],
        )
        self.declare(
            "aws_kms_grant.orders",
            id=f"{key['KeyId']}:{grant['GrantId']}",
            grant_id=grant["GrantId"],
            key_id=key["KeyId"],
            grantee_principal=self.ids["role"],
            operations=["Encrypt", "Decrypt"],
            constraints=[],
        )

    def _storage(self) -> None:
        self.s3.create_bucket(Bucket="orders-files", CreateBucketConfiguration={"LocationConstraint": REGION})
        document = policy("s3:GetObject", resource="arn:aws:s3:::orders-files/*", Principal={"AWS": self.ids["role"]})
        self.s3.put_bucket_policy(Bucket="orders-files", Policy=document)
        self.s3.put_bucket_versioning(Bucket="orders-files", VersioningConfiguration={"Status": "Enabled"})
        by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.ids["key_arn"]}
        self.s3.put_bucket_encryption(
            Bucket="orders-files",
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by_default}]},
        )
        block = {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        self.s3.put_public_access_block(Bucket="orders-files", PublicAccessBlockConfiguration=block)
        self.declare("aws_s3_bucket.files", id="orders-files", bucket="orders-files", arn="arn:aws:s3:::orders-files")
        self.declare("aws_s3_bucket_policy.files", id="orders-files", bucket="orders-files", policy=document)
        self.declare(
            "aws_s3_bucket_versioning.files",
            id="orders-files",
            bucket="orders-files",
            versioning_configuration=[{"status": "Enabled", "mfa_delete": ""}],
        )
        encryption = [{"kms_master_key_id": self.ids["key_arn"], "sse_algorithm": "aws:kms"}]
        self.declare(
            "aws_s3_bucket_server_side_encryption_configuration.files",
            id="orders-files",
            bucket="orders-files",
            rule=[{"apply_server_side_encryption_by_default": encryption, "bucket_key_enabled": False}],
        )
        self.declare(
            "aws_s3_bucket_public_access_block.files",
            id="orders-files",
            bucket="orders-files",
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )
        self._databases()

    def _databases(self) -> None:
        self.rds.create_db_subnet_group(
            DBSubnetGroupName="rows",
            DBSubnetGroupDescription="rows",
            SubnetIds=[self.ids["subnet_a"], self.ids["subnet_b"]],
        )
        self.declare(
            "aws_db_subnet_group.rows",
            id="rows",
            name="rows",
            description="rows",
            subnet_ids=[self.ids["subnet_b"], self.ids["subnet_a"]],
        )
        made = self.rds.create_db_instance(
            DBInstanceIdentifier="orders",
            DBInstanceClass="db.t3.small",
            Engine="postgres",
            EngineVersion="15.4",
            AllocatedStorage=20,
            MasterUsername="orders",
            MasterUserPassword="not-a-secret",
            DBSubnetGroupName="rows",
            BackupRetentionPeriod=7,
            VpcSecurityGroupIds=[self.ids["data"]],
        )["DBInstance"]
        self.declare(
            "aws_db_instance.orders",
            id="db-ABCDEF",
            identifier="orders",
            arn=made["DBInstanceArn"],
            instance_class="db.t3.small",
            engine="postgres",
            engine_version="15",
            engine_version_actual="15.4",
            allocated_storage=20,
            username="orders",
            backup_retention_period=7,
            multi_az=False,
            publicly_accessible=False,
            deletion_protection=False,
            db_subnet_group_name="rows",
            vpc_security_group_ids=[self.ids["data"]],
            skip_final_snapshot=True,
        )
        self.dynamodb.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=PAIRS,
        )
        self.declare(
            "aws_dynamodb_table.orders",
            id="orders",
            name="orders",
            arn=f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders",
            billing_mode="PAY_PER_REQUEST",
            hash_key="id",
            range_key=None,
            attribute=[{"name": "id", "type": "S"}],
            read_capacity=0,
            write_capacity=0,
            stream_enabled=False,
            point_in_time_recovery=[{"enabled": False}],
            ttl=[],
            tags=TAGS,
            tags_all=TAGS,
        )

    def _messages(self) -> None:
        settings = {"VisibilityTimeout": "60", "MessageRetentionPeriod": "86400"}
        url = self.sqs.create_queue(QueueName="orders", Attributes=settings, tags=TAGS)["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
        document = policy("sqs:SendMessage", resource=arn, Principal={"AWS": self.ids["role"]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
        self.ids.update(queue=url, queue_arn=arn)
        self.declare(
            "aws_sqs_queue.orders",
            id=url,
            url=url,
            arn=arn,
            name="orders",
            visibility_timeout_seconds=60,
            message_retention_seconds=86400,
            delay_seconds=0,
            receive_wait_time_seconds=0,
            policy="",
            tags=TAGS,
            tags_all={**TAGS},
        )
        self.declare("aws_sqs_queue_policy.orders", id=url, queue_url=url, policy=document)
        topic = self.sns.create_topic(Name="orders")["TopicArn"]
        held = self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
        self.ids.update(topic=topic, subscription=held["SubscriptionArn"])
        self.declare("aws_sns_topic.orders", id=topic, arn=topic, name="orders", display_name="", tags={}, tags_all={})
        self.declare(
            "aws_sns_topic_subscription.orders",
            id=held["SubscriptionArn"],
            arn=held["SubscriptionArn"],
            topic_arn=topic,
            protocol="sqs",
            endpoint=arn,
            raw_message_delivery=False,
            filter_policy="",
        )
        secret = self.secretsmanager.create_secret(Name="orders", SecretString="not-a-secret", KmsKeyId=self.ids["key"])
        self.ids["secret"] = secret["ARN"]
        self.declare(
            "aws_secretsmanager_secret.orders",
            id=secret["ARN"],
            arn=secret["ARN"],
            name="orders",
            description="",
            kms_key_id=self.ids["key"],
            policy="",
            recovery_window_in_days=30,
        )
        self.logs.create_log_group(logGroupName="/aws/lambda/orders")
        self.logs.put_retention_policy(logGroupName="/aws/lambda/orders", retentionInDays=14)
        self.declare(
            "aws_cloudwatch_log_group.orders",
            id="/aws/lambda/orders",
            name="/aws/lambda/orders",
            arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/orders",
            retention_in_days=14,
            kms_key_id="",
            skip_destroy=False,
        )

    def _compute(self) -> None:
        image = self.ec2.describe_images()["Images"][0]["ImageId"]
        made = self.ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            InstanceType="t3.small",
            SubnetId=self.ids["subnet_a"],
            SecurityGroupIds=[self.ids["web"]],
        )["Instances"][0]
        self.ids["instance"] = made["InstanceId"]
        self.declare(
            "aws_instance.web",
            id=made["InstanceId"],
            arn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{made['InstanceId']}",
            ami=image,
            instance_type="t3.small",
            instance_state="running",
            subnet_id=self.ids["subnet_a"],
            vpc_security_group_ids=[self.ids["web"]],
            source_dest_check=True,
            disable_api_termination=False,
            user_data_replace_on_change=False,
        )
        volume = self.ec2.create_volume(AvailabilityZone="eu-west-1a", Size=10, VolumeType="gp3", Encrypted=False)
        self.ids["volume"] = volume["VolumeId"]
        self.declare(
            "aws_ebs_volume.data",
            id=volume["VolumeId"],
            arn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/{volume['VolumeId']}",
            availability_zone="eu-west-1a",
            size=10,
            type="gp3",
            encrypted=False,
            snapshot_id="",
        )
        self._function()
        self._tasks()
        self._scaling(image)

    def _function(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("main.py", "def handler(event, context): ...")
        made = self.lambda_.create_function(
            FunctionName="orders",
            Runtime="python3.12",
            Role=self.ids["role"],
            Handler="main.handler",
            Code={"ZipFile": packed.getvalue()},
            Timeout=10,
            MemorySize=256,
            Environment={"Variables": {"QUEUE": self.ids["queue"]}},
        )
        self.ids["function"] = made["FunctionArn"]
        self.declare(
            "aws_lambda_function.orders",
            id="orders",
            function_name="orders",
            arn=made["FunctionArn"],
            role=self.ids["role"],
            handler="main.handler",
            runtime="python3.12",
            timeout=10,
            memory_size=256,
            description="",
            package_type="Zip",
            source_code_hash=made["CodeSha256"],
            environment=[{"variables": {"QUEUE": self.ids["queue"]}}],
            reserved_concurrent_executions=-1,
            publish=False,
            filename="orders.zip",
        )
        held = self.lambda_.create_event_source_mapping(
            EventSourceArn=self.ids["queue_arn"], FunctionName="orders", BatchSize=5
        )
        self.ids["mapping"] = held["UUID"]
        self.declare(
            "aws_lambda_event_source_mapping.orders",
            id=held["UUID"],
            uuid=held["UUID"],
            event_source_arn=self.ids["queue_arn"],
            function_arn=made["FunctionArn"],
            function_name=made["FunctionArn"],
            batch_size=5,
            enabled=True,
        )

    def _tasks(self) -> None:
        cluster = self.ecs.create_cluster(clusterName="shop")["cluster"]["clusterArn"]
        self.declare("aws_ecs_cluster.shop", id=cluster, arn=cluster, name="shop")
        container = {"name": "app", "image": "registry/orders:1", "cpu": 10, "memory": 128, "essential": True}
        task = self.ecs.register_task_definition(
            family="orders", containerDefinitions=[container], taskRoleArn=self.ids["role"]
        )["taskDefinition"]
        self.declare(
            "aws_ecs_task_definition.orders",
            id="orders",
            arn=task["taskDefinitionArn"],
            family="orders",
            revision=1,
            task_role_arn=self.ids["role"],
            container_definitions=json.dumps(task["containerDefinitions"]),
        )
        service = self.ecs.create_service(
            cluster="shop", serviceName="orders", taskDefinition="orders:1", desiredCount=2
        )
        self.ids.update(cluster=cluster, task=task["taskDefinitionArn"])
        self.declare(
            "aws_ecs_service.orders",
            id=service["service"]["serviceArn"],
            name="orders",
            cluster=cluster,
            task_definition="orders:1",
            desired_count=2,
            wait_for_steady_state=False,
        )

    def _scaling(self, image: str) -> None:
        made = self.ec2.create_launch_template(
            LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.small"}
        )["LaunchTemplate"]
        self.ids["template"] = made["LaunchTemplateId"]
        self.declare(
            "aws_launch_template.web",
            id=made["LaunchTemplateId"],
            arn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/{made['LaunchTemplateId']}",
            name="web",
            image_id=image,
            instance_type="t3.small",
            default_version=1,
            latest_version=1,
        )
        self.autoscaling.create_auto_scaling_group(
            AutoScalingGroupName="web",
            MinSize=1,
            MaxSize=4,
            DesiredCapacity=1,
            LaunchTemplate={"LaunchTemplateId": made["LaunchTemplateId"], "Version": "1"},
            VPCZoneIdentifier=self.ids["subnet_a"],
            Tags=[{"Key": "team", "Value": "payments", "PropagateAtLaunch": True}],
        )
        self.declare(
            "aws_autoscaling_group.web",
            id="web",
            name="web",
            min_size=1,
            max_size=4,
            desired_capacity=1,
            vpc_zone_identifier=[self.ids["subnet_a"]],
            launch_template=[{"id": made["LaunchTemplateId"], "name": "web", "version": "1"}],
            tag=[{"key": "team", "value": "payments", "propagate_at_launch": True}],
            wait_for_capacity_timeout="10m",
        )

    def _web(self) -> None:
        balancer = self.elbv2.create_load_balancer(
            Name="web", Subnets=[self.ids["subnet_a"], self.ids["subnet_b"]], SecurityGroups=[self.ids["web"]]
        )["LoadBalancers"][0]
        group = self.elbv2.create_target_group(
            Name="web", Protocol="HTTP", Port=8080, VpcId=self.ids["vpc"], HealthCheckPath="/ready"
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": self.ids["instance"], "Port": 8080}])
        listener = self.elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )["Listeners"][0]["ListenerArn"]
        self.ids.update(balancer=balancer["LoadBalancerArn"], group=group, listener=listener)
        self.declare(
            "aws_lb.web",
            id=balancer["LoadBalancerArn"],
            arn=balancer["LoadBalancerArn"],
            name="web",
            internal=False,
            load_balancer_type="application",
            security_groups=[self.ids["web"]],
            subnets=[self.ids["subnet_b"], self.ids["subnet_a"]],
            enable_deletion_protection=False,
            idle_timeout=60,
        )
        self.declare(
            "aws_lb_target_group.web",
            id=group,
            arn=group,
            name="web",
            port=8080,
            protocol="HTTP",
            vpc_id=self.ids["vpc"],
            target_type="instance",
            deregistration_delay="300",
            health_check=[{"path": "/ready", "protocol": "HTTP", "port": "traffic-port", "interval": 30}],
        )
        self.declare(
            "aws_lb_target_group_attachment.web",
            id="web-1",
            target_group_arn=group,
            target_id=self.ids["instance"],
            port=8080,
        )
        self.declare(
            "aws_lb_listener.web",
            id=listener,
            arn=listener,
            load_balancer_arn=balancer["LoadBalancerArn"],
            port=80,
            protocol="HTTP",
            default_action=[{"type": "forward", "target_group_arn": group, "order": 1}],
        )
        zone = self.route53.create_hosted_zone(Name="shop.test", CallerReference="1")["HostedZone"]["Id"]
        self.ids["zone"] = zone.rpartition("/")[2]
        self.declare(
            "aws_route53_zone.shop", id=self.ids["zone"], zone_id=self.ids["zone"], name="shop.test", comment=""
        )
        self.record("UPSERT", "10.0.1.10")
        self.declare(
            "aws_route53_record.web",
            id=f"{self.ids['zone']}_web_A",
            zone_id=self.ids["zone"],
            name="web",
            fqdn="web.shop.test",
            type="A",
            ttl=60,
            records=["10.0.1.10"],
            alias=[],
        )
        self.events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)", State="ENABLED")
        self.events.put_targets(Rule="nightly", Targets=[{"Id": "orders", "Arn": self.ids["function"]}])
        self.declare(
            "aws_cloudwatch_event_rule.nightly",
            id="nightly",
            name="nightly",
            event_bus_name="default",
            schedule_expression="rate(1 day)",
            is_enabled=True,
            state="ENABLED",
        )
        self.declare(
            "aws_cloudwatch_event_target.nightly",
            id="nightly-orders",
            rule="nightly",
            target_id="orders",
            event_bus_name="default",
            arn=self.ids["function"],
        )
        made = self.eks.create_cluster(
            name="shop",
            version="1.31",
            roleArn=self.ids["role"],
            resourcesVpcConfig={
                "subnetIds": [self.ids["subnet_a"], self.ids["subnet_b"]],
                "endpointPublicAccess": True,
                "endpointPrivateAccess": False,
                "publicAccessCidrs": ["0.0.0.0/0"],
            },
        )["cluster"]
        self.declare(
            "aws_eks_cluster.shop",
            id="shop",
            name="shop",
            arn=made["arn"],
            version="1.31",
            role_arn=self.ids["role"],
            vpc_config=[
                {
                    "subnet_ids": [self.ids["subnet_b"], self.ids["subnet_a"]],
                    "endpoint_public_access": True,
                    "endpoint_private_access": False,
                    "public_access_cidrs": ["0.0.0.0/0"],
                }
            ],
        )
        self.eks.create_nodegroup(
            clusterName="shop",
            nodegroupName="workers",
            nodeRole=self.ids["role"],
            subnets=[self.ids["subnet_a"]],
            scalingConfig={"minSize": 1, "maxSize": 5, "desiredSize": 2},
        )
        self.declare(
            "aws_eks_node_group.workers",
            id="shop:workers",
            cluster_name="shop",
            node_group_name="workers",
            node_role_arn=self.ids["role"],
            subnet_ids=[self.ids["subnet_a"]],
            scaling_config=[{"min_size": 1, "max_size": 5, "desired_size": 2}],
        )

    def record(self, action: str, address: str) -> None:
        """Write the DNS record of the site."""
        records = {"Name": "web.shop.test", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": records}]}
        self.route53.change_resource_record_sets(HostedZoneId=self.ids["zone"], ChangeBatch=batch)
