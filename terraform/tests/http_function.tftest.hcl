# One function with a URL: its permissions and settings.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  function = {
    name            = "gateway"
    description     = "takes requests"
    code            = { bucket = "code", key = "gateway.zip" }
    memory_mb       = 256
    timeout_seconds = 10
  }
  auth = "NONE"
}

run "anybody_by_the_url_and_nobody_beside_it" {
  module {
    source = "./modules/http_function"
  }

  assert {
    condition     = aws_lambda_function_url.this.authorization_type == "NONE" && output.auth == "NONE"
    error_message = "The URL does not require IAM."
  }

  assert {
    condition = (
      aws_lambda_permission.url[0].action == "lambda:InvokeFunctionUrl" &&
      aws_lambda_permission.url[0].principal == "*" &&
      aws_lambda_permission.url[0].function_url_auth_type == "NONE" &&
      aws_lambda_permission.url[0].function_name == "gateway"
    )
    error_message = "The first permission applies only to a URL without IAM."
  }

  assert {
    condition = aws_cloudcontrolapi_resource.invoke_by_url[0].type_name == "AWS::Lambda::Permission" && jsondecode(aws_cloudcontrolapi_resource.invoke_by_url[0].desired_state) == {
      FunctionName          = "gateway:live"
      Action                = "lambda:InvokeFunction"
      Principal             = "*"
      InvokedViaFunctionUrl = true
    }
    error_message = "The second permission applies only to requests through the URL, so the function cannot be invoked directly."
  }

  assert {
    condition     = output.url == "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws" && output.url_id == "abcdefghijklmnopqrstuvwxyz012345"
    error_message = "The URL has no slash at its end, because paths are appended."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.url_5xx) == 0
    error_message = "Without `alarms` there is no alarm."
  }
}

run "the_emulator_needs_only_one_permission" {
  variables {
    invoke_permission = false
  }

  module {
    source = "./modules/http_function"
  }

  assert {
    condition     = length(aws_cloudcontrolapi_resource.invoke_by_url) == 0 && length(aws_lambda_permission.url) == 1
    error_message = "With invoke_permission = false, there is no second permission."
  }
}

run "with_iam_nothing_is_granted_to_everybody" {
  variables {
    auth   = "AWS_IAM"
    alarms = { topic_arns = ["arn:aws:sns:eu-central-1:111122223333:alarms"] }
  }

  module {
    source = "./modules/http_function"
  }

  assert {
    condition     = output.auth == "AWS_IAM" && length(aws_lambda_permission.url) == 0 && length(aws_cloudcontrolapi_resource.invoke_by_url) == 0
    error_message = "There is no public permission: the caller's own policy decides."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.url_5xx[0].metric_name == "Url5xxCount" &&
      aws_cloudwatch_metric_alarm.url_5xx[0].dimensions == tomap({ FunctionName = "gateway" }) &&
      aws_cloudwatch_metric_alarm.url_5xx[0].alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:alarms"])
    )
    error_message = "An alarm reports failed requests."
  }
}

run "an_unknown_auth_is_refused" {
  command = plan

  variables {
    auth = "token"
  }

  module {
    source = "./modules/http_function"
  }

  expect_failures = [var.auth]
}
