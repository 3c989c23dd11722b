# Reads the pipeline files and computes the inputs of the other modules from them. Creates no resources.

locals {
  files = { for name in fileset(var.directory, "*.yaml") : name => yamldecode(file("${var.directory}/${name}")) }

  # If two files describe the same topic, this expression fails and names the topic.
  pipelines = { for name, content in local.files : content.topic.name => content }

  batching = { batch_size = 10000, starting_position = "TRIM_HORIZON", on_failure = false, provisioned = null }

  # The batching settings of a file apply to each of its sections.
  mappings = {
    for section in ["lake", "totals", "table"] : section => [
      for topic, pipeline in local.pipelines : merge(local.batching, { window_seconds = var.windows[section] }, try(pipeline.batching, null), {
        topic                                                                         = topic
        consumer_group                                                                = pipeline[section].consumer_group
      }) if try(pipeline[section].consumer_group, null) != null
    ]
  }

  # One document for the functions: an array, in the order of the topics' names.
  json = jsonencode([for topic in sort(keys(local.pipelines)) : local.pipelines[topic]])
}
