# Functions, their mappings, schedules and queues, and the forecast lane.

locals {
  functions = [
    {
      Sid = "Functions"
      Action = [
        "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:CreateFunctionUrlConfig", "lambda:DeleteAlias",
        "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency", "lambda:DeleteFunctionEventInvokeConfig", "lambda:DeleteFunctionUrlConfig",
        "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConcurrency",
        "lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig", "lambda:GetFunctionUrlConfig", "lambda:GetPolicy",
        "lambda:InvokeFunction", "lambda:ListTags", "lambda:ListVersionsByFunction", "lambda:PublishVersion", "lambda:PutFunctionConcurrency",
        "lambda:PutFunctionEventInvokeConfig", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateAlias",
        "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionEventInvokeConfig",
        "lambda:UpdateFunctionUrlConfig",
      ]
      Resource = "${local.arns["lambda"]}:function:${var.name}-*"
    },
    {
      # Lambda chooses the ids of mappings.
      Sid      = "Mappings"
      Action   = ["lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping", "lambda:ListTags", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateEventSourceMapping"]
      Resource = "${local.arns["lambda"]}:event-source-mapping:*"
    },
    {
      # This action does not support resources; the condition limits it to the functions.
      Sid       = "MakeMappings"
      Action    = "lambda:CreateEventSourceMapping"
      Resource  = "*"
      Condition = { ArnLike = { "lambda:FunctionArn" = "${local.arns["lambda"]}:function:${var.name}-*" } }
    },
    {
      Sid      = "Queues"
      Action   = ["sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
      Resource = "${local.arns["sqs"]}:${var.name}-*"
    },
    {
      Sid      = "Schedules"
      Action   = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"]
      Resource = "${local.arns["scheduler"]}:schedule/default/${var.name}-*"
    },
    {
      Sid      = "Forecast"
      Action   = ["states:CreateStateMachine", "states:DeleteStateMachine", "states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource", "states:TagResource", "states:UntagResource", "states:UpdateStateMachine"]
      Resource = "${local.arns["states"]}:stateMachine:${var.name}-*"
    },
    {
      # EMR chooses the ids of applications, so the tag limits the statement.
      Sid       = "Spark"
      Action    = ["emr-serverless:DeleteApplication", "emr-serverless:GetApplication", "emr-serverless:ListTagsForResource", "emr-serverless:StopApplication", "emr-serverless:TagResource", "emr-serverless:UntagResource", "emr-serverless:UpdateApplication"]
      Resource  = "${local.arns["emr-serverless"]}:/applications/*"
      Condition = local.own
    },
    {
      # These actions do not support resources. Cloud Control creates the topics, the gateway's token and a permission,
      # with the permissions of its caller.
      Sid = "WithoutResource"
      Action = [
        "cloudformation:CancelResourceRequest", "cloudformation:CreateResource", "cloudformation:DeleteResource", "cloudformation:DescribeType", "cloudformation:GetResource",
        "cloudformation:GetResourceRequestStatus", "cloudformation:UpdateResource", "emr-serverless:CreateApplication",
        "states:ValidateStateMachineDefinition",
      ]
      Resource = "*"
    },
  ]
}
