# The minimum: creates all resources in the sizes of profile dev. For the cost, see terraform/README.md.

region = "eu-central-1"

# Each recipient must confirm the subscription by mail.
alarm_emails = ["data-team@example.com"]
