# One role a workload, assumed through its ServiceAccount. What it may do stands in policies/NAME.json.
resource "aws_iam_role" "payments" {
  name               = "kettle-payments"
  path               = "/"
  assume_role_policy = templatefile("${path.module}/policies/trust.json.tftpl", { account = "payments" })
  tags = {
    team = "payments"
  }
}

resource "aws_iam_role_policy" "payments" {
  name   = "payments-runtime"
  role   = aws_iam_role.payments.id
  policy = file("${path.module}/policies/payments.json")
}

resource "aws_iam_role" "orders" {
  name               = "kettle-orders"
  path               = "/"
  assume_role_policy = templatefile("${path.module}/policies/trust.json.tftpl", { account = "orders" })
  tags = {
    team = "fulfilment"
  }
}

resource "aws_iam_role_policy" "orders" {
  name   = "orders-runtime"
  role   = aws_iam_role.orders.id
  policy = file("${path.module}/policies/orders.json")
}

resource "aws_iam_role" "fulfilment" {
  name               = "kettle-fulfilment"
  path               = "/"
  assume_role_policy = templatefile("${path.module}/policies/trust.json.tftpl", { account = "fulfilment" })
  tags = {
    team = "fulfilment"
  }
}

resource "aws_iam_role_policy" "fulfilment" {
  name   = "fulfilment-runtime"
  role   = aws_iam_role.fulfilment.id
  policy = file("${path.module}/policies/fulfilment.json")
}

resource "aws_iam_role" "media" {
  name               = "kettle-media"
  path               = "/"
  assume_role_policy = templatefile("${path.module}/policies/trust.json.tftpl", { account = "media" })
  tags = {
    team = "catalog"
  }
}

resource "aws_iam_role_policy" "media" {
  name   = "media-runtime"
  role   = aws_iam_role.media.id
  policy = file("${path.module}/policies/media.json")
}

resource "aws_iam_role" "settlement" {
  name               = "kettle-settlement"
  path               = "/"
  assume_role_policy = templatefile("${path.module}/policies/trust.json.tftpl", { account = "settlement" })
  tags = {
    team = "payments"
  }
}

resource "aws_iam_role_policy" "settlement" {
  name   = "settlement-runtime"
  role   = aws_iam_role.settlement.id
  policy = file("${path.module}/policies/settlement.json")
}
