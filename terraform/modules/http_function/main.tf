# A function with its own URL: the function, the URL, the permission to call it, alarms.

locals {
  public = var.auth == "NONE"
}

module "function" {
  source = "../function"

  function    = var.function
  alarms      = var.alarms
  start_after = var.start_after
}

resource "aws_lambda_function_url" "this" {
  function_name      = module.function.name
  qualifier          = module.function.qualifier
  authorization_type = var.auth
}

# Lambda checks the function's resource policy also for a URL without IAM. Since October 2025 it checks two actions:
# InvokeFunctionUrl and InvokeFunction. (With AWS_IAM the caller's own policy must allow both, and nothing is granted here.)
#
# When the provider creates such a URL, it grants the first action without a record in the state. It does not grant it
# when the type of an existing URL changes to NONE. The resource below exists in both cases and is part of the plan.
resource "aws_lambda_permission" "url" {
  # checkov:skip=CKV_AWS_301:made only for auth = "NONE": telemetry-gateway then checks a token itself, and the live board is public only where the user asks for that
  count = local.public ? 1 : 0

  statement_id           = "AnybodyByUrl"
  function_name          = module.function.name
  qualifier              = module.function.qualifier
  action                 = "lambda:InvokeFunctionUrl"
  principal              = "*"
  function_url_auth_type = "NONE"

  # Lambda refuses concurrent changes of one function's policy, and the creation of the URL changes it.
  depends_on = [aws_lambda_function_url.this]
}

# The second permission applies only to requests through the URL. Without that condition, every AWS account could invoke
# the function directly. The provider's own resource supports the condition only from version 6; Cloud Control uses the
# same API.
resource "aws_cloudcontrolapi_resource" "invoke_by_url" {
  count = local.public && var.invoke_permission ? 1 : 0

  type_name = "AWS::Lambda::Permission"

  desired_state = jsonencode({
    FunctionName          = join(":", compact([module.function.name, module.function.qualifier]))
    Action                = "lambda:InvokeFunction"
    Principal             = "*"
    InvokedViaFunctionUrl = true
  })

  depends_on = [aws_lambda_permission.url]
}
