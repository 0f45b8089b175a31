# Card tokens have a key of their own: whoever may decrypt with it can charge a card.
resource "aws_kms_key" "card_tokens" {
  description             = "Card tokens of the shop"
  deletion_window_in_days = 30
  enable_key_rotation     = true
  policy                  = file("${path.module}/policies/key-default.json")
  tags = {
    team = "payments"
  }
}

resource "aws_kms_alias" "card_tokens" {
  name          = "alias/kettle-card-tokens"
  target_key_id = aws_kms_key.card_tokens.key_id
}

# Everything else at rest: database, queue, buckets.
resource "aws_kms_key" "data" {
  description             = "Data of the shop at rest"
  deletion_window_in_days = 30
  enable_key_rotation     = true
  policy                  = file("${path.module}/policies/key-default.json")
  tags = {
    team = "platform"
  }
}

resource "aws_kms_alias" "data" {
  name          = "alias/kettle-data"
  target_key_id = aws_kms_key.data.key_id
}
