"""What scripts/deploy and its neighbours do beside Terraform: versions, smoke tests, alarms, plans."""
