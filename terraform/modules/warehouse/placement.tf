# What RDS cannot change in place. A new value of any of these deletes the instance and makes an empty one. So the instance
# keeps the values that it was made with, and a plan with other values fails; kafka/placement.tf says why in this way.

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

# A new generation is a new instance of this resource, and takes the values as they are then.
resource "terraform_data" "placement" {
  for_each = local.make ? toset([tostring(var.generation)]) : toset([])

  input = local.wanted_placement

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.input.name == var.name && self.input.administrator == var.instance.administrator && self.input.database == var.instance.database && self.input.kms_key_arn == var.instance.kms_key_arn
      error_message = "The database cannot change its name, administrator, database or KMS key in place: RDS would delete the instance with all its rows and make an empty one. Undo the change. To replace the instance, apply `allow_destroy` = true, and then raise its generation by one (`database_generation` in environments/aws): the rows are left in the final snapshot only."
    }
  }
}
