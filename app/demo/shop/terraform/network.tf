# Worker nodes of the cluster. Pods leave through the addresses of their node.
resource "aws_security_group" "nodes" {
  name        = "kettle-eks-nodes"
  description = "Worker nodes of the shop cluster"
  vpc_id      = "vpc-0a4d9c3e7f1b25608"

  ingress {
    description = "Nodes among themselves"
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    self        = true
  }

  egress {
    description = "Anywhere"
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }

  tags = {
    team = "platform"
  }
}

# The database admits the bastion for maintenance and the nodes for work.
resource "aws_security_group" "orders_db" {
  name        = "kettle-orders-db"
  description = "PostgreSQL of the shop"
  vpc_id      = "vpc-0a4d9c3e7f1b25608"

  ingress {
    description = "Bastion"
    from_port   = 5432
    to_port     = 5432
    protocol    = "tcp"
    cidr_blocks = ["10.40.8.10/32"]
  }

  ingress {
    description     = "Worker nodes"
    from_port       = 5432
    to_port         = 5432
    protocol        = "tcp"
    security_groups = [aws_security_group.nodes.id]
  }

  tags = {
    team = "platform"
  }
}
