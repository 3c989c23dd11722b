output "policy" {
  description = "The bucket policy, as JSON."
  value       = local.policy
}
