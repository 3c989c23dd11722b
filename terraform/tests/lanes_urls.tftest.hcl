# The functions behind a URL: who is let in, and what is refused.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix   = "shop"
  environment   = "test"
  artifacts_dir = "tests/fixtures/not-built"
  bucket_prefix = "shop"
  architecture  = "arm64"
  pipelines     = { json = "[]", topics = [], lake_mappings = [], totals_mappings = [], table_mappings = [] }
  kafka         = { bootstrap_servers = "127.0.0.1:9092", auth = "plaintext" }
  lake          = { root = "s3://lake", bucket = "lake", bucket_arn = "arn:aws:s3:::lake", tables = {} }
  parked        = { root = "s3://parked/parked", bucket = "parked", bucket_arn = "arn:aws:s3:::parked" }

  warehouse = {
    administrator = { url = "postgres://admin@db.example.com/shop", auth = "url", statements = [] }
    writer        = { url = "postgres://app@db.example.com/shop", auth = "url", statements = [] }
    reader        = { url = "postgres://app@db.example.com/shop", auth = "url", statements = [] }
  }
}

run "a_token_that_terraform_never_sees" {
  module {
    source = "./modules/lanes"
  }

  assert {
    condition = aws_cloudcontrolapi_resource.telemetry_token[0].type_name == "AWS::SecretsManager::Secret" && jsondecode(aws_cloudcontrolapi_resource.telemetry_token[0].desired_state) == {
      Name                 = "shop-telemetry-gateway/token"
      Description          = "What vehicles show to shop-telemetry-gateway"
      GenerateSecretString = { PasswordLength = 48, ExcludePunctuation = true }
    }
    error_message = "Secrets Manager makes the token: what is asked for says how, and holds no value."
  }

  assert {
    condition     = output.urls["telemetry-gateway"].auth == "NONE" && output.environments["telemetry-gateway"].GATEWAY_TOKEN_SECRET == aws_cloudcontrolapi_resource.telemetry_token[0].id
    error_message = "Without a word of the owner's, the token is required."
  }
}

run "a_token_of_the_owners" {
  variables {
    telemetry = { topic = "cars-v2", token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:their-token-AbCdEf" }
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = length(aws_cloudcontrolapi_resource.telemetry_token) == 0 && output.telemetry_token_secret == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:their-token-AbCdEf"
    error_message = "Nothing is made that exists already."
  }

  assert {
    condition     = output.environments["telemetry-gateway"].GATEWAY_TOKEN_SECRET == output.telemetry_token_secret && output.environments["telemetry-gateway"].TELEMETRY_TOPIC == "cars-v2"
    error_message = "The gateway asks for that token."
  }

  assert {
    condition     = one([for statement in jsondecode(output.policies["telemetry-gateway"]).Statement : statement.Resource if statement.Sid == "ReadToken"]) == [output.telemetry_token_secret]
    error_message = "And reads no other secret."
  }
}

run "vehicles_that_sign_need_no_token" {
  variables {
    telemetry = { auth = "iam" }
  }

  module {
    source = "./modules/lanes"
  }

  assert {
    condition     = output.urls["telemetry-gateway"].auth == "AWS_IAM" && !contains(keys(output.environments["telemetry-gateway"]), "GATEWAY_TOKEN_SECRET")
    error_message = "Lambda checks the signature, the gateway nothing."
  }

  assert {
    condition     = length(aws_cloudcontrolapi_resource.telemetry_token) == 0 && output.telemetry_token_secret == null
    error_message = "No secret that nobody reads."
  }
}

run "an_unknown_protection_is_refused" {
  command = plan

  variables {
    telemetry = { auth = "basic" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry]
}

run "a_token_that_nobody_asks_for_is_refused" {
  command = plan

  variables {
    telemetry = { auth = "none", token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:their-token-AbCdEf" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry]
}

run "a_token_arn_that_widens_a_permission_is_refused" {
  command = plan

  variables {
    telemetry = { token_secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:*" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry]
}

run "a_topic_that_widens_a_permission_is_refused" {
  command = plan

  variables {
    telemetry = { topic = "*" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry]
}

run "a_body_beyond_lambdas_is_refused" {
  command = plan

  variables {
    telemetry = { body_limit_bytes = 4194305 }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry]
}

run "brokers_that_may_take_longer_than_the_function_are_refused" {
  command = plan

  variables {
    telemetry = { produce_timeout_seconds = 15 }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.telemetry]
}

run "a_board_without_a_known_protection_is_refused" {
  command = plan

  variables {
    board = { auth = "token" }
  }

  module {
    source = "./modules/lanes"
  }

  expect_failures = [var.board]
}
