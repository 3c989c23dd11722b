# The connections of administrator, writer and reader, for a created instance and an existing Postgres.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name         = "main"
  existing_url = "postgres://app@db.example.com:5432/shop"
}

run "a_created_instance_has_three_users" {
  variables {
    existing_url = null
    subnet_ids   = ["subnet-1", "subnet-2"]
  }

  module {
    source = "./modules/warehouse"
  }

  assert {
    condition     = output.reader.auth == "iam" && output.reader.url == "postgres://headwater_reader@headwater-dev.rds.eu-central-1.amazonaws.com:5432/headwater?sslmode=verify-full"
    error_message = "The reader signs in with IAM as its own user."
  }

  assert {
    condition     = jsonencode(output.reader.statements) == jsonencode([{ actions = ["rds-db:connect"], resources = ["arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKLMNOP/headwater_reader"], sid = "SignInToDatabase" }])
    error_message = "It may sign in only as that user."
  }

  assert {
    condition     = output.writer.statements[0].resources == ["arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-ABCDEFGHIJKLMNOP/headwater_writer"]
    error_message = "The writer is another user."
  }

  assert {
    condition     = output.administrator.iam_user == "headwater_writer" && output.administrator.iam_reader == "headwater_reader"
    error_message = "The migration creates both users."
  }

  assert {
    condition     = aws_db_instance.this[0].deletion_protection && !aws_db_instance.this[0].skip_final_snapshot
    error_message = "Deletion protection and the final snapshot are on."
  }

  assert {
    condition     = aws_db_instance.this[0].final_snapshot_identifier == "main-final-${terraform_data.final_snapshot[0].id}"
    error_message = "The snapshot's name is unique for each instance."
  }
}

run "another_key_does_not_replace_an_instance" {
  command = plan

  variables {
    existing_url = null
    subnet_ids   = ["subnet-1", "subnet-2"]
    instance     = { kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
  }

  module {
    source = "./modules/warehouse"
  }

  expect_failures = [terraform_data.placement]
}

run "another_administrator_does_not_replace_an_instance" {
  command = plan

  variables {
    existing_url = null
    subnet_ids   = ["subnet-1", "subnet-2"]
    instance     = { administrator = "owner" }
  }

  module {
    source = "./modules/warehouse"
  }

  expect_failures = [terraform_data.placement]
}

run "another_database_or_name_does_not_replace_an_instance" {
  command = plan

  variables {
    name         = "other"
    existing_url = null
    subnet_ids   = ["subnet-1", "subnet-2"]
    instance     = { database = "shop" }
  }

  module {
    source = "./modules/warehouse"
  }

  expect_failures = [terraform_data.placement]
}

run "a_new_generation_takes_the_new_key" {
  command = plan

  variables {
    existing_url  = null
    subnet_ids    = ["subnet-1", "subnet-2"]
    generation    = 2
    allow_destroy = true
    instance      = { kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
    kms_key_arn   = "arn:aws:kms:eu-central-1:111122223333:key/99999999-2222-3333-4444-555555555555"
  }

  module {
    source = "./modules/warehouse"
  }

  assert {
    condition = toset([aws_db_instance.this[0].kms_key_id, aws_db_instance.this[0].performance_insights_kms_key_id, aws_db_instance.this[0].master_user_secret_kms_key_id]) == toset([
      "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555"
    ])
    error_message = "Storage, Performance Insights and the administrator's secret use the same key."
  }

  assert {
    condition     = aws_cloudwatch_log_group.postgresql[0].kms_key_id == "arn:aws:kms:eu-central-1:111122223333:key/99999999-2222-3333-4444-555555555555"
    error_message = "The log's key can change at any time."
  }
}

run "permission_to_delete_keeps_the_snapshot" {
  command = plan

  variables {
    existing_url  = null
    subnet_ids    = ["subnet-1", "subnet-2"]
    allow_destroy = true
    instance      = { engine_version = "18", allow_major_version_upgrade = true, apply_immediately = true }
    alarms        = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
  }

  module {
    source = "./modules/warehouse"
  }

  assert {
    condition     = !aws_db_instance.this[0].deletion_protection && !aws_db_instance.this[0].skip_final_snapshot
    error_message = "allow_destroy alone keeps the final snapshot."
  }

  assert {
    condition     = aws_db_instance.this[0].engine_version == "18" && aws_db_instance.this[0].allow_major_version_upgrade && aws_db_instance.this[0].apply_immediately && aws_db_parameter_group.this[0].family == "postgres18"
    error_message = "The major version is upgraded, with the parameter group of that version."
  }

  assert {
    condition     = aws_cloudwatch_log_group.postgresql[0].name == "/aws/rds/instance/main/postgresql" && aws_cloudwatch_log_group.postgresql[0].retention_in_days == 14
    error_message = "Terraform creates the log group, with a retention."
  }

  assert {
    condition     = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.threshold } == { storage = 1073741824, cpu = 80, connections = 80 }
    error_message = "There are alarms on storage (1 of 20 GB free), CPU and connections."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:alarms"])])
    error_message = "The alarms notify the SNS topic."
  }
}

run "without_a_reader_functions_read_as_the_writer" {
  variables {
    existing = { auth = "iam", resource_id = "db-THEIRS" }
  }

  module {
    source = "./modules/warehouse"
  }

  assert {
    condition     = jsonencode(output.reader) == jsonencode(output.writer) && output.administrator.iam_reader == null
    error_message = "There is one user, and the migration creates none."
  }
}

run "an_existing_reader_with_iam" {
  variables {
    existing = { auth = "iam", resource_id = "db-THEIRS", reader = { user = "looker" } }
  }

  module {
    source = "./modules/warehouse"
  }

  assert {
    condition     = nonsensitive(output.reader.url) == "postgres://looker@db.example.com:5432/shop" && output.reader.auth == "iam"
    error_message = "The reader signs in as its own user."
  }

  assert {
    condition     = one(one(output.reader.statements).resources) == "arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-THEIRS/looker"
    error_message = "It may sign in only as that user."
  }
}

run "an_existing_reader_with_a_secret" {
  variables {
    existing = {
      secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:writer-AbCdEf"
      reader     = { user = "looker", secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:looker-AbCdEf" }
    }
  }

  module {
    source = "./modules/warehouse"
  }

  assert {
    condition     = output.reader.auth == "secret:arn:aws:secretsmanager:eu-central-1:111122223333:secret:looker-AbCdEf" && one(one(output.reader.statements).resources) == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:looker-AbCdEf"
    error_message = "The reader may read only its own secret."
  }

  assert {
    condition     = one(one(output.writer.statements).resources) == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:writer-AbCdEf"
    error_message = "The writer's connection is unchanged."
  }
}

run "a_reader_without_its_secret_is_refused" {
  command = plan

  variables {
    existing = { reader = { user = "looker" } }
  }

  module {
    source = "./modules/warehouse"
  }

  expect_failures = [var.existing]
}

run "a_reader_whose_name_widens_a_permission_is_refused" {
  command = plan

  variables {
    existing = { auth = "iam", resource_id = "db-THEIRS", reader = { user = "*" } }
  }

  module {
    source = "./modules/warehouse"
  }

  expect_failures = [var.existing]
}

run "a_reader_that_is_the_writer_and_a_name_that_rds_refuses_are_refused" {
  command = plan

  variables {
    name         = "double--hyphen"
    existing_url = null
    subnet_ids   = ["subnet-1", "subnet-2"]
    instance     = { reader = "headwater_writer" }
  }

  module {
    source = "./modules/warehouse"
  }

  expect_failures = [var.instance, var.name]
}
