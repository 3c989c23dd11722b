# The least: everything is made, in the sizes of profile dev. See terraform/README.md for what that costs.

region = "eu-central-1"

# Each address confirms its subscription by mail.
alarm_emails = ["data-team@example.com"]
