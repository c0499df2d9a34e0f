import FerryCore

/// A plan as a state machine of AWS Step Functions that runs `edgeferry advance` until all is done.
///
/// The machine waits outside any runner: `advance` does what is due and says until when there is nothing to do.
/// Its input names the runner: `{"function": "NAME or ARN of a Lambda function"}`. The function gets the payload
/// `{plan, digest, arguments}`, runs `edgeferry` with those arguments, and answers `{exit, until, reason}`: the exit
/// code, and those two of the `edgeferry.status/1` document on stdout. docs/commands/plans.md has such a function.
/// - Source: Amazon States Language, https://states-language.net/spec.html
public enum StepFunctions {
  /// A poll that has nothing to wait for comes again after this many seconds.
  static let pauseSeconds = 60

  /// - Parameter plan: the plan as the runner's workspace knows it: its path or name there.
  public static func definition(_ plan: Plan, path: String) -> String {
    func fail(_ error: String, _ cause: String) -> JSONValue {
      ["Type": "Fail", "Error": .string("edgeferry." + error), "CausePath": .string(cause)]
    }
    func exit(_ code: ExitCode, _ next: String) -> JSONValue {
      [
        "Variable": "$.run.answer.exit", "NumericEquals": .int(Int64(code.rawValue)),
        "Next": .string(next),
      ]
    }
    let arguments = ["advance", path, "--approve", plan.digest, "--output", "json"]
    let retry: JSONValue = [
      [
        "ErrorEquals": [
          "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
          "Lambda.TooManyRequestsException", "States.Timeout",
        ],
        "IntervalSeconds": 5, "MaxAttempts": 6, "BackoffRate": 2,
      ]
    ]
    let states: [String: JSONValue] = [
      "Advance": [
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Comment": "Does what is due. A repeated call is safe: the journal knows what was done.",
        "Parameters": [
          "FunctionName.$": "$.function",
          "Payload": [
            "plan": .string(plan.name), "digest": .string(plan.digest),
            "arguments": .array(arguments.map(JSONValue.string)),
          ],
        ],
        "ResultSelector": ["answer.$": "$.Payload"], "ResultPath": "$.run", "TimeoutSeconds": 900,
        "Retry": retry, "Next": "Decide",
      ],
      "Decide": [
        "Type": "Choice",
        "Choices": [
          exit(.done, "Done"),
          [
            "And": [
              [
                "Variable": "$.run.answer.exit",
                "NumericEquals": .int(Int64(ExitCode.notYet.rawValue)),
              ],
              ["Variable": "$.run.answer.until", "IsPresent": true],
              ["Variable": "$.run.answer.until", "IsString": true],
            ],
            "Next": "WaitUntil",
          ],
          exit(.notYet, "WaitAMoment"), exit(.interrupted, "WaitAMoment"),
          exit(.blocked, "Blocked"), exit(.stale, "Stale"), exit(.rolledBack, "RolledBack"),
          exit(.denied, "Denied"),
        ],
        "Default": "Failed",
      ],
      "WaitUntil": ["Type": "Wait", "TimestampPath": "$.run.answer.until", "Next": "Advance"],
      "WaitAMoment": ["Type": "Wait", "Seconds": .int(Int64(pauseSeconds)), "Next": "Advance"],
      "Done": ["Type": "Succeed"],
      "Blocked": fail("Blocked", "$.run.answer.reason"),
      "Stale": fail("Stale", "$.run.answer.reason"),
      "RolledBack": fail("RolledBack", "$.run.answer.reason"),
      "Denied": fail("Denied", "$.run.answer.reason"),
      "Failed": fail("Failed", "$.run.answer.reason"),
    ]
    return FerryJSON.document(
      JSONValue.object([
        "Comment": .string("edgeferry: \(plan.name), \(plan.digest)"), "StartAt": "Advance",
        "States": .object(states),
      ]))
  }
}
