# Software of the host: objects in the deployment bucket and a manifest with their checksums. A timer on the host runs
# headwater-update, which installs the objects that differ. A timer has three advantages over an SSM association. It
# also updates a host that was stopped during the deployment, it needs no document and no permission to run one, and it
# can be tested without an account.

locals {
  folder = "code/host" # below code/, where old versions of objects are deleted after some weeks
  source = "s3://${var.deployment.bucket}/${local.folder}"

  user_data = templatefile("${path.module}/files/user-data.sh.tftpl", {
    source = local.source
    region = data.aws_region.current.name
    update = trimspace(file("${path.module}/files/headwater-update"))
  })

  # A plan works without built artifacts, as for the functions. An apply then fails and names the missing file.
  artifacts = { for name in ["headwater.zip", "host-tools.tar.gz"] : name => "${var.artifacts_dir}/${name}" }

  environment = merge(
    {
      AWS_REGION              = data.aws_region.current.name
      AWS_DEFAULT_REGION      = data.aws_region.current.name
      HEADWATER_STACK         = "/etc/headwater/stack.json"
      KAFKA_BOOTSTRAP_SERVERS = var.kafka.bootstrap_servers
      KAFKA_AUTH              = var.kafka.auth
      DATABASE_URL            = var.database.url
      DATABASE_AUTH           = var.database.auth
      PGSSLROOTCERT           = "/etc/headwater/authorities.pem"
    },
    { for arn in var.token_secret_arn[*] : "GATEWAY_TOKEN_SECRET" => arn },
  )

  contents = {
    "environment.sh"   = join("", [for name, value in local.environment : "export ${name}='${replace(value, "'", "'\\''")}'\n"])
    "stack.json"       = var.stack_json
    "pipelines.json"   = var.pipelines_json
    "authorities.pem"  = var.authorities_pem
    "headwater-psql"   = file("${path.module}/files/headwater-psql")
    "headwater-update" = file("${path.module}/files/headwater-update")
  }

  checksums = merge(
    { for name, path in local.artifacts : name => fileexists(path) ? filesha256(path) : "unbuilt" },
    { for name, content in local.contents : name => sha256(content) },
  )
}

resource "aws_s3_object" "artifact" {
  for_each = local.artifacts

  bucket      = var.deployment.bucket
  key         = "${local.folder}/${each.key}"
  source      = each.value
  source_hash = local.checksums[each.key]
}

resource "aws_s3_object" "content" {
  for_each = local.contents

  bucket  = var.deployment.bucket
  key     = "${local.folder}/${each.key}"
  content = each.value
}

# Written last: when a host reads the manifest, all files in it exist.
resource "aws_s3_object" "manifest" {
  bucket  = var.deployment.bucket
  key     = "${local.folder}/manifest"
  content = join("", [for name, checksum in local.checksums : "${checksum} ${name}\n"])

  depends_on = [aws_s3_object.artifact, aws_s3_object.content]
}
