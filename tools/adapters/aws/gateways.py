"""API Gateway, both versions: APIs, what they answer to, and where that leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.document import Object
from tools.adapters.aws.calls import Calls, Found, Way, block, shaped, tags

_REST: Final[dict[str, Way]] = {
    "id": "id",
    "name": "name",
    "description": lambda body: body.get("description") or "",
    "api_key_source": "apiKeySource",
    "binary_media_types": lambda body: body.get("binaryMediaTypes") or [],
    "disable_execute_api_endpoint": lambda body: bool(body.get("disableExecuteApiEndpoint")),
    # The answer has the quotes of the document escaped once more.
    "policy": lambda body: (body.get("policy") or "").replace('\\"', '"').replace("\\/", "/"),
    "endpoint_configuration": block(
        "endpointConfiguration", types="types", vpc_endpoint_ids=lambda body: body.get("vpcEndpointIds") or []
    ),
    "root_resource_id": "root",
    "tags": tags("tags"),
}
_METHOD: Final[dict[str, Way]] = {
    "http_method": "httpMethod",
    "authorization": "authorizationType",
    "authorizer_id": lambda body: body.get("authorizerId") or "",
    "api_key_required": lambda body: bool(body.get("apiKeyRequired")),
    "authorization_scopes": lambda body: body.get("authorizationScopes") or [],
    "request_parameters": lambda body: body.get("requestParameters") or {},
    "request_models": lambda body: body.get("requestModels") or {},
    "request_validator_id": lambda body: body.get("requestValidatorId") or "",
}
_INTEGRATION: Final[dict[str, Way]] = {
    "type": "type",
    "integration_http_method": "httpMethod",
    "uri": lambda body: body.get("uri") or "",
    "credentials": lambda body: body.get("credentials") or "",
    "connection_type": lambda body: body.get("connectionType") or "INTERNET",
    "connection_id": lambda body: body.get("connectionId") or "",
    "timeout_milliseconds": lambda body: body.get("timeoutInMillis") or 29000,
    "request_templates": lambda body: body.get("requestTemplates") or {},
    "request_parameters": lambda body: body.get("requestParameters") or {},
}
_REST_STAGE: Final[dict[str, Way]] = {
    "stage_name": "stageName",
    "deployment_id": "deploymentId",
    "description": lambda body: body.get("description") or "",
    "cache_cluster_enabled": lambda body: bool(body.get("cacheClusterEnabled")),
    "xray_tracing_enabled": lambda body: bool(body.get("tracingEnabled")),
    "variables": lambda body: body.get("variables") or {},
    "access_log_settings": block("accessLogSettings", destination_arn="destinationArn", format="format"),
    "tags": tags("tags"),
}
_API: Final[dict[str, Way]] = {
    "id": "ApiId",
    "name": "Name",
    "protocol_type": "ProtocolType",
    "api_endpoint": "ApiEndpoint",
    "description": lambda body: body.get("Description") or "",
    "version": lambda body: body.get("Version") or "",
    "route_selection_expression": "RouteSelectionExpression",
    "disable_execute_api_endpoint": lambda body: bool(body.get("DisableExecuteApiEndpoint")),
    "cors_configuration": block(
        "CorsConfiguration",
        allow_credentials=lambda body: bool(body.get("AllowCredentials")),
        allow_headers=lambda body: body.get("AllowHeaders") or [],
        allow_methods=lambda body: body.get("AllowMethods") or [],
        allow_origins=lambda body: body.get("AllowOrigins") or [],
        expose_headers=lambda body: body.get("ExposeHeaders") or [],
        max_age=lambda body: body.get("MaxAge") or 0,
    ),
    "tags": tags(),
}
_API_INTEGRATION: Final[dict[str, Way]] = {
    "id": "IntegrationId",
    "integration_type": "IntegrationType",
    "integration_uri": lambda body: body.get("IntegrationUri") or "",
    "integration_method": lambda body: body.get("IntegrationMethod") or "",
    "connection_type": lambda body: body.get("ConnectionType") or "INTERNET",
    "connection_id": lambda body: body.get("ConnectionId") or "",
    "credentials_arn": lambda body: body.get("CredentialsArn") or "",
    "description": lambda body: body.get("Description") or "",
    "payload_format_version": "PayloadFormatVersion",
    "timeout_milliseconds": "TimeoutInMillis",
}
_API_ROUTE: Final[dict[str, Way]] = {
    "id": "RouteId",
    "route_key": "RouteKey",
    "target": lambda body: body.get("Target") or "",
    "authorization_type": lambda body: body.get("AuthorizationType") or "NONE",
    "authorizer_id": lambda body: body.get("AuthorizerId") or "",
    "api_key_required": lambda body: bool(body.get("ApiKeyRequired")),
}
_API_STAGE: Final[dict[str, Way]] = {
    "id": "StageName",
    "name": "StageName",
    "auto_deploy": lambda body: bool(body.get("AutoDeploy")),
    "description": lambda body: body.get("Description") or "",
    "stage_variables": lambda body: body.get("StageVariables") or {},
    "access_log_settings": block("AccessLogSettings", destination_arn="DestinationArn", format="Format"),
    "tags": tags(),
}


def rest_apis(calls: Calls) -> Iterator[Found]:
    for body in calls.pages("apigateway", "get_rest_apis", "items"):
        api = body["id"]
        paths = calls.listed(
            "apigateway", "get_resources", "items", of="aws_api_gateway_resource", restApiId=api, embed=["methods"]
        )
        body["root"] = next((p["id"] for p in paths or () if p.get("path") == "/"), None)
        values = shaped(body, _REST)
        values["arn"] = _arn(calls, f"/restapis/{api}")
        yield Found("aws_api_gateway_rest_api", values, {})
        for path in paths or ():
            yield from _path(api, path)
        deployments = calls.listed(
            "apigateway", "get_deployments", "items", of="aws_api_gateway_deployment", restApiId=api
        )
        for made in deployments or ():
            values = {"id": made["id"], "rest_api_id": api, "description": made.get("description") or ""}
            # What was deployed before stays for ever; only a stage says which one is used.
            yield Found("aws_api_gateway_deployment", values, {"is_default": True})
        stages = calls.part("apigateway", "get_stages", of="aws_api_gateway_stage", restApiId=api)
        for stage in stages.get("item") or () if stages else ():
            values = {"rest_api_id": api, **shaped(stage, _REST_STAGE)}
            values["arn"] = _arn(calls, f"/restapis/{api}/stages/{values['stage_name']}")
            yield Found("aws_api_gateway_stage", values, {})


def _path(api: str, path: Object) -> Iterator[Found]:
    if path.get("path") != "/":
        values = {"id": path["id"], "rest_api_id": api, "parent_id": path.get("parentId")}
        yield Found(
            "aws_api_gateway_resource", {**values, "path_part": path.get("pathPart"), "path": path.get("path")}, {}
        )
    for name, method in (path.get("resourceMethods") or {}).items():
        own = {"rest_api_id": api, "resource_id": path["id"], "http_method": name}
        yield Found("aws_api_gateway_method", {**shaped(method, _METHOD), **own}, {})
        if integration := method.get("methodIntegration"):
            yield Found("aws_api_gateway_integration", {**shaped(integration, _INTEGRATION), **own}, {})


def http_apis(calls: Calls) -> Iterator[Found]:
    """Yield the APIs of the second version, for HTTP and for web sockets."""
    for body in calls.pages("apigatewayv2", "get_apis", "Items"):
        api = body["ApiId"]
        values = shaped(body, _API)
        values["arn"] = _arn(calls, f"/apis/{api}")
        yield Found("aws_apigatewayv2_api", values, {})
        kinds: tuple[tuple[str, str, dict[str, Way]], ...] = (
            ("get_integrations", "aws_apigatewayv2_integration", _API_INTEGRATION),
            ("get_routes", "aws_apigatewayv2_route", _API_ROUTE),
            ("get_stages", "aws_apigatewayv2_stage", _API_STAGE),
        )
        for operation, type, ways in kinds:
            for part in calls.listed("apigatewayv2", operation, "Items", of=type, ApiId=api) or ():
                yield Found(type, {**shaped(part, ways), "api_id": api}, _made_by_itself(part))


def _made_by_itself(part: Object) -> Any:
    """An API that was made in one step has a stage, a route and an integration that only the API is declared with."""
    return {"is_default": True} if part.get("ApiGatewayManaged") else {}


def _arn(calls: Calls, path: str) -> str:
    return f"arn:{calls.account.partition}:apigateway:{calls.account.region}::{path}"
