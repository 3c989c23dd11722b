"""What scripts/deploy, scripts/rollback and scripts/plan-guard do beside Terraform: versions, smoke tests, alarms, plans."""
