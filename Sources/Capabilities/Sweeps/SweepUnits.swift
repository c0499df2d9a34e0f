import FerryCommand
import FerryCore

/// The units of each scheduler, as text.
struct SweepUnits: Sendable {
  var rhythm: SweepRhythm
  var apply: Bool
  /// nil: a file in the unit's own folder.
  var state: String?
  var shards: Int
  var image: String
  var role: String?

  func text(_ kind: SweepCommand.Schedule.Kind) -> String {
    switch kind {
    case .systemd: systemd
    case .cron: cron
    case .kubernetes: kubernetes
    case .githubActions: githubActions
    case .eventbridge: eventbridge
    }
  }
  private var verb: String { apply ? "sweep run --apply" : "sweep run" }
  /// The comment that says what the units' identity may do at least.
  private var rights: String { "# Least privilege: edgeferry permissions \(verb)" }
  private var words: [String] { verb.split(separator: " ").map(String.init) }
  private var stateWords: String { state.map { " --state \($0)" } ?? "" }

  /// - Source: systemd.exec(5), systemd.timer(5). A timer never starts a service that is still running.
  private var systemd: String {
    """
    # /etc/systemd/system/edgeferry-sweep.service
    [Unit]
    Description=Sweep CloudFront for orphaned continuous-deployment policies
    After=network-online.target
    Wants=network-online.target

    [Service]
    Type=oneshot
    # edgeferry.yaml beside what it names; AWS_PROFILE and the like in the environment file.
    \(rights)
    ExecStart=/usr/local/bin/edgeferry \(verb) --config /etc/edgeferry/edgeferry.yaml --workspace /var/lib/edgeferry\(stateWords)
    EnvironmentFile=-/etc/edgeferry/environment
    # A sweep that found what --fail-on asks for, or waits for a window, has not failed.
    SuccessExitStatus=2 3
    DynamicUser=yes
    StateDirectory=edgeferry
    StateDirectoryMode=0700
    UMask=0077
    NoNewPrivileges=yes
    ProtectSystem=strict
    ProtectHome=yes
    PrivateTmp=yes
    PrivateDevices=yes
    ProtectKernelTunables=yes
    ProtectKernelModules=yes
    ProtectControlGroups=yes
    RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
    RestrictNamespaces=yes
    LockPersonality=yes
    CapabilityBoundingSet=
    SystemCallArchitectures=native

    # /etc/systemd/system/edgeferry-sweep.timer
    [Unit]
    Description=When to sweep CloudFront

    [Timer]
    OnCalendar=\(rhythm.calendar)
    Persistent=yes
    RandomizedDelaySec=2m

    [Install]
    WantedBy=timers.target

    # systemctl enable --now edgeferry-sweep.timer

    """
  }

  private var cron: String {
    """
    # /etc/cron.d/edgeferry-sweep
    # flock keeps two sweeps apart; the state's leases do so across machines.
    \(rights)
    PATH=/usr/local/bin:/usr/bin:/bin
    MAILTO=root
    \(rhythm.cron) edgeferry umask 077; cd /var/lib/edgeferry && flock --nonblock --conflict-exit-code 0 /var/lib/edgeferry/.sweep.lock edgeferry \(verb) --quiet --config /etc/edgeferry/edgeferry.yaml\(stateWords)

    """
  }

  /// - Source: Kubernetes, "CronJob" and "Indexed Job for Parallel Processing with Static Work Assignment".
  private var kubernetes: String {
    let sharded = shards > 1
    let arguments =
      sharded
      ? """
      command: ["/bin/sh", "-c"]
                    # The index begins at 0, a shard at 1.
                    args: ["exec edgeferry \(verb) --config /etc/edgeferry/edgeferry.yaml --workspace /tmp --state \(state ?? "") --shard $((JOB_COMPLETION_INDEX + 1))/\(shards)"]
      """
      : """
      command: ["edgeferry"]
                    args: [\(words.map { "\"\($0)\"" }.joined(separator: ", ")), "--config", "/etc/edgeferry/edgeferry.yaml", "--workspace", "/tmp", "--state", "\(state ?? "")"]
      """
    return """
      # The service account carries the AWS role (EKS Pod Identity or IRSA); the settings are in a ConfigMap:
      #   kubectl create configmap edgeferry --from-file=edgeferry.yaml
      \(rights)
      apiVersion: v1
      kind: ServiceAccount
      metadata:
        name: edgeferry-sweep
        annotations:
          eks.amazonaws.com/role-arn: \(role ?? "arn:aws:iam::111111111111:role/edgeferry-sweep")
      automountServiceAccountToken: false
      ---
      apiVersion: batch/v1
      kind: CronJob
      metadata:
        name: edgeferry-sweep
      spec:
        schedule: "\(rhythm.cron)"
        timeZone: Etc/UTC
        concurrencyPolicy: Forbid
        startingDeadlineSeconds: 600
        successfulJobsHistoryLimit: 3
        failedJobsHistoryLimit: 3
        jobTemplate:
          spec:
            backoffLimit: 0
            completionMode: \(sharded ? "Indexed" : "NonIndexed")
            completions: \(shards)
            parallelism: \(min(shards, 10))
            template:
              spec:
                serviceAccountName: edgeferry-sweep
                restartPolicy: Never
                securityContext:
                  runAsNonRoot: true
                  runAsUser: 65532
                  seccompProfile:
                    type: RuntimeDefault
                containers:
                  - name: sweep
                    image: \(image)
                    \(arguments)
                    resources:
                      requests: { cpu: 100m, memory: 64Mi }
                      limits: { memory: 256Mi }
                    securityContext:
                      allowPrivilegeEscalation: false
                      readOnlyRootFilesystem: true
                      capabilities:
                        drop: ["ALL"]
                    volumeMounts:
                      - { name: settings, mountPath: /etc/edgeferry, readOnly: true }
                      - { name: workspace, mountPath: /tmp }
                volumes:
                  - name: settings
                    configMap:
                      name: edgeferry
                  - name: workspace
                    emptyDir: {}

      """
  }

  private var githubActions: String {
    """
    # .github/workflows/edgeferry-sweep.yml
    name: edgeferry sweep
    on:
      schedule:
        - cron: "\(rhythm.cron)"
      workflow_dispatch: {}
    permissions:
      contents: read
      id-token: write
    # Two sweeps at once wait for each other.
    concurrency:
      group: edgeferry-sweep
      cancel-in-progress: false
    jobs:
      sweep:
        runs-on: ubuntu-latest
        timeout-minutes: 355
        steps:
          - uses: actions/checkout@v4
          \(rights)
          - uses: aws-actions/configure-aws-credentials@v4
            with:
              role-to-assume: \(role ?? "${{ vars.EDGEFERRY_ROLE_ARN }}")
              aws-region: us-east-1
          # edgeferry is on the runner's PATH: install its .deb or binary in a step before this one.
          # The findings are in the job's summary.
          - run: edgeferry \(verb) --state \(state ?? "")

    """
  }

  private var bucket: (name: String, prefix: String) {
    let rest = (state ?? "").dropFirst("s3://".count)
    let name = rest.prefix { $0 != "/" }
    return (
      String(name), String(rest.dropFirst(name.count).drop { $0 == "/" })
    )
  }
  /// As the items of a statement's `Action`.
  private static func lines(_ actions: Set<String>) -> String {
    let indent = String(repeating: " ", count: 18)
    return actions.sorted().map { "- \($0)" }.joined(separator: "\n" + indent)
  }
  /// - Source: CloudFormation Template Reference, AWS::Scheduler::Schedule, AWS::ECS::TaskDefinition.
  private var eventbridge: String {
    let objects = bucket.prefix.isEmpty ? "*" : "\(bucket.prefix)/*"
    let command = (words + ["--workspace", "/tmp", "--state", state ?? ""]).map {
      "            - \"\($0)\""
    }
    .joined(separator: "\n")
    let writes =
      apply
      ? """

                    - Sid: Remove
                      Effect: Allow
                      Action:
                        \(Self.lines(SweepCommand.Run.uses.applying.filter { !Grant($0, on: "*").isRead }))
                      Resource:
                        - !Sub arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/*
                        - !Sub arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:continuous-deployment-policy/*
      """ : ""
    return """
      # aws cloudformation deploy --template-file FILE --stack-name edgeferry-sweep --capabilities CAPABILITY_IAM \\
      #   --parameter-overrides Cluster=ARN Subnets=subnet-1,subnet-2 Image=\(image)
      # The state's leases keep two sweeps apart.
      AWSTemplateFormatVersion: "2010-09-09"
      Description: Sweeps CloudFront for orphaned continuous-deployment policies.
      Parameters:
        Cluster:
          Type: String
          Description: The ARN of the ECS cluster.
        Subnets:
          Type: List<AWS::EC2::Subnet::Id>
        Image:
          Type: String
          Default: \(image)
        MemberRole:
          Type: String
          Default: ""
          Description: The role that is assumed in other accounts, if there are any (sweep.organization.roleName).
      Conditions:
        HasMembers: !Not [!Equals [!Ref MemberRole, ""]]
      Resources:
        Logs:
          Type: AWS::Logs::LogGroup
          DeletionPolicy: Retain
          UpdateReplacePolicy: Retain
          Properties:
            RetentionInDays: 90
        TaskRole:
          Type: AWS::IAM::Role
          Properties:
            AssumeRolePolicyDocument:
              Version: "2012-10-17"
              Statement:
                - Effect: Allow
                  Principal: { Service: ecs-tasks.amazonaws.com }
                  Action: sts:AssumeRole
                  Condition:
                    StringEquals: { "aws:SourceAccount": !Ref AWS::AccountId }
            Policies:
              - PolicyName: sweep
                PolicyDocument:
                  Version: "2012-10-17"
                  Statement:
                    - Sid: Read
                      Effect: Allow
                      Action:
                        \(Self.lines(SweepCommand.Run.uses.actions.union(SweepCommand.Run.uses.organization)))
                      Resource: "*"\(writes)
                    - Sid: State
                      Effect: Allow
                      Action: [s3:GetObject, s3:PutObject]
                      Resource: !Sub arn:${AWS::Partition}:s3:::\(bucket.name)/\(objects)
                    - Sid: StateList
                      Effect: Allow
                      Action: s3:ListBucket
                      Resource: !Sub arn:${AWS::Partition}:s3:::\(bucket.name)
                    - !If
                      - HasMembers
                      - Sid: Members
                        Effect: Allow
                        Action: sts:AssumeRole
                        Resource: !Sub arn:${AWS::Partition}:iam::*:role/${MemberRole}
                      - !Ref AWS::NoValue
        ExecutionRole:
          Type: AWS::IAM::Role
          Properties:
            AssumeRolePolicyDocument:
              Version: "2012-10-17"
              Statement:
                - Effect: Allow
                  Principal: { Service: ecs-tasks.amazonaws.com }
                  Action: sts:AssumeRole
            ManagedPolicyArns:
              - !Sub arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy
        Task:
          Type: AWS::ECS::TaskDefinition
          Properties:
            RequiresCompatibilities: [FARGATE]
            NetworkMode: awsvpc
            Cpu: "256"
            Memory: "512"
            TaskRoleArn: !GetAtt TaskRole.Arn
            ExecutionRoleArn: !GetAtt ExecutionRole.Arn
            ContainerDefinitions:
              - Name: sweep
                Image: !Ref Image
                Essential: true
                User: "65532"
                EntryPoint: [edgeferry]
                Command:
      \(command)
                LogConfiguration:
                  LogDriver: awslogs
                  Options:
                    awslogs-group: !Ref Logs
                    awslogs-region: !Ref AWS::Region
                    awslogs-stream-prefix: sweep
        ScheduleRole:
          Type: AWS::IAM::Role
          Properties:
            AssumeRolePolicyDocument:
              Version: "2012-10-17"
              Statement:
                - Effect: Allow
                  Principal: { Service: scheduler.amazonaws.com }
                  Action: sts:AssumeRole
                  Condition:
                    StringEquals: { "aws:SourceAccount": !Ref AWS::AccountId }
            Policies:
              - PolicyName: run
                PolicyDocument:
                  Version: "2012-10-17"
                  Statement:
                    - Effect: Allow
                      Action: ecs:RunTask
                      Resource: !Ref Task
                      Condition:
                        ArnEquals: { "ecs:cluster": !Ref Cluster }
                    - Effect: Allow
                      Action: iam:PassRole
                      Resource: [!GetAtt TaskRole.Arn, !GetAtt ExecutionRole.Arn]
                      Condition:
                        StringEquals: { "iam:PassedToService": ecs-tasks.amazonaws.com }
        Schedule:
          Type: AWS::Scheduler::Schedule
          Properties:
            ScheduleExpression: \(rhythm.rate)
            FlexibleTimeWindow: { Mode: "OFF" }
            Target:
              Arn: !Ref Cluster
              RoleArn: !GetAtt ScheduleRole.Arn
              RetryPolicy: { MaximumRetryAttempts: 0 }
              EcsParameters:
                TaskDefinitionArn: !Ref Task
                LaunchType: FARGATE
                NetworkConfiguration:
                  AwsvpcConfiguration:
                    Subnets: !Ref Subnets
                    AssignPublicIp: DISABLED

      """
  }
}
