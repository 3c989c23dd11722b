"""Actions that the deployer's policies allow although no call in the tests needs them, by reason."""

BEYOND = {
    "changes that the tests do not make": """
        application-autoscaling:TagResource application-autoscaling:UntagResource budgets:UntagResource
        cloudformation:CancelResourceRequest cloudformation:UpdateResource cloudwatch:UntagResource
        ec2:DeleteTags ec2:ModifyVpcEndpoint ec2:ReplaceRoute ec2:ReplaceRouteTableAssociation
        ec2:UpdateSecurityGroupRuleDescriptionsEgress ec2:UpdateSecurityGroupRuleDescriptionsIngress
        ec2:ModifySecurityGroupRules sqs:SetQueueAttributes
        ec2:ModifyInstanceCreditSpecification ec2:ModifyInstanceMetadataOptions ec2:StartInstances
        ec2:StopInstances
        emr-serverless:UntagResource emr-serverless:UpdateApplication glue:UntagResource glue:UpdateDatabase
        glue:UpdateTable iam:DeleteRolePermissionsBoundary iam:PutRolePermissionsBoundary iam:UntagRole
        iam:UpdateAssumeRolePolicy iam:UpdateRole iam:UpdateRoleDescription kafka:UntagResource
        kafka:UpdateBrokerStorage kafka:UpdateClusterConfiguration kafka:UpdateConfiguration
        kafka:UpdateMonitoring kafka:UpdateSecurity lambda:DeleteFunctionConcurrency
        lambda:PutFunctionConcurrency lambda:UntagResource lambda:UpdateEventSourceMapping
        lambda:UpdateFunctionEventInvokeConfig lambda:UpdateFunctionUrlConfig logs:DeleteRetentionPolicy
        logs:UntagResource rds:ModifyDBSubnetGroup rds:RebootDBInstance rds:RemoveTagsFromResource
        rds:ResetDBParameterGroup s3:PutObjectTagging scheduler:UpdateSchedule secretsmanager:PutSecretValue
        secretsmanager:RestoreSecret secretsmanager:UntagResource secretsmanager:UpdateSecret
        sns:SetSubscriptionAttributes sns:UntagResource sqs:UntagQueue states:UntagResource
        states:UpdateStateMachine
        """,
    "settings that only some deployments of the tests use: NAT, a key, a budget, a host": """
        budgets:ListTagsForResource budgets:ModifyBudget budgets:ViewBudget ec2:AllocateAddress
        ec2:AttachInternetGateway ec2:CreateInternetGateway ec2:CreateNatGateway ec2:CreateRoute
        ec2:DeleteInternetGateway ec2:DeleteNatGateway ec2:DeleteRoute ec2:DescribeAddresses
        ec2:DescribeAddressesAttribute ec2:DescribeInternetGateways ec2:DescribeNatGateways
        ec2:DetachInternetGateway ec2:ReleaseAddress kafka:ListTagsForResource kms:CreateAlias kms:CreateKey
        kms:DeleteAlias kms:EnableKeyRotation kms:GetKeyPolicy kms:GetKeyRotationStatus kms:ListAliases
        kms:ListResourceTags kms:PutKeyPolicy kms:ScheduleKeyDeletion kms:UntagResource kms:UpdateAlias
        kms:UpdateKeyDescription lambda:GetFunctionConcurrency logs:AssociateKmsKey logs:DisassociateKmsKey
        servicequotas:GetAWSDefaultServiceQuota servicequotas:GetServiceQuota
        """,
    "the lock file of the state, and the deletion of a bucket's objects": """
        s3:AbortMultipartUpload s3:DeleteObjectVersion s3:GetObjectVersion
        """,
    "AWS does this with the caller's permissions: interfaces, grants, logs, service-linked roles, snapshots": """
        ec2:CreateNetworkInterface ec2:DeleteNetworkInterface ec2:DetachNetworkInterface
        emr-serverless:StopApplication iam:CreateServiceLinkedRole iam:PassRole kms:CreateGrant kms:Decrypt
        kms:DescribeKey kms:Encrypt kms:GenerateDataKey logs:CreateLogDelivery logs:DeleteLogDelivery
        logs:DescribeResourcePolicies logs:GetLogDelivery logs:ListLogDeliveries logs:PutResourcePolicy
        logs:UpdateLogDelivery rds:CreateDBSnapshot rds:DescribeDBSnapshots
        """,
    "Cloud Control's handlers, whose permissions differ from release to release": """
        kafka-cluster:AlterTopic kafka-cluster:AlterTopicDynamicConfiguration kafka:CreateTopic
        kafka:DeleteTopic kafka:DescribeTopic kafka:UpdateTopic
        """,
    "calls that the provider makes in other cases: waiting, a name instead of a URL, a location": """
        emr-serverless:ListTagsForResource s3:GetBucketLocation sqs:GetQueueUrl
        """,
    "scripts/deploy calls this before it applies": """
        lambda:GetAccountSettings
        """,
}
