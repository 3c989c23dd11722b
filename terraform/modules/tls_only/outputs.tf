output "policy" {
  description = "The policy, as JSON."
  value       = local.policy
}
