# Glue tables for Athena. Athena reads the schema of a Delta table from its log and needs only the location. `col` is
# the placeholder column that Spark and Athena's guide use. So there is no crawler, and a new column needs no update
# here.

resource "aws_glue_catalog_database" "this" {
  name        = replace("${var.name_prefix}_lake", "-", "_")
  description = "Delta tables of the lake"
}

resource "aws_glue_catalog_table" "this" {
  for_each = merge(var.tables, var.job_tables)

  name          = replace(lower(each.key), "/[^a-z0-9_]/", "_")
  database_name = aws_glue_catalog_database.this.name
  description   = contains(keys(var.tables), each.key) ? "Topic ${each.key}" : "Written by the Spark job ${each.key}"
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL                     = "TRUE"
    "spark.sql.sources.provider" = "delta"
  }

  storage_descriptor {
    location = "s3://${module.bucket["lake"].name}/${each.value}/"

    columns {
      name = "col"
      type = "array<string>"
    }

    ser_de_info {
      parameters = {
        "serialization.format" = "1"
        path                   = "s3://${module.bucket["lake"].name}/${each.value}/"
      }
    }
  }
}
