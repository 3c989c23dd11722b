# The definition of the state machine. AWS and the local stack differ only in the resource of the step Spark.
#
# Others → Alone → Fetch → Stored → Spark → Done, and a Fail state for each way in which a run can fail.
#
# JSONata has two rules that matter here. An expression without a result fails the execution, so optional fields are
# checked with $exists. A list of one element becomes that element, so lists are put in brackets.

locals {
  second = var.quick_retries ? 1 : null

  overlong_seconds = 3600 # for retries, queueing and the start of the application

  definition = {
    Comment       = "Forecast of each city: raw answers to S3, then into the Delta table"
    QueryLanguage = "JSONata"
    StartAt       = "Others"
    # Without a timeout, a hanging run would block all later runs.
    TimeoutSeconds = 3 * var.function.timeout_seconds + 2 * var.spark.timeout_minutes * 60 + local.overlong_seconds

    States = {
      # The list is eventually consistent in AWS: two runs that start in the same second may not see each other. That is
      # harmless. Both store the same rows, and the next run repairs an overwritten commit.
      Others = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::aws-sdk:sfn:listExecutions"
        Arguments = {
          StateMachineArn = local.state_machine_arn
          StatusFilter    = "RUNNING"
          MaxResults      = 1000
        }
        # Selects earlier executions. Start times come from the list, also that of this execution; if the list does not
        # contain it yet, its start time comes from the context. Times may be numbers of seconds or text.
        Assign = {
          earlier = trimspace(<<-JSONATA
            {% (
              $me := $states.context.Execution.Id;
              $ms := function($time) { $type($time) = 'number' ? $time * 1000 : $toMillis($time) };
              $own := $states.result.Executions[ExecutionArn = $me].StartDate;
              $start := $ms($exists($own) ? $own : $states.context.Execution.StartTime);
              [$states.result.Executions[ExecutionArn != $me and ($ms(StartDate) < $start or ($ms(StartDate) = $start and ExecutionArn < $me))].ExecutionArn]
            ) %}
          JSONATA
          )
        }
        Output         = "{% $states.input %}"
        TimeoutSeconds = 60
        Retry          = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = coalesce(local.second, 2), BackoffRate = 2, MaxAttempts = 3, JitterStrategy = "FULL" }]
        Catch          = [{ ErrorEquals = ["States.ALL"], Assign = { error = "{% $states.errorOutput %}" }, Next = "ListFailed" }]
        Next           = "Alone"
      }

      Alone = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $count($earlier) = 0 %}", Next = "Fetch" }]
        Default = "AlreadyRunning"
      }

      # The whole step is retried: the fetcher names objects by `at` and does not fetch stored objects again.
      Fetch = {
        Type     = "Task"
        Resource = "arn:${local.partition}:states:::lambda:invoke"
        Arguments = {
          FunctionName = module.fetcher.live_arn
          Payload      = "{% $merge([{'source': '${local.source}', 'at': $states.context.Execution.StartTime}, $exists($states.input.items) ? {'items': [$states.input.items]} : {}]) %}"
        }
        Output         = "{% $states.result.Payload %}"
        TimeoutSeconds = var.function.timeout_seconds + 30
        Retry          = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = coalesce(local.second, 15), BackoffRate = 2, MaxAttempts = 2, JitterStrategy = "FULL" }]
        Catch          = [{ ErrorEquals = ["States.ALL"], Assign = { error = "{% $states.errorOutput %}" }, Next = "FetchFailed" }]
        Next           = "Stored"
      }

      # Checks the fetcher's answer, so that Spark never starts without new objects.
      Stored = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $exists($states.input.stored_count) and $states.input.stored_count > 0 %}", Next = "Spark" }]
        Default = "NothingStored"
      }

      # Retried once, except after a timeout. The job stores each object once, for any number of runs.
      Spark = {
        Type      = "Task"
        Resource  = local.spark_resource
        Arguments = { for name, value in local.spark_arguments : name => value if value != null }
        Output = {
          stored = "{% [$states.input.stored] %}"
          failed = "{% [$states.input.failed] %}"
          spark  = "{% $states.result %}"
        }
        # EMR ends the job at its own limit; the application's start comes before it.
        TimeoutSeconds = var.spark.timeout_minutes * 60 + 600
        Retry          = [{ ErrorEquals = ["States.TaskFailed"], IntervalSeconds = coalesce(local.second, 60), MaxAttempts = 1 }]
        Catch          = [{ ErrorEquals = ["States.ALL"], Assign = { error = "{% $states.errorOutput %}" }, Next = "SparkFailed" }]
        Next           = "Done"
      }

      Done = { Type = "Succeed" }

      ListFailed = {
        Type  = "Fail"
        Error = "ListFailed"
        Cause = "{% 'Cannot tell whether another run is under way: ' & $error.Error & ': ' & $substring($error.Cause, 0, 8000) %}"
      }

      AlreadyRunning = {
        Type  = "Fail"
        Error = "AlreadyRunning"
        Cause = "{% 'Another run is under way, and this one did nothing: ' & $join($earlier, ', ') %}"
      }

      FetchFailed = {
        Type  = "Fail"
        Error = "FetchFailed"
        Cause = "{% '${var.function.name} failed: ' & $error.Error & ': ' & $substring($error.Cause, 0, 8000) %}"
      }

      NothingStored = {
        Type  = "Fail"
        Error = "NothingStored"
        Cause = "{% 'No city was stored, so Spark was not started: ' & $substring($join([$states.input.failed.(item & ': ' & reason)], '; '), 0, 8000) %}"
      }

      SparkFailed = {
        Type  = "Fail"
        Error = "SparkFailed"
        Cause = "{% 'The raw answers are stored, and the next run picks them up. Spark: ' & $error.Error & ': ' & $substring($error.Cause, 0, 8000) %}"
      }
    }
  }
}
