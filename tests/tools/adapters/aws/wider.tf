# What the wider account was made from, as people write it: names, references and defaults left out.

resource "aws_network_acl" "main" {
  vpc_id     = aws_vpc.main.id
  subnet_ids = [aws_subnet.b.id]

  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    cidr_block = "10.0.0.0/16"
    from_port  = 443
    to_port    = 443
  }

  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "all"
    cidr_block = "10.0.0.0/16"
    from_port  = 0
    to_port    = 0
  }

  tags = { team = "payments" }
}

resource "aws_network_acl_rule" "admin" {
  network_acl_id = aws_network_acl.main.id
  rule_number    = 110
  protocol       = "tcp"
  rule_action    = "allow"
  cidr_block     = "10.0.0.0/16"
  from_port      = 8080
  to_port        = 8080
}

resource "aws_rds_cluster" "ledger" {
  cluster_identifier      = "ledger"
  engine                  = "aurora-postgresql"
  engine_version          = "15"
  master_username         = "ledger"
  backup_retention_period = 3
  skip_final_snapshot     = true
}

resource "aws_rds_cluster_instance" "ledger" {
  identifier         = "ledger-0"
  cluster_identifier = aws_rds_cluster.ledger.id
  engine             = aws_rds_cluster.ledger.engine
  instance_class     = "db.r6g.large"
}

resource "aws_db_parameter_group" "ledger" {
  name        = "ledger"
  family      = "postgres15"
  description = "ledger"

  parameter {
    name  = "max_connections"
    value = "200"
  }
}

resource "aws_elasticache_replication_group" "basket" {
  replication_group_id     = "basket"
  description              = "baskets"
  node_type                = "cache.t4g.small"
  snapshot_retention_limit = 2
}

resource "aws_api_gateway_rest_api" "orders" {
  name        = "orders"
  description = "orders"
  tags        = { team = "payments" }
}

resource "aws_api_gateway_method" "post" {
  rest_api_id   = aws_api_gateway_rest_api.orders.id
  resource_id   = aws_api_gateway_resource.orders.id
  http_method   = "POST"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "post" {
  rest_api_id             = aws_api_gateway_rest_api.orders.id
  resource_id             = aws_api_gateway_resource.orders.id
  http_method             = aws_api_gateway_method.post.http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.orders.invoke_arn
}

resource "aws_apigatewayv2_route" "status" {
  api_id    = aws_apigatewayv2_api.status.id
  route_key = "GET /status"
  target    = "integrations/${aws_apigatewayv2_integration.status.id}"
}

resource "aws_cloudfront_distribution" "shop" {
  enabled = true
  comment = "shop"

  origin {
    origin_id   = "site"
    domain_name = aws_lb.web.dns_name

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "http-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }

  default_cache_behavior {
    target_origin_id       = "site"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET"]
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    compress               = true
  }
}

resource "aws_sns_topic_subscription" "orders" {
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.orders.arn
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "nightly"
  schedule_expression = "rate(1 day)"
}

resource "aws_cloudwatch_event_target" "nightly" {
  rule      = aws_cloudwatch_event_rule.nightly.name
  target_id = "orders"
  arn       = aws_lambda_function.orders.arn
}

resource "aws_organizations_policy" "no_users" {
  name        = "no-users"
  description = "no users"

  content = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Deny", Action = ["iam:CreateUser"], Resource = "*" }]
  })
}

resource "aws_cloudwatch_metric_alarm" "busy" {
  alarm_name          = "busy"
  metric_name         = "CPUUtilization"
  namespace           = "AWS/RDS"
  period              = 60
  evaluation_periods  = 3
  threshold           = 80
  comparison_operator = "GreaterThanThreshold"
  statistic           = "Average"
  dimensions          = { DBInstanceIdentifier = "orders" }
  alarm_actions       = [aws_sns_topic.orders.arn]
}
