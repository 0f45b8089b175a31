"""More of the emulated account: clusters, caches, gateways, distributions, rules of subnets and of an organisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graph.drift import Verdict
from tests.tools.adapters.aws.account import ACCOUNT, PAIRS, REGION, TAGS, Account, policy


def build_wider(account: Account) -> None:
    """Make everything, in an account that has been built already."""
    for step in (
        _access_list,
        _databases,
        _settings,
        _caches,
        _rest_api,
        _http_api,
        _messages,
        _distribution,
        _organisation,
        _rest,
    ):
        step(account)


def _access_list(a: Account) -> None:
    made = a.ec2.create_network_acl(VpcId=a.ids["vpc"])["NetworkAcl"]["NetworkAclId"]
    a.ids["acl"] = made
    a.ec2.create_tags(Resources=[made], Tags=PAIRS)
    for number, egress, port in ((100, False, 443), (110, False, 8080), (100, True, 0)):
        ports = {"PortRange": {"From": port, "To": port}} if port else {}
        a.ec2.create_network_acl_entry(
            NetworkAclId=made,
            RuleNumber=number,
            Protocol="6" if port else "-1",
            RuleAction="allow",
            Egress=egress,
            CidrBlock="10.0.0.0/16",
            **ports,
        )
    held = a.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [a.ids["subnet_b"]]}])
    (own,) = [x for x in held["NetworkAcls"][0]["Associations"] if x["SubnetId"] == a.ids["subnet_b"]]
    a.ec2.replace_network_acl_association(AssociationId=own["NetworkAclAssociationId"], NetworkAclId=made)

    def rule(number: int, protocol: str, port: int) -> dict[str, Any]:
        numbers = {"from_port": port, "to_port": port, "icmp_type": 0, "icmp_code": 0}
        return {
            "rule_no": number,
            "action": "allow",
            "protocol": protocol,
            "cidr_block": "10.0.0.0/16",
            "ipv6_cidr_block": "",
            **numbers,
        }

    a.declare(
        "aws_network_acl.main",
        id=made,
        arn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-acl/{made}",
        vpc_id=a.ids["vpc"],
        subnet_ids=[a.ids["subnet_b"]],
        # One rule stands here, the other one is declared apart; the state shows both.
        ingress=[rule(100, "tcp", 443), rule(110, "6", 8080)],
        egress=[rule(100, "-1", 0)],
        tags=TAGS,
        tags_all=TAGS,
    )
    a.declare(
        "aws_network_acl_rule.admin",
        id="nacl-1",
        network_acl_id=made,
        rule_number=110,
        egress=False,
        protocol="tcp",
        rule_action="allow",
        cidr_block="10.0.0.0/16",
        from_port=8080,
        to_port=8080,
    )


def _databases(a: Account) -> None:
    made = a.rds.create_db_cluster(
        DBClusterIdentifier="ledger",
        Engine="aurora-postgresql",
        EngineVersion="15.4",
        MasterUsername="ledger",
        MasterUserPassword="not-a-secret",
        DBSubnetGroupName="rows",
        BackupRetentionPeriod=3,
    )["DBCluster"]
    member = a.rds.create_db_instance(
        DBInstanceIdentifier="ledger-0",
        DBClusterIdentifier="ledger",
        DBInstanceClass="db.r6g.large",
        Engine="aurora-postgresql",
    )["DBInstance"]
    a.declare(
        "aws_rds_cluster.ledger",
        id="ledger",
        cluster_identifier="ledger",
        arn=made["DBClusterArn"],
        engine="aurora-postgresql",
        engine_version="15",
        master_username="ledger",
        backup_retention_period=3,
        endpoint=made["Endpoint"],
        deletion_protection=False,
        cluster_members=["ledger-0"],
        skip_final_snapshot=True,
    )
    a.declare(
        "aws_rds_cluster_instance.ledger",
        id="ledger-0",
        identifier="ledger-0",
        cluster_identifier="ledger",
        arn=member["DBInstanceArn"],
        engine="aurora-postgresql",
        instance_class="db.r6g.large",
        publicly_accessible=False,
    )


def _settings(a: Account) -> None:
    made = a.rds.create_db_parameter_group(
        DBParameterGroupName="ledger", DBParameterGroupFamily="postgres15", Description="ledger"
    )["DBParameterGroup"]
    _set(a, "max_connections", "200")
    a.declare(
        "aws_db_parameter_group.ledger",
        id="ledger",
        name="ledger",
        arn=made["DBParameterGroupArn"],
        family="postgres15",
        description="ledger",
        parameter=[{"name": "max_connections", "value": "200", "apply_method": "immediate"}],
    )
    version = a.lambda_.publish_version(FunctionName="orders")["Version"]
    alias = a.lambda_.create_alias(FunctionName="orders", Name="live", FunctionVersion=version)
    a.declare(
        "aws_lambda_alias.live",
        id=alias["AliasArn"],
        arn=alias["AliasArn"],
        name="live",
        function_name=a.ids["function"],
        function_version=version,
    )
    bus = a.events.create_event_bus(Name="orders")["EventBusArn"]
    a.declare("aws_cloudwatch_event_bus.orders", id="orders", name="orders", arn=bus)


def _set(a: Account, name: str, value: str) -> None:
    setting = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "immediate"}
    a.rds.modify_db_parameter_group(DBParameterGroupName="ledger", Parameters=[setting])


def _caches(a: Account) -> None:
    group = a.elasticache.create_replication_group(
        ReplicationGroupId="basket",
        ReplicationGroupDescription="baskets",
        Engine="redis",
        CacheNodeType="cache.t4g.small",
        NumCacheClusters=1,
        SnapshotRetentionLimit=2,
    )["ReplicationGroup"]
    alone = a.elasticache.create_cache_cluster(
        CacheClusterId="pages", Engine="memcached", CacheNodeType="cache.t4g.micro", NumCacheNodes=1
    )["CacheCluster"]
    a.declare(
        "aws_elasticache_replication_group.basket",
        id="basket",
        replication_group_id="basket",
        arn=group["ARN"],
        description="baskets",
        node_type="cache.t4g.small",
        snapshot_retention_limit=2,
        automatic_failover_enabled=False,
    )
    a.declare(
        "aws_elasticache_cluster.pages",
        id="pages",
        cluster_id="pages",
        arn=alone["ARN"],
        engine="memcached",
        node_type="cache.t4g.micro",
        num_cache_nodes=1,
    )


def invocation(function: str) -> str:
    """Return the address under which API Gateway calls a function."""
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"


def _rest_api(a: Account) -> None:
    api = a.apigateway.create_rest_api(name="orders", description="orders", tags=TAGS)["id"]
    root = a.apigateway.get_resources(restApiId=api)["items"][0]["id"]
    path = a.apigateway.create_resource(restApiId=api, parentId=root, pathPart="orders")["id"]
    own = {"restApiId": api, "resourceId": path, "httpMethod": "POST"}
    a.apigateway.put_method(**own, authorizationType="NONE")
    a.apigateway.put_integration(
        **own, type="AWS_PROXY", integrationHttpMethod="POST", uri=invocation(a.ids["function"])
    )
    deployment = a.apigateway.create_deployment(restApiId=api)["id"]
    a.apigateway.create_stage(restApiId=api, stageName="live", deploymentId=deployment, variables={"colour": "blue"})
    a.ids.update(rest_api=api, path=path)
    same = {"rest_api_id": api, "resource_id": path, "http_method": "POST"}
    a.declare(
        "aws_api_gateway_rest_api.orders",
        id=api,
        arn=f"arn:aws:apigateway:{REGION}::/restapis/{api}",
        name="orders",
        description="orders",
        root_resource_id=root,
        policy="",
        tags=TAGS,
        tags_all=TAGS,
    )
    a.declare(
        "aws_api_gateway_resource.orders", id=path, rest_api_id=api, parent_id=root, path_part="orders", path="/orders"
    )
    a.declare(
        "aws_api_gateway_method.post",
        id=f"agm-{api}-{path}-POST",
        **same,
        authorization="NONE",
        api_key_required=False,
    )
    a.declare(
        "aws_api_gateway_integration.post",
        id=f"agi-{api}-{path}-POST",
        **same,
        type="AWS_PROXY",
        integration_http_method="POST",
        uri=invocation(a.ids["function"]),
    )
    a.declare("aws_api_gateway_deployment.orders", id=deployment, rest_api_id=api, description="")
    a.declare(
        "aws_api_gateway_stage.live",
        id=f"ags-{api}-live",
        rest_api_id=api,
        stage_name="live",
        deployment_id=deployment,
        variables={"colour": "blue"},
        xray_tracing_enabled=False,
    )


def _http_api(a: Account) -> None:
    made = a.apigatewayv2.create_api(Name="status", ProtocolType="HTTP", Tags=TAGS)
    api = made["ApiId"]
    integration = a.apigatewayv2.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=a.ids["function"], PayloadFormatVersion="2.0"
    )["IntegrationId"]
    route = a.apigatewayv2.create_route(ApiId=api, RouteKey="GET /status", Target=f"integrations/{integration}")
    a.apigatewayv2.create_stage(ApiId=api, StageName="live", AutoDeploy=True)
    a.ids.update(http_api=api, http_integration=integration, http_route=route["RouteId"])
    a.declare(
        "aws_apigatewayv2_api.status",
        id=api,
        arn=f"arn:aws:apigateway:{REGION}::/apis/{api}",
        name="status",
        protocol_type="HTTP",
        api_endpoint=made["ApiEndpoint"],
        tags=TAGS,
        tags_all=TAGS,
    )
    a.declare(
        "aws_apigatewayv2_integration.status",
        id=integration,
        api_id=api,
        integration_type="AWS_PROXY",
        integration_uri=a.ids["function"],
        payload_format_version="2.0",
    )
    a.declare(
        "aws_apigatewayv2_route.status",
        id=route["RouteId"],
        api_id=api,
        route_key="GET /status",
        target=f"integrations/{integration}",
        authorization_type="NONE",
    )
    a.declare("aws_apigatewayv2_stage.live", id="live", api_id=api, name="live", auto_deploy=True)


def _messages(a: Account) -> None:
    stream = "clicks"
    a.kinesis.create_stream(StreamName=stream, ShardCount=2)
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{stream}"
    a.declare("aws_kinesis_stream.clicks", id=arn, arn=arn, name=stream, shard_count=2, retention_period=24)
    a.cloudwatch.put_metric_alarm(
        AlarmName="busy",
        MetricName="CPUUtilization",
        Namespace="AWS/RDS",
        Period=60,
        EvaluationPeriods=3,
        Threshold=80.0,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Average",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": "orders"}],
        AlarmActions=[a.ids["topic"]],
    )
    # Nobody declares what a scaling policy makes for itself.
    a.cloudwatch.put_metric_alarm(
        AlarmName="TargetTracking-table/orders-AlarmHigh-1",
        MetricName="ConsumedReadCapacityUnits",
        Namespace="AWS/DynamoDB",
        Period=60,
        EvaluationPeriods=2,
        Threshold=7.0,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
        AlarmActions=[f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:1:resource/dynamodb/table/orders"],
    )
    a.declare(
        "aws_cloudwatch_metric_alarm.busy",
        id="busy",
        alarm_name="busy",
        arn=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:busy",
        metric_name="CPUUtilization",
        namespace="AWS/RDS",
        period=60,
        evaluation_periods=3,
        threshold=80,
        comparison_operator="GreaterThanThreshold",
        statistic="Average",
        dimensions={"DBInstanceIdentifier": "orders"},
        alarm_actions=[a.ids["topic"]],
        treat_missing_data="missing",
    )


def distribution(a: Account) -> dict[str, Any]:
    """Return the configuration of the distribution."""
    behaviour = {
        "TargetOriginId": "site",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {"Quantity": 2, "Items": ["HEAD", "GET"], "CachedMethods": {"Quantity": 1, "Items": ["GET"]}},
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "Compress": True,
    }
    origin = {
        "Id": "site",
        "DomainName": a.ids["balancer_host"],
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "http-only",
            "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
        },
    }
    return {
        "CallerReference": "1",
        "Comment": "shop",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": behaviour,
    }


def _distribution(a: Account) -> None:
    (balancer,) = a.elbv2.describe_load_balancers(LoadBalancerArns=[a.ids["balancer"]])["LoadBalancers"]
    a.ids["balancer_host"] = balancer["DNSName"]
    made = a.cloudfront.create_distribution(DistributionConfig=distribution(a))
    a.ids.update(distribution=made["Distribution"]["Id"], etag=made["ETag"])
    a.declare(
        "aws_cloudfront_distribution.shop",
        id=made["Distribution"]["Id"],
        arn=made["Distribution"]["ARN"],
        domain_name=made["Distribution"]["DomainName"],
        comment="shop",
        enabled=True,
        aliases=[],
        etag=made["ETag"],
        origin=[
            {
                "origin_id": "site",
                "domain_name": a.ids["balancer_host"],
                "origin_path": "",
                "connection_attempts": 3,
                "connection_timeout": 10,
                "custom_origin_config": [
                    {
                        "http_port": 80,
                        "https_port": 443,
                        "origin_protocol_policy": "http-only",
                        "origin_ssl_protocols": ["TLSv1.2"],
                        "origin_read_timeout": 30,
                        "origin_keepalive_timeout": 5,
                    }
                ],
            }
        ],
        default_cache_behavior=[
            {
                "target_origin_id": "site",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": ["GET", "HEAD"],
                "cached_methods": ["GET"],
                "cache_policy_id": "658327ea-f89d-4fab-a63d-7e88639e58f6",
                "compress": True,
            }
        ],
    )


def _organisation(a: Account) -> None:
    a.organizations.create_organization(FeatureSet="ALL")
    root = a.organizations.list_roots()["Roots"][0]["Id"]
    document = policy("*").replace("Allow", "Deny").replace('"*"', '"iam:CreateUser"', 1)
    made = a.organizations.create_policy(
        Name="no-users", Description="no users", Type="SERVICE_CONTROL_POLICY", Content=document
    )["Policy"]["PolicySummary"]
    unit = a.organizations.create_organizational_unit(ParentId=root, Name="shops")["OrganizationalUnit"]
    a.organizations.create_account(AccountName="other", Email="other@example.com")
    a.declare(
        "aws_organizations_organizational_unit.shops",
        id=unit["Id"],
        arn=unit["Arn"],
        name="shops",
        parent_id=root,
    )
    a.organizations.attach_policy(PolicyId=made["Id"], TargetId=root)
    a.ids.update(guard=made["Id"], root=root)
    a.declare(
        "aws_organizations_policy.no_users",
        id=made["Id"],
        arn=made["Arn"],
        name="no-users",
        description="no users",
        type="SERVICE_CONTROL_POLICY",
        content=document,
    )
    a.declare(
        "aws_organizations_policy_attachment.no_users", id=f"{root}:{made['Id']}", policy_id=made["Id"], target_id=root
    )


def _rest(a: Account) -> None:
    images = a.ecr.create_repository(repositoryName="orders", imageTagMutability="IMMUTABLE")["repository"]
    a.declare(
        "aws_ecr_repository.orders",
        id="orders",
        name="orders",
        arn=images["repositoryArn"],
        repository_url=images["repositoryUri"],
        image_tag_mutability="IMMUTABLE",
    )
    certificate = a.acm.request_certificate(DomainName="shop.test")["CertificateArn"]
    a.ids["certificate"] = certificate
    a.declare("aws_acm_certificate.shop", id=certificate, arn=certificate, domain_name="shop.test")
    steps = '{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}'
    machine = a.stepfunctions.create_state_machine(name="refunds", definition=steps, roleArn=a.ids["role"])
    a.ids["machine"] = machine["stateMachineArn"]
    a.declare(
        "aws_sfn_state_machine.refunds",
        id=a.ids["machine"],
        arn=a.ids["machine"],
        name="refunds",
        definition=steps,
        role_arn=a.ids["role"],
        type="STANDARD",
    )
    a.ssm.put_parameter(Name="/orders/limit", Value="5", Type="String", Description="limit")
    a.declare(
        "aws_ssm_parameter.limit",
        id="/orders/limit",
        name="/orders/limit",
        arn=f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/orders/limit",
        type="String",
        description="limit",
        tier="Standard",
    )
    provider = a.iam.create_open_id_connect_provider(
        Url="https://oidc.example.com/id/1", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )["OpenIDConnectProviderArn"]
    a.ids["provider"] = provider
    a.declare(
        "aws_iam_openid_connect_provider.cluster",
        id=provider,
        arn=provider,
        url="oidc.example.com/id/1",
        client_id_list=["sts.amazonaws.com"],
        thumbprint_list=["a" * 40],
    )
    target = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/orders",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    getattr(a, "application-autoscaling").register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    a.declare(
        "aws_appautoscaling_target.orders",
        id="table/orders",
        service_namespace="dynamodb",
        resource_id="table/orders",
        scalable_dimension="dynamodb:table:ReadCapacityUnits",
        min_capacity=1,
        max_capacity=3,
    )


def _update_distribution(a: Account) -> None:
    config = distribution(a)
    config["Origins"]["Items"][0]["CustomOriginConfig"]["OriginProtocolPolicy"] = "https-only"
    a.cloudfront.update_distribution(Id=a.ids["distribution"], IfMatch=a.ids["etag"], DistributionConfig=config)


def _patch(path: str, value: str) -> list[dict[str, str]]:
    return [{"op": "replace", "path": path, "value": value}]


CHANGED, GONE, NEW = Verdict.OUT_OF_BAND_CHANGE.value, Verdict.DELETED_OUT_OF_BAND.value, Verdict.UNMANAGED.value
ALTERATIONS: list[tuple[str, Callable[[Account], Any], str, str, str]] = [
    (
        "a rule of a subnet",
        lambda a: a.ec2.delete_network_acl_entry(NetworkAclId=a.ids["acl"], RuleNumber=100, Egress=False),
        "aws_network_acl.main",
        "/values/ingress/0",
        CHANGED,
    ),
    (
        "a rule of a subnet that is declared apart",
        lambda a: a.ec2.delete_network_acl_entry(NetworkAclId=a.ids["acl"], RuleNumber=110, Egress=False),
        "aws_network_acl_rule.admin",
        "",
        GONE,
    ),
    (
        "a cluster that may be deleted",
        lambda a: a.rds.modify_db_cluster(DBClusterIdentifier="ledger", DeletionProtection=True),
        "aws_rds_cluster.ledger",
        "/values/deletion_protection",
        CHANGED,
    ),
    (
        "the size of a member",
        lambda a: a.rds.modify_db_instance(
            DBInstanceIdentifier="ledger-0", DBInstanceClass="db.r6g.4xlarge", ApplyImmediately=True
        ),
        "aws_rds_cluster_instance.ledger",
        "/values/instance_class",
        CHANGED,
    ),
    (
        "a setting of databases",
        lambda a: _set(a, "max_connections", "20"),
        "aws_db_parameter_group.ledger",
        "/values/parameter/0/value",
        CHANGED,
    ),
    (
        "which version an alias means",
        lambda a: a.lambda_.update_alias(FunctionName="orders", Name="live", FunctionVersion="$LATEST"),
        "aws_lambda_alias.live",
        "/values/function_version",
        CHANGED,
    ),
    ("a bus", lambda a: a.events.delete_event_bus(Name="orders"), "aws_cloudwatch_event_bus.orders", "", GONE),
    (
        "a cache",
        lambda a: a.elasticache.delete_cache_cluster(CacheClusterId="pages"),
        "aws_elasticache_cluster.pages",
        "",
        GONE,
    ),
    (
        "a cache made by hand",
        lambda a: a.elasticache.create_cache_cluster(
            CacheClusterId="mine", Engine="redis", CacheNodeType="cache.t4g.micro", NumCacheNodes=1
        ),
        "aws_elasticache_cluster",
        "",
        NEW,
    ),
    (
        "what an API says of itself",
        lambda a: a.apigateway.update_rest_api(
            restApiId=a.ids["rest_api"], patchOperations=_patch("/description", "x")
        ),
        "aws_api_gateway_rest_api.orders",
        "/values/description",
        CHANGED,
    ),
    (
        "where an API leads",
        lambda a: a.apigateway.put_integration(
            restApiId=a.ids["rest_api"],
            resourceId=a.ids["path"],
            httpMethod="POST",
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=invocation(a.ids["function"].replace("orders", "other")),
        ),
        "aws_api_gateway_integration.post",
        "/values/uri",
        CHANGED,
    ),
    (
        "a variable of a stage",
        lambda a: a.apigateway.update_stage(
            restApiId=a.ids["rest_api"], stageName="live", patchOperations=_patch("/variables/colour", "green")
        ),
        "aws_api_gateway_stage.live",
        "/values/variables/colour",
        CHANGED,
    ),
    (
        "a route of an API",
        lambda a: a.apigatewayv2.delete_route(ApiId=a.ids["http_api"], RouteId=a.ids["http_route"]),
        "aws_apigatewayv2_route.status",
        "",
        GONE,
    ),
    (
        "how an API calls",
        lambda a: a.apigatewayv2.update_integration(
            ApiId=a.ids["http_api"], IntegrationId=a.ids["http_integration"], PayloadFormatVersion="1.0"
        ),
        "aws_apigatewayv2_integration.status",
        "/values/payload_format_version",
        CHANGED,
    ),
    (
        "how long a stream keeps",
        lambda a: a.kinesis.increase_stream_retention_period(StreamName="clicks", RetentionPeriodHours=48),
        "aws_kinesis_stream.clicks",
        "/values/retention_period",
        CHANGED,
    ),
    (
        "an alarm",
        lambda a: a.cloudwatch.delete_alarms(AlarmNames=["busy"]),
        "aws_cloudwatch_metric_alarm.busy",
        "",
        GONE,
    ),
    (
        "an origin",
        _update_distribution,
        "aws_cloudfront_distribution.shop",
        "/values/origin/0/custom_origin_config/0/origin_protocol_policy",
        CHANGED,
    ),
    (
        "where a policy of the organisation holds",
        lambda a: a.organizations.detach_policy(PolicyId=a.ids["guard"], TargetId=a.ids["root"]),
        "aws_organizations_policy_attachment.no_users",
        "",
        GONE,
    ),
    (
        "what a policy of the organisation says",
        lambda a: a.organizations.update_policy(
            PolicyId=a.ids["guard"], Content=policy("iam:CreateRole").replace("Allow", "Deny")
        ),
        "aws_organizations_policy.no_users",
        "/values/content/Statement/0/Action/0",
        CHANGED,
    ),
    (
        "whether images change",
        lambda a: a.ecr.put_image_tag_mutability(repositoryName="orders", imageTagMutability="MUTABLE"),
        "aws_ecr_repository.orders",
        "/values/image_tag_mutability",
        CHANGED,
    ),
    (
        "a certificate",
        lambda a: a.acm.delete_certificate(CertificateArn=a.ids["certificate"]),
        "aws_acm_certificate.shop",
        "",
        GONE,
    ),
    (
        "what a machine does",
        lambda a: a.stepfunctions.update_state_machine(
            stateMachineArn=a.ids["machine"],
            definition='{"Comment":"x","StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}',
        ),
        "aws_sfn_state_machine.refunds",
        "/values/definition/Comment",
        CHANGED,
    ),
    (
        "what a parameter is for",
        lambda a: a.ssm.put_parameter(Name="/orders/limit", Value="5", Type="String", Description="x", Overwrite=True),
        "aws_ssm_parameter.limit",
        "/values/description",
        CHANGED,
    ),
    (
        "whom an identity provider trusts",
        lambda a: a.iam.update_open_id_connect_provider_thumbprint(
            OpenIDConnectProviderArn=a.ids["provider"], ThumbprintList=["b" * 40]
        ),
        "aws_iam_openid_connect_provider.cluster",
        "/values/thumbprint_list/0",
        CHANGED,
    ),
]
