# The connection of functions that only read. They sign in as the reader of the created instance, or as the `reader` of
# an existing Postgres. Without that, they sign in as the writer.

locals {
  given_reader = local.make ? null : var.existing.reader
  own_reader   = local.make || local.given_reader != null

  reader_user   = local.make ? var.instance.reader : local.own_reader ? local.given_reader.user : local.user
  reader_secret = local.own_reader && !local.make ? local.given_reader.secret_arn : local.secret_arn

  reader_auth = local.make ? "iam" : var.existing.auth == "secret" ? "secret:${local.reader_secret}" : var.existing.auth

  reader_statements = [for statement in [
    {
      sid       = local.read_secret.sid
      actions   = local.read_secret.actions
      resources = [local.reader_secret]
    },
    {
      sid       = local.sign_in.sid
      actions   = local.sign_in.actions
      resources = ["${local.database_users}/${local.reader_user}"]
    },
    ] : statement if(
    startswith(local.reader_auth, "secret:") && statement.sid == local.read_secret.sid || local.reader_auth == "iam" && statement.sid == local.sign_in.sid
  )]
}
