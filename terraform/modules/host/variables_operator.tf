# What operators work with.

variable "stack_json" {
  description = "The stack file, as `terraform output -json` prints it: {name: {value: …}}. Everybody on the host can read it: no secrets."
  type        = string

  validation {
    condition     = alltrue([for name, output in jsondecode(nonsensitive(var.stack_json)) : can(output.value)])
    error_message = "stack_json must have the form {name: {value: …}}, as `terraform output -json` prints it."
  }
}

variable "pipelines_json" {
  description = "The pipeline files, as the functions read them."
  type        = string
}

variable "authorities_pem" {
  description = "Certificates (PEM) of the authorities that Postgres' certificate may be of, besides the public ones."
  type        = string
}

variable "kafka" {
  description = "How to reach Kafka (`auth` is msk-iam or plaintext), and the topics and consumer groups that operators may look at."
  type = object({
    bootstrap_servers = string
    auth              = string
    cluster_arn       = optional(string)
    topics            = list(string)
    groups            = list(string)
  })
}

variable "database" {
  description = "The database as a user who only reads: address without a password, how to sign in, and the permissions that it takes."
  type = object({
    url        = string
    auth       = string
    statements = list(object({ sid = string, actions = list(string), resources = list(string) }))
  })
}

variable "buckets" {
  description = "Buckets that operators read, whole or below a prefix."
  type        = list(object({ arn = string, prefix = optional(string, "") }))
}

variable "parked_bucket_arn" {
  description = "Bucket of the parked records and batches: operators read them, and delete what they have redriven."
  type        = string
}

variable "functions" {
  description = "Functions: the names whose logs operators read, the ARNs that operators invoke, those behind a URL with AWS_IAM, and the ids of event source mappings."
  type = object({
    names           = list(string)
    invoked_arns    = list(string)
    signed_url_arns = list(string)
    mapping_ids     = list(string)
  })
}

variable "queue_names" {
  description = "Queues whose messages operators count."
  type        = list(string)
}

variable "token_secret_arn" {
  description = "Secret with the gateway's token, for `headwater fleet`; null where the gateway asks for none."
  type        = string
  default     = null
}

variable "decrypt_key_arns" {
  description = "KMS keys of the owner's that encrypt buckets or secrets which operators read."
  type        = list(string)
  default     = []
}
