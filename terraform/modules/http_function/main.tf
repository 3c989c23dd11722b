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

# A URL without IAM still asks the function's resource policy, and since October 2025 for two actions: InvokeFunctionUrl and
# InvokeFunction. (With AWS_IAM it is the caller's own policy that must allow both; nothing is granted here.)
#
# The provider grants the first by itself when it makes such a URL, keeps no record of it, and does not when the type of a URL
# changes to NONE. This one is in the plan, and there in either case.
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
