# One PostgreSQL instance with a database for each service that keeps tables.
resource "aws_db_subnet_group" "orders" {
  name       = "kettle-orders"
  subnet_ids = ["subnet-0c1f7a2b9d3e45601", "subnet-07b8e2d4c6a91f302"]
  tags = {
    team = "platform"
  }
}

resource "aws_db_instance" "orders" {
  identifier              = "kettle-orders"
  engine                  = "postgres"
  engine_version          = "16.4"
  instance_class          = "db.m7g.large"
  allocated_storage       = 200
  storage_type            = "gp3"
  storage_encrypted       = true
  kms_key_id              = aws_kms_key.data.arn
  multi_az                = true
  port                    = 5432
  username                = "kettle_admin"
  db_subnet_group_name    = aws_db_subnet_group.orders.name
  vpc_security_group_ids  = [aws_security_group.orders_db.id]
  backup_retention_period = 14
  deletion_protection     = true
  publicly_accessible     = false
  skip_final_snapshot     = false
  tags = {
    team = "platform"
  }
}
