# Settings that RDS cannot change in place. A new value of any of them deletes the instance and creates an empty one. So
# the instance keeps its first values, and a plan with other values fails. kafka/placement.tf explains this technique.

locals {
  wanted_placement = {
    name          = var.name
    administrator = var.instance.administrator
    database      = var.instance.database
    kms_key_arn   = var.instance.kms_key_arn
  }

  # `input` is known in every plan; `output` is unknown until the first apply.
  placement = local.make ? terraform_data.placement[tostring(var.generation)].input : null
}

# A new generation creates a new instance of this resource, which stores the current values.
resource "terraform_data" "placement" {
  for_each = local.make ? toset([tostring(var.generation)]) : toset([])

  input = local.wanted_placement

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.input.name == var.name && self.input.administrator == var.instance.administrator && self.input.database == var.instance.database && self.input.kms_key_arn == var.instance.kms_key_arn
      error_message = "The database cannot change its name, administrator, database or KMS key in place: RDS would delete the instance with all its rows and create an empty one. Undo the change. To replace the instance, apply `allow_destroy` = true, and then increase its generation by one (`database_generation` in environments/aws). The rows remain only in the final snapshot."
    }
  }
}
