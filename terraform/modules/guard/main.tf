# Refuses to destroy data, before anything else is destroyed.
#
# The caller makes this module depend on everything that is deployed (`depends_on`). Terraform destroys in reverse
# order: this module first, and nothing else if it fails. Other mechanisms do not work. Preconditions are not evaluated
# in a destroy, `prevent_destroy` does not accept variables, and the deletion protection of a database fails only after
# most other resources are gone.

resource "terraform_data" "data" {
  for_each = var.data

  # A destroy reads the state, not the variables. So the permission must be applied first.
  input = var.allow_destroy

  provisioner "local-exec" {
    when    = destroy
    command = self.input ? "exit 0" : "echo This would delete ${each.key} with its data, and nothing has been removed. Set allow_destroy = true, apply, and destroy again. && exit 1"
  }
}
