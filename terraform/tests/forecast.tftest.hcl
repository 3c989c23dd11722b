# The forecast lane: limits of Spark's cost, permissions of each role, and ends of a run.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name       = "shop-forecast"
  base_url   = "https://weather.example.com/"
  items      = ["3477", "3478"]
  raw_bucket = "shop-raw"
  log_bucket = "shop-spark-logs"
  job_dir    = "tests/fixtures/forecast"
  lake       = { bucket = "lake", bucket_arn = "arn:aws:s3:::lake" }
  parked     = { bucket = "parked", bucket_arn = "arn:aws:s3:::parked" }
  deployment = { bucket = "deployment", bucket_arn = "arn:aws:s3:::deployment" }

  function = {
    name            = "shop-forecast-fetcher"
    code            = { bucket = "deployment", key = "code/forecast-fetcher.zip" }
    architecture    = "arm64"
    memory_mb       = 256
    timeout_seconds = 300
    environment     = { HEADWATER_ENVIRONMENT = "test" }
  }
}

override_resource {
  target = module.raw.aws_s3_bucket.this
  values = { arn = "arn:aws:s3:::shop-raw" }
}

override_resource {
  target = module.logs[0].aws_s3_bucket.this
  values = { arn = "arn:aws:s3:::shop-spark-logs" }
}

override_resource {
  target = aws_iam_role.job
  values = { arn = "arn:aws:iam::111122223333:role/shop-forecast-job" }
}

run "in_aws" {
  variables {
    alarms = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
  }

  module {
    source = "./modules/forecast"
  }

  # ---- Cost

  assert {
    condition = (
      aws_emrserverless_application.this[0].maximum_capacity[0].cpu == "4 vCPU" &&
      aws_emrserverless_application.this[0].maximum_capacity[0].memory == "16 GB" &&
      aws_emrserverless_application.this[0].maximum_capacity[0].disk == "80 GB"
    )
    error_message = "All jobs together have a limit."
  }

  assert {
    condition = (
      aws_emrserverless_application.this[0].auto_start_configuration[0].enabled &&
      aws_emrserverless_application.this[0].auto_stop_configuration[0].enabled &&
      aws_emrserverless_application.this[0].auto_stop_configuration[0].idle_timeout_minutes == 5 &&
      length(aws_emrserverless_application.this[0].initial_capacity) == 0
    )
    error_message = "The application starts with a job, stops when it is idle, and keeps no worker ready."
  }

  assert {
    condition     = aws_emrserverless_application.this[0].architecture == "ARM64" && aws_emrserverless_application.this[0].release_label == "emr-7.12.0" && aws_emrserverless_application.this[0].type == "spark"
    error_message = "Spark 3.5.6 and Delta 3.3.2, on arm64."
  }

  assert {
    condition     = length(aws_emrserverless_application.this[0].network_configuration) == 0
    error_message = "By default, Spark has no network configuration."
  }

  assert {
    condition = alltrue([for setting in [
      "spark.dynamicAllocation.maxExecutors=2",
      "spark.driver.memory=3584m", "spark.driver.memoryOverhead=512m",
      "spark.executor.memory=3584m", "spark.executor.memoryOverhead=512m",
      "spark.jars=/usr/share/aws/delta/lib/delta-spark.jar,/usr/share/aws/delta/lib/delta-storage.jar",
      ] : strcontains(jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.SparkSubmitParameters, "--conf ${setting}")
    ])
    error_message = "A job has a limit of executors (EMR's default is none), and memory plus overhead is a size that EMR offers."
  }

  # ---- Encryption, expiry

  assert {
    condition = alltrue(flatten([for bucket in [module.raw, module.logs[0]] : bucket.public_access_blocked])) && alltrue([
      for rule in concat(tolist(module.raw.encryption), tolist(module.logs[0].encryption)) : rule == "AES256"
    ]) && length(module.raw.encryption) == 1 && length(module.logs[0].encryption) == 1
    error_message = "Raw answers and logs are encrypted and private."
  }

  assert {
    condition     = module.logs[0].expiration_days == 30 && module.raw.expiration_days == 0
    error_message = "Logs expire; raw answers do not."
  }

  assert {
    condition     = jsondecode(output.definition).States.Spark.Arguments.ConfigurationOverrides.MonitoringConfiguration.S3MonitoringConfiguration.LogUri == "s3://shop-spark-logs/forecast_72/"
    error_message = "Spark's logs go to the log bucket."
  }

  # ---- Roles

  assert {
    condition = alltrue(flatten([
      for policy in concat(values(output.policies), [output.fetcher.policy]) : [
        for statement in jsondecode(policy).Statement : concat([for action in statement.Action : !strcontains(action, "*")], [!contains(statement.Resource, "*")])
      ]
    ]))
    error_message = "No action contains a wildcard, and no statement is for all resources."
  }

  assert {
    condition = { for statement in jsondecode(output.policies["job"]).Statement : statement.Sid => statement.Resource } == {
      ReadRaw     = ["arn:aws:s3:::shop-raw/raw/clima_tempo/forecast_72/*", "arn:aws:s3:::shop-raw/raw/clima_tempo/forecast_72"]
      ListRaw     = ["arn:aws:s3:::shop-raw"]
      ReadJob     = ["arn:aws:s3:::deployment/${trimsuffix(trimprefix(jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPoint, "s3://deployment/"), "job.py")}*"]
      ListJob     = ["arn:aws:s3:::deployment"]
      WriteTable  = ["arn:aws:s3:::lake/forecast_72/*", "arn:aws:s3:::lake/forecast_72"]
      ListTable   = ["arn:aws:s3:::lake"]
      ParkRecords = ["arn:aws:s3:::parked/parked/forecast_72/*", "arn:aws:s3:::parked/parked/forecast_72"]
      ListParked  = ["arn:aws:s3:::parked"]
      WriteLogs   = ["arn:aws:s3:::shop-spark-logs/forecast_72/*"]
      ListLogs    = ["arn:aws:s3:::shop-spark-logs"]
    }
    error_message = "The job may access only its own prefix of each bucket."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(output.policies["job"]).Statement :
      length(statement.Condition.StringLikeIfExists["s3:prefix"]) > 0 && !contains(statement.Condition.StringLikeIfExists["s3:prefix"], "*") if statement.Action == ["s3:ListBucket"]
    ])
    error_message = "The job may list only its own prefixes."
  }

  assert {
    condition = {
      for statement in jsondecode(output.policies["job"]).Statement : statement.Sid => [for action in statement.Action : action if action != "s3:GetObject"] if !startswith(statement.Sid, "List")
      } == {
      ReadRaw     = []
      ReadJob     = []
      WriteTable  = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      ParkRecords = ["s3:PutObject", "s3:DeleteObject"]
      WriteLogs   = ["s3:PutObject"]
    }
    error_message = "The job has no write permission on its sources and its own code."
  }

  assert {
    condition = jsondecode(aws_iam_role.job.assume_role_policy).Statement[0].Principal == { Service = "emr-serverless.amazonaws.com" } && jsondecode(aws_iam_role.job.assume_role_policy).Statement[0].Condition == {
      StringEquals = { "aws:SourceAccount" = "111122223333" }
      ArnLike = { "aws:SourceArn" = [
        "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1abcdefghij01",
        "arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1abcdefghij01/jobruns/*",
      ] }
    }
    error_message = "EMR may assume the job's role only for this application."
  }

  assert {
    condition = jsondecode(output.policies["state-machine"]).Statement == [
      { Sid = "Fetch", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = ["arn:aws:lambda:eu-central-1:111122223333:function:some-function:live"] },
      { Sid = "SeeOthers", Effect = "Allow", Action = ["states:ListExecutions"], Resource = ["arn:aws:states:eu-central-1:111122223333:stateMachine:shop-forecast"] },
      { Sid = "StartJob", Effect = "Allow", Action = ["emr-serverless:StartJobRun"], Resource = ["arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1abcdefghij01"] },
      { Sid = "FollowJob", Effect = "Allow", Action = ["emr-serverless:GetJobRun", "emr-serverless:CancelJobRun"], Resource = ["arn:aws:emr-serverless:eu-central-1:111122223333:/applications/00f1abcdefghij01/jobruns/*"] },
      { Sid = "PassJobRole", Effect = "Allow", Action = ["iam:PassRole"], Resource = ["arn:aws:iam::111122223333:role/shop-forecast-job"], Condition = { StringEquals = { "iam:PassedToService" = "emr-serverless.amazonaws.com" } } },
      { Sid = "FollowEvents", Effect = "Allow", Action = ["events:PutTargets", "events:PutRule", "events:DescribeRule"], Resource = ["arn:aws:events:eu-central-1:111122223333:rule/StepFunctionsGetEventsForEMRServerlessJobRule"] },
    ]
    error_message = "The state machine may only invoke the fetcher, run jobs of the application with the job's role, and manage the rule for their events."
  }

  assert {
    condition = {
      for statement in jsondecode(output.fetcher.policy).Statement : statement.Sid => statement.Resource if statement.Sid != "WriteOwnLog"
      } == {
      StoreAnswers = ["arn:aws:s3:::shop-raw/raw/clima_tempo/forecast_72/*"]
      ListAnswers  = ["arn:aws:s3:::shop-raw"]
      ReadToken    = [aws_secretsmanager_secret.token[0].arn]
    }
    error_message = "The fetcher may write raw answers and read its secret, and has no access to the lake."
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.token) == 0
    error_message = "In AWS, Terraform does not set the token's value."
  }

  # ---- The fetcher's environment

  assert {
    condition = jsondecode(output.fetcher.environment.FETCH_SOURCES) == [{
      name         = "forecast_72"
      url          = "https://weather.example.com/api/v1/forecast/locale/{item}/hours/72?token={token}"
      items        = ["3477", "3478"]
      headers      = { accept = "application/json" }
      require      = ["/id", "/data/0/date"]
      next         = null
      target       = "s3://shop-raw/raw/clima_tempo/forecast_72/forecast_72_{time}_{item}.json"
      token_secret = aws_secretsmanager_secret.token[0].arn
    }]
    error_message = "The environment has one source with URL, cities, checks and target, and no token."
  }

  # ---- When it runs

  assert {
    condition = (
      output.schedule.expression == "cron(0 20 * * ? *)" && output.schedule.time_zone == "America/Sao_Paulo" && output.schedule.enabled &&
      jsondecode(output.policies["schedule"]).Statement == [
        { Sid = "Invoke", Effect = "Allow", Action = ["states:StartExecution"], Resource = ["arn:aws:states:eu-central-1:111122223333:stateMachine:some-machine"] },
        { Sid = "KeepFailedInvocations", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["arn:aws:sqs:eu-central-1:111122223333:shop-forecast-failed"] },
      ]
    )
    error_message = "The schedule is 20:00 in the time zone of São Paulo, and has a dead-letter queue."
  }

  # ---- The steps of a run

  assert {
    condition = toset([for name, state in jsondecode(output.definition).States : name if state.Type == "Task"]) == toset(["Others", "Fetch", "Spark"]) && alltrue([
      for name, state in jsondecode(output.definition).States :
      length(state.Retry) > 0 && state.TimeoutSeconds > 0 && state.Catch[0].ErrorEquals == ["States.ALL"] && jsondecode(output.definition).States[state.Catch[0].Next].Type == "Fail"
      if state.Type == "Task"
    ])
    error_message = "Every task has retries, a timeout, and a named Fail state."
  }

  assert {
    condition     = jsondecode(output.definition).TimeoutSeconds > 2 * jsondecode(output.definition).States.Spark.TimeoutSeconds
    error_message = "The execution has a timeout, so a hanging run does not block the next ones."
  }

  assert {
    condition = (
      jsondecode(output.definition).StartAt == "Others" &&
      jsondecode(output.definition).States.Others.Arguments.StateMachineArn == "arn:aws:states:eu-central-1:111122223333:stateMachine:shop-forecast" &&
      jsondecode(output.definition).States.Others.Arguments.StatusFilter == "RUNNING" &&
      jsondecode(output.definition).States.Others.Next == "Alone" &&
      jsondecode(output.definition).States.Alone.Default == "AlreadyRunning"
    )
    error_message = "No overlap: a run first looks for an earlier one."
  }

  assert {
    condition = (
      [for name, state in jsondecode(output.definition).States : name if try(state.Next, "") == "Spark" || try(state.Default, "") == "Spark" || anytrue([for choice in try(state.Choices, []) : choice.Next == "Spark"])] == ["Stored"] &&
      strcontains(jsondecode(output.definition).States.Stored.Choices[0].Condition, "$states.input.stored_count > 0") &&
      jsondecode(output.definition).States.Stored.Default == "NothingStored"
    )
    error_message = "Spark starts only if the fetcher has stored at least one object."
  }

  assert {
    condition     = jsondecode(output.definition).States.Spark.Resource == "arn:aws:states:::emr-serverless:startJobRun.sync" && jsondecode(output.definition).States.Spark.Arguments.ExecutionTimeoutMinutes == 30
    error_message = "The run waits for the job, stops it when it is stopped, and the job has a limit (0 is refused since emr-7.11)."
  }

  assert {
    condition = (
      jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPointArguments == [
        "--raw", "s3://shop-raw/raw/clima_tempo/forecast_72/", "--table", "s3://lake/forecast_72", "--parked", "s3://parked/parked/forecast_72", "--lookback-days", "7",
      ] &&
      toset([for object in values(aws_s3_object.job) : "s3://deployment/${object.key}"]) == toset([
        jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPoint,
        replace(jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPoint, "job.py", "rows.py"),
      ]) &&
      strcontains(jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.SparkSubmitParameters, "--py-files ${replace(jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPoint, "job.py", "rows.py")} ") &&
      can(regex("^s3://deployment/emr/forecast_72/[0-9a-f]{16}/job.py$", jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPoint))
    )
    error_message = "All files of the job are uploaded to a folder whose name contains their hash."
  }

  assert {
    condition     = aws_s3_object.table.key == "forecast_72/_delta_log/00000000000000000000.json" && [for line in compact(split("\n", aws_s3_object.table.content)) : keys(jsondecode(line))] == [["protocol"], ["metaData"]]
    error_message = "The table's first commit is written before the first run, with one action per line."
  }

  # ---- Alarm

  assert {
    condition     = toset([for alarm in aws_cloudwatch_metric_alarm.runs : alarm.metric_name]) == toset(["ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"])
    error_message = "Every kind of failed run raises an alarm."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.missed[0].period == 3600 && aws_cloudwatch_metric_alarm.missed[0].evaluation_periods == 25 &&
      aws_cloudwatch_metric_alarm.missed[0].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.missed[0].comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.missed[0].metric_name == "ExecutionsSucceeded"
    )
    error_message = "An alarm reports that no run succeeded in 25 hours; more than a day needs periods of one hour."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.items[0].metric_name == "ItemsFailed" && aws_cloudwatch_metric_alarm.items[0].dimensions == tomap({ environment = "test", function = "shop-forecast-fetcher" })
    error_message = "An alarm reports cities that are missing in a successful run."
  }
}

run "on_the_local_stack_and_the_same_definition" {
  variables {
    spark_on             = "activity"
    log_bucket           = null
    token                = "hunter2"
    quick_retries        = true
    dead_letter_queue    = false
    secret_recovery_days = 0
    schedule             = { enabled = false }
    buckets              = { versioning = false, lifecycle_days = 0, require_tls = false, force_destroy = true }
  }

  module {
    source = "./modules/forecast"
  }

  assert {
    condition     = jsondecode(output.definition).States.Spark.Resource == "arn:aws:states:eu-central-1:111122223333:activity:some-activity" && output.forecast.activity_arn == "arn:aws:states:eu-central-1:111122223333:activity:some-activity"
    error_message = "Spark is an activity, which headwater serves."
  }

  assert {
    condition = (
      keys(jsondecode(output.definition).States) == keys(jsondecode(run.in_aws.definition).States) &&
      alltrue([
        for name, state in jsondecode(output.definition).States :
        { for field, value in state : field => value if !contains(["Resource", "Arguments", "Retry"], field) } == { for field, value in jsondecode(run.in_aws.definition).States[name] : field => value if !contains(["Resource", "Arguments", "Retry"], field) }
      ])
    )
    error_message = "Steps, conditions and timeouts are the same as in AWS."
  }

  assert {
    condition = (
      jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPoint == jsondecode(run.in_aws.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPoint &&
      jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPointArguments == jsondecode(run.in_aws.definition).States.Spark.Arguments.JobDriver.SparkSubmit.EntryPointArguments &&
      !strcontains(jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.SparkSubmitParameters, "spark.jars") &&
      !strcontains(jsondecode(output.definition).States.Spark.Arguments.JobDriver.SparkSubmit.SparkSubmitParameters, "memory")
    )
    error_message = "The same job with the same arguments; EMR's paths and sizes stay in AWS."
  }

  assert {
    condition     = length(aws_emrserverless_application.this) == 0 && length(module.logs) == 0 && length(module.failed) == 0 && jsondecode(output.policies["state-machine"]).Statement[*].Sid == ["Fetch", "SeeOthers"]
    error_message = "There are no resources of EMR and no permissions for it."
  }

  assert {
    condition     = jsondecode(aws_iam_role.job.assume_role_policy).Statement[0].Principal == { AWS = "arn:aws:iam::111122223333:root" }
    error_message = "The account may assume the job's role, so that the activity runs with its permissions."
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.token) == 1 && !strcontains(output.fetcher.environment.FETCH_SOURCES, "hunter2")
    error_message = "The stub's token is in the emulator's secret, and in no function's environment."
  }

  assert {
    condition     = !output.schedule.enabled && output.schedule.time_zone == "America/Sao_Paulo" && length(aws_cloudwatch_metric_alarm.runs) == 0 && length(aws_cloudwatch_metric_alarm.missed) == 0
    error_message = "The schedule is deployed but disabled, and there are no alarms."
  }
}

run "ready_workers_and_a_network_are_optional" {
  variables {
    token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:their-token-AbCdEf"
    function = {
      name                     = "shop-forecast-fetcher"
      code                     = { bucket = "deployment", key = "code/forecast-fetcher.zip" }
      memory_mb                = 256
      timeout_seconds          = 300
      network                  = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
      role_suffix              = "-eucentral1"
      permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
      kms_key_arn              = "arn:aws:kms:eu-central-1:111122223333:key/own"
    }
    spark = { ready_workers = 1, maximum = { cpu = 8, memory_gb = 32, disk_gb = 200 } }
  }

  module {
    source = "./modules/forecast"
  }

  assert {
    condition = {
      for capacity in aws_emrserverless_application.this[0].initial_capacity : capacity.initial_capacity_type => capacity.initial_capacity_config[0].worker_count
    } == { Driver = 1, Executor = 1 }
    error_message = "The initial capacity is a driver and ready_workers executors."
  }

  assert {
    condition     = aws_emrserverless_application.this[0].network_configuration[0].subnet_ids == toset(["subnet-1"]) && aws_emrserverless_application.this[0].network_configuration[0].security_group_ids == toset(["sg-1"])
    error_message = "Spark runs in the given subnets."
  }

  assert {
    condition = (
      alltrue([for role in [aws_iam_role.job, aws_iam_role.state_machine] : role.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary" && startswith(role.name, "shop-forecast-eucentral1-")]) &&
      one([for statement in jsondecode(output.policies["job"]).Statement : statement.Resource if statement.Sid == "UseKey"]) == ["arn:aws:kms:eu-central-1:111122223333:key/own"]
    )
    error_message = "Roles have the region and the boundary, and the job may use the buckets' key."
  }

  assert {
    condition     = length(aws_secretsmanager_secret.token) == 0 && output.token_secret == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:their-token-AbCdEf"
    error_message = "No secret is created if one exists."
  }
}

run "invalid_sizes_releases_and_names_are_refused" {
  command = plan

  variables {
    # 5 GB for 4 vCPU, and a release with another Delta.
    spark            = { release_label = "emr-7.10.0", driver = { cpu = 4, memory_gb = 5 }, timeout_minutes = 0 }
    items            = ["3477", "*"]
    base_url         = "https://user@weather.example.com"
    table_path       = "*"
    alarms           = { missed_run_hours = 169 }
    job_dir          = "tests/fixtures/medium"
    token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:*"
  }

  module {
    source = "./modules/forecast"
  }

  expect_failures = [var.spark, var.items, var.base_url, var.table_path, var.alarms, var.job_dir, var.token_secret_arn]
}
