"""The steps of scripts/deploy and related scripts that Terraform does not do: versions, smoke tests, alarms, plans."""
