# Orders are announced here after they are written; fulfilment works them off.
resource "aws_sqs_queue" "order_events" {
  name                       = "kettle-order-events"
  visibility_timeout_seconds = 120
  message_retention_seconds  = 345600
  receive_wait_time_seconds  = 20
  kms_master_key_id          = aws_kms_key.data.arn
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.order_events_dead.arn
    maxReceiveCount     = 5
  })
  tags = {
    team = "fulfilment"
  }
}

resource "aws_sqs_queue" "order_events_dead" {
  name                       = "kettle-order-events-dead"
  visibility_timeout_seconds = 30
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 0
  kms_master_key_id          = aws_kms_key.data.arn
  tags = {
    team = "fulfilment"
  }
}

resource "aws_s3_bucket" "media" {
  bucket = "kettle-shop-media"
  tags = {
    team = "catalog"
  }
}

resource "aws_s3_bucket" "settlements" {
  bucket = "kettle-shop-settlements"
  tags = {
    team = "payments"
  }
}
