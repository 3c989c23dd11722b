# The operators' host.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name            = "headwater-prod"
  role            = { suffix = "-eucentral1", permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary" }
  network         = { subnet_id = "subnet-1", security_group_ids = ["sg-host"] }
  deployment      = { bucket = "the-deployment", bucket_arn = "arn:aws:s3:::the-deployment" }
  artifacts_dir   = "tests/fixtures/host"
  stack_json      = "{\"lake_root\":{\"sensitive\":false,\"value\":\"s3://the-lake\"}}"
  pipelines_json  = "[]"
  authorities_pem = "-----BEGIN CERTIFICATE-----\n"
  kafka = {
    bootstrap_servers = "b-1:9098,b-2:9098"
    auth              = "msk-iam"
    cluster_arn       = "arn:aws:kafka:eu-central-1:111122223333:cluster/main/UUID"
    topics            = ["rooms-v1"]
    groups            = ["coldstorage"]
  }
  database = {
    url        = "postgres://headwater_reader@db:5432/o'brien"
    auth       = "iam"
    statements = [{ sid = "SignInToDatabase", actions = ["rds-db:connect"], resources = ["arn:aws:rds-db:eu-central-1:111122223333:dbuser:db-1/headwater_reader"] }]
  }
  buckets           = [{ arn = "arn:aws:s3:::the-lake" }, { arn = "arn:aws:s3:::theirs", prefix = "inbox/" }]
  parked_bucket_arn = "arn:aws:s3:::the-parked"
  functions = {
    names           = ["headwater-prod-parquet-writer"]
    invoked_arns    = ["arn:aws:lambda:eu-central-1:111122223333:function:headwater-prod-parquet-writer:live"]
    signed_url_arns = ["arn:aws:lambda:eu-central-1:111122223333:function:headwater-prod-live-board:live"]
    mapping_ids     = ["11111111-2222-3333-4444-555555555555"]
  }
  queue_names      = ["headwater-prod-inbox-etl", "headwater-prod-inbox-etl-failed"]
  token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:token-AbCdEf"
  alarms           = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
}

run "a_host_that_nothing_reaches_and_that_is_always_on" {
  module {
    source = "./modules/host"
  }

  assert {
    condition     = !aws_instance.this.associate_public_ip_address && aws_instance.this.subnet_id == "subnet-1" && aws_instance.this.vpc_security_group_ids == toset(["sg-host"])
    error_message = "The host has no public address, and the given security group."
  }

  assert {
    condition     = aws_instance.this.metadata_options[0].http_tokens == "required" && aws_instance.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "The host requires IMDSv2 with a hop limit of 1."
  }

  assert {
    condition     = aws_instance.this.root_block_device[0].encrypted && aws_instance.this.root_block_device[0].volume_type == "gp3" && !aws_instance.this.monitoring
    error_message = "The disk is encrypted."
  }

  assert {
    condition     = aws_instance.this.ami == "ami-0123456789abcdef0" && aws_instance.this.instance_type == "t4g.small"
    error_message = "A small arm64 instance, with the newest image for it."
  }

  assert {
    condition     = length(aws_scheduler_schedule.hours) == 0 && length(module.hours_role) == 0
    error_message = "Without hours there is no schedule."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.status[0].metric_name == "StatusCheckFailed" && aws_cloudwatch_metric_alarm.status[0].treat_missing_data == "notBreaching" && aws_cloudwatch_metric_alarm.status[0].alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:alarms"])
    error_message = "The alarm reports failed status checks, and not a stopped host."
  }

  # With a rate or an immediate first run, SSM would restart the host while it installs its packages.
  assert {
    condition     = aws_ssm_association.patches.apply_only_at_cron_interval && startswith(aws_ssm_association.patches.schedule_expression, "cron(") && aws_ssm_association.patches.name == "AWS-RunPatchBaseline" && aws_ssm_association.patches.parameters["Operation"] == "Install"
    error_message = "Updates are installed only at the patch schedule."
  }

  assert {
    condition     = aws_ssm_association.patches.targets[0].key == "tag:headwater-host" && aws_ssm_association.patches.targets[0].values == tolist([aws_instance.this.tags["headwater-host"]])
    error_message = "The association selects the host by its tag."
  }

  # A plain session is not a login shell (it does not read /etc/profile.d), and starts in /usr/bin, which is not writable.
  assert {
    condition     = strcontains(output.connect, "--target ${output.instance_id} ") && strcontains(output.connect, "bash -l")
    error_message = "The command opens a login shell."
  }

  assert {
    condition     = aws_iam_role.this.name == "headwater-prod-host-eucentral1" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "The role has the region in its name, and the boundary."
  }
}

run "the_software_comes_from_the_deployment_bucket" {
  command = plan

  module {
    source = "./modules/host"
  }

  assert {
    condition     = strcontains(aws_instance.this.user_data, "HEADWATER_SOURCE=s3://the-deployment/code/host\nHEADWATER_REGION=eu-central-1\n") && strcontains(aws_instance.this.user_data, trimspace(file("modules/host/files/headwater-update"))) && length(aws_instance.this.user_data) < 16384
    error_message = "The user data names the bucket and holds the script that installs what is in it, within EC2's 16 KB."
  }

  assert {
    condition = { for line in compact(split("\n", aws_s3_object.manifest.content)) : split(" ", line)[1] => split(" ", line)[0] } == merge(
      { for name, object in aws_s3_object.content : name => sha256(object.content) },
      { for name in ["headwater.zip", "host-tools.tar.gz"] : name => filesha256("tests/fixtures/host/${name}") },
    )
    error_message = "The manifest has the checksum of each file."
  }

  assert {
    condition     = alltrue([for object in concat(values(aws_s3_object.content), values(aws_s3_object.artifact), [aws_s3_object.manifest]) : object.bucket == "the-deployment" && startswith(object.key, "code/host/")])
    error_message = "All of it is below the prefix that the role may read."
  }

  assert {
    condition     = jsondecode(aws_s3_object.content["stack.json"].content).lake_root.value == "s3://the-lake"
    error_message = "The stack file is what `terraform output -json` prints."
  }

  assert {
    condition     = strcontains(aws_s3_object.content["environment.sh"].content, "export HEADWATER_STACK='/etc/headwater/stack.json'\n") && strcontains(aws_s3_object.content["environment.sh"].content, "export DATABASE_URL='postgres://headwater_reader@db:5432/o'\\''brien'\n")
    error_message = "The environment of login shells is quoted for all characters."
  }
}

run "operators_read_and_redrive_and_no_more" {
  command = plan

  module {
    source = "./modules/host"
  }

  assert {
    condition     = alltrue([for statement in jsondecode(output.policies["host"]).Statement : !contains(statement.Resource, "*") || statement.Sid == "OpenSessionsAndReportPatches"])
    error_message = "Only actions of SSM without resource support may have `*`."
  }

  assert {
    condition = alltrue(flatten([for statement in jsondecode(output.policies["host"]).Statement : [
      for action in statement.Action : !strcontains(action, "*") && (statement.Sid == "OpenSessionsAndReportPatches" || contains([
        "ssm:UpdateInstanceInformation", "ssm:ListInstanceAssociations", "ssm:PutComplianceItems", "ssm:DescribeAssociation", "ssm:UpdateInstanceAssociationStatus", "ssm:GetDocument", "ssm:DescribeDocument",
        "s3:GetObject", "s3:ListBucket", "s3:DeleteObject", "lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping", "logs:FilterLogEvents", "sqs:GetQueueAttributes", "secretsmanager:GetSecretValue",
        "rds-db:connect", "kafka-cluster:Connect", "kafka-cluster:DescribeCluster", "kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:ReadData",
        "kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup", "kafka-cluster:DescribeTransactionalId",
      ], action))
    ]]))
    error_message = "No action contains a wildcard, and none writes to a table, a topic, a queue or a function."
  }

  assert {
    condition     = one([for statement in jsondecode(output.policies["host"]).Statement : statement.Resource if contains(statement.Action, "s3:DeleteObject")]) == ["arn:aws:s3:::the-parked/parked/*", "arn:aws:s3:::the-parked/aws/lambda/*"]
    error_message = "The host may delete only parked objects."
  }

  assert {
    condition     = flatten([for statement in jsondecode(output.policies["host"]).Statement : statement.Resource if contains(statement.Action, "lambda:InvokeFunction") && !contains(keys(statement), "Condition")]) == ["arn:aws:lambda:eu-central-1:111122223333:function:headwater-prod-parquet-writer:live"]
    error_message = "A redrive may invoke only the alias, and the board only through its URL."
  }

  assert {
    condition     = one([for statement in jsondecode(output.policies["host"]).Statement : statement.Resource if statement.Sid == "ReadObjects"]) == ["arn:aws:s3:::the-lake/*", "arn:aws:s3:::theirs/inbox/*"] && one([for statement in jsondecode(output.policies["host"]).Statement : statement.Condition if statement.Sid == "ListFolders"]) == { StringLikeIfExists = { "s3:prefix" = ["inbox/*"] } }
    error_message = "In an existing bucket, operators may read only their folder."
  }

  assert {
    condition = { for statement in jsondecode(output.policies["host"]).Statement : statement.Sid => statement.Resource if startswith(statement.Action[0], "kafka-cluster:") } == {
      ConnectToKafka   = ["arn:aws:kafka:eu-central-1:111122223333:cluster/main/UUID"]
      ReadTopics       = ["arn:aws:kafka:eu-central-1:111122223333:topic/main/UUID/rooms-v1"]
      SetGroupsBack    = ["arn:aws:kafka:eu-central-1:111122223333:group/main/UUID/coldstorage", "arn:aws:kafka:eu-central-1:111122223333:group/main/UUID/console-consumer-*"]
      FindTransactions = ["arn:aws:kafka:eu-central-1:111122223333:transactional-id/main/UUID/*"]
    }
    error_message = "Permissions name this stack's topics and groups."
  }

  assert {
    condition     = one([for statement in jsondecode(output.policies["host"]).Statement : statement.Resource if statement.Sid == "RunPatches"])[0] == "arn:aws:ssm:eu-central-1:111122223333:association/${aws_ssm_association.patches.association_id}"
    error_message = "The agent may report on this association."
  }
}

# According to users, an instance whose disk has a customer-managed key stops again right after its start, without an error.
run "hours_stop_and_start_this_host_also_with_an_encrypted_disk" {
  variables {
    hours    = { stop = "cron(0 20 ? * MON-FRI *)", start = "cron(0 7 ? * MON-FRI *)", time_zone = "Europe/Berlin" }
    instance = { type = "m7g.large", ami_id = "ami-0aaaaaaaaaaaaaaaa", kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/disk" }
    kafka    = { bootstrap_servers = "theirs:9092", auth = "plaintext", topics = [], groups = [] }

    token_secret_arn = null
    alarms           = null
  }

  module {
    source = "./modules/host"
  }

  assert {
    condition     = { for name, schedule in aws_scheduler_schedule.hours : name => "${schedule.target[0].arn} ${schedule.target[0].input} ${schedule.schedule_expression_timezone}" } == { for name, action in { stop = "stopInstances", start = "startInstances" } : name => "arn:aws:scheduler:::aws-sdk:ec2:${action} {\"InstanceIds\":[\"${aws_instance.this.id}\"]} Europe/Berlin" }
    error_message = "Two schedules, for this instance."
  }

  assert {
    condition = { for statement in jsondecode(output.policies["host-hours"]).Statement : statement.Sid => "${join(",", statement.Action)} ${join(",", statement.Resource)}" } == {
      StopAndStart = "ec2:StopInstances,ec2:StartInstances ${aws_instance.this.arn}"
      UnlockDisk   = "kms:CreateGrant arn:aws:kms:eu-central-1:111122223333:key/disk"
    }
    error_message = "The schedule stops and starts the instance, and lets EC2 decrypt its disk."
  }

  assert {
    condition     = one([for statement in jsondecode(output.policies["host-hours"]).Statement : statement.Condition if statement.Sid == "UnlockDisk"]).Bool == { "kms:GrantIsForAWSResource" = "true" }
    error_message = "Only EC2 gets the grant."
  }

  assert {
    condition     = length(data.aws_ssm_parameter.image) == 0 && aws_instance.this.root_block_device[0].kms_key_id == "arn:aws:kms:eu-central-1:111122223333:key/disk"
    error_message = "With a given image, none is looked up; the disk has the given key."
  }

  assert {
    condition     = !anytrue([for statement in jsondecode(output.policies["host"]).Statement : startswith(statement.Action[0], "kafka-cluster:") || statement.Sid == "ReadGatewayToken"]) && !strcontains(aws_s3_object.content["environment.sh"].content, "GATEWAY_TOKEN_SECRET")
    error_message = "There are no permissions for a Kafka without IAM or for a gateway without a token."
  }
}

# The settings name another image, and there are a new script and new pipeline files. (A newer image of Amazon is handled the same way.)
run "a_new_image_and_new_software_change_no_instance" {
  command = plan

  variables {
    instance       = { ami_id = "ami-0bbbbbbbbbbbbbbbb" }
    deployment     = { bucket = "another", bucket_arn = "arn:aws:s3:::another" }
    pipelines_json = "[{}]"
  }

  module {
    source = "./modules/host"
  }

  assert {
    condition     = aws_instance.this.ami == "ami-0123456789abcdef0" && strcontains(aws_instance.this.user_data, "s3://the-deployment/") && !strcontains(aws_instance.this.user_data, "s3://another/")
    error_message = "Image and user data of a running instance stay."
  }

  assert {
    condition     = strcontains(aws_s3_object.manifest.content, "${sha256("[{}]")} pipelines.json\n")
    error_message = "The manifest has the checksums of the new files."
  }
}

run "x86_types_invalid_images_rates_and_an_invalid_stack_file_are_refused" {
  command = plan

  variables {
    instance       = { type = "g4dn.xlarge", ami_id = "al2023", volume_gb = 8 }
    hours          = { stop = "rate(1 day)", start = "cron(0 7 * * ? *)", time_zone = "+02:00" }
    patch_schedule = "rate(7 days)"
    stack_json     = "{\"lake_root\":\"s3://the-lake\"}"
  }

  module {
    source = "./modules/host"
  }

  expect_failures = [var.instance, var.hours, var.patch_schedule, var.stack_json]
}
