# The parts of the stack that operators use.

variable "stack_json" {
  description = "The stack file, as `terraform output -json` prints it: {name: {value: …}}. It must not contain secrets: every user on the host can read it."
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
  description = "Certificates (PEM) of certificate authorities that are trusted for Postgres, besides the public ones."
  type        = string
}

variable "kafka" {
  description = "How to connect to Kafka (`auth` is msk-iam or plaintext), and the topics and consumer groups that operators may read."
  type = object({
    bootstrap_servers = string
    auth              = string
    cluster_arn       = optional(string)
    topics            = list(string)
    groups            = list(string)
  })
}

variable "database" {
  description = "Read-only access to the database: URL without a password, authentication, and the IAM permissions that it needs."
  type = object({
    url        = string
    auth       = string
    statements = list(object({ sid = string, actions = list(string), resources = list(string) }))
  })
}

variable "buckets" {
  description = "Buckets that operators read: the whole bucket or below a prefix."
  type        = list(object({ arn = string, prefix = optional(string, "") }))
}

variable "parked_bucket_arn" {
  description = "Bucket of the parked records and batches. Operators read them, and delete them after a redrive."
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
  description = "Secret with the gateway's token, for `headwater fleet`; null if the gateway needs no token."
  type        = string
  default     = null
}

variable "decrypt_key_arns" {
  description = "Customer-managed KMS keys of buckets or secrets that operators read."
  type        = list(string)
  default     = []
}
