"""AWS, emulated by moto, which enforces the policies of the stack's role.

Takes `{"parameters": ..., "files": [[bucket, key, path], ...]}` on the first line of standard input,
prints `{"url": ..., "environment": ..., "tasks": ..., "topic": ...}`, and then answers each line
`[bucket, key]` with the object in Base64, or null. It ends when its input ends.
"""

import base64
import json
import os
import re
import sys

import boto3
import requests
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

REGION = "us-east-1"
ACCOUNT = "123456789012"
TASKS = "records"
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "stack",
}


class NoManagedPolicies:
    def load(self):
        return {}


class Stack:
    """The transformed template with its parameters, as far as policies refer to it."""

    def __init__(self, template, parameters):
        defaults = {name: spec.get("Default") for name, spec in template["Parameters"].items()}
        self.parameters = {**defaults, **parameters}
        self.template = transform(template, self.parameters, NoManagedPolicies())
        self.resources = self.template["Resources"]

    def name(self, resource):
        kind = self.resources[resource]["Type"]
        if kind == "AWS::StepFunctions::StateMachine":
            return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{self.attribute(resource)}"
        return {
            "AWS::S3::Bucket": TASKS,
            "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.parameters['TopicName']}",
        }.get(kind, f"stack-{resource}")

    def arn(self, resource):
        kind = self.resources[resource]["Type"]
        service = {
            "AWS::S3::Bucket": f"arn:aws:s3:::{TASKS}",
            "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:",
            "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:",
            "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:",
        }[kind]
        return service if kind == "AWS::S3::Bucket" else service + self.name(resource)

    def attribute(self, resource):
        return self.resolve(self.resources[resource]["Properties"]["StateMachineName"])

    def look_up(self, name):
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        resource, _, attribute = name.partition(".")
        if attribute == "Name":
            return self.attribute(resource)
        return self.arn(resource) if attribute == "Arn" else self.name(resource)

    def condition(self, name):
        return self.resolve(self.template["Conditions"][name])

    def resolve(self, value):
        if isinstance(value, list):
            items = [self.resolve(item) for item in value]
            return [item for item in items if item is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, inner), = value.items()
            if key == "Ref":
                return None if inner == "AWS::NoValue" else self.look_up(inner)
            if key == "Condition" and isinstance(inner, str):
                return self.condition(inner)
            if key == "Fn::GetAtt":
                return self.look_up(".".join(inner) if isinstance(inner, list) else inner)
            if key == "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: self.look_up(found[1]), inner)
            if key == "Fn::If":
                return self.resolve(inner[1] if self.condition(inner[0]) else inner[2])
            if key == "Fn::Equals":
                return self.resolve(inner[0]) == self.resolve(inner[1])
            if key == "Fn::Not":
                return not self.resolve(inner[0])
            if key == "Fn::And":
                return all(self.resolve(item) for item in inner)
            if key == "Fn::Or":
                return any(self.resolve(item) for item in inner)
            if key == "Fn::Join":
                return inner[0].join(self.resolve(inner[1]))
        return {key: self.resolve(inner) for key, inner in value.items()}

    def policies(self):
        """Those of the function's only role; the state machine has another one."""
        roles = {n for n, r in self.resources.items() if r["Type"] == "AWS::IAM::Role"}
        assert roles == {"FunctionRole", "LongTasksRole"}, roles
        function = self.resources["ConcatFunction"]["Properties"]
        assert function["Role"] == {"Fn::GetAtt": ["FunctionRole", "Arn"]} or function[
            "Role"
        ] == {"Fn::GetAtt": "FunctionRole.Arn"}, function["Role"]
        role = self.resources["FunctionRole"]["Properties"]
        assert "ManagedPolicyArns" not in role
        documents = [policy["PolicyDocument"] for policy in role["Policies"]]
        for resource in self.resources.values():
            wanted = resource.get("Condition")
            if resource["Type"] == "AWS::IAM::Policy" and (not wanted or self.condition(wanted)):
                assert resource["Properties"]["Roles"] == [{"Ref": "FunctionRole"}], resource
                documents.append(resource["Properties"]["PolicyDocument"])
        resolved = [self.resolve(document) for document in documents]
        for statement in (one for document in resolved for one in document["Statement"]):
            # moto treats every resource except S3's as "*", so there only the action is checked.
            if not json.dumps(statement["Action"]).count('"s3:'):
                statement["Resource"] = "*"
        return resolved


def main():
    work = json.loads(sys.stdin.readline())
    os.environ["AWS_DEFAULT_REGION"] = REGION
    template = yaml_parse(open("template.yaml").read())
    # The same as after an upload of the packages.
    template["Resources"]["ConcatFunction"]["Properties"]["CodeUri"] = "s3://packages/function.zip"
    template["Resources"]["FfmpegLayer"]["Properties"]["ContentUri"] = "s3://packages/layer.zip"
    machine = template["Resources"]["LongTasksMachine"]["Properties"]
    machine["DefinitionUri"] = "s3://packages/definition.json"
    stack = Stack(template, work["parameters"])
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"

    def client(service, **credentials):
        root = credentials or {"aws_access_key_id": "root", "aws_secret_access_key": "root"}
        return boto3.client(service, endpoint_url=url, region_name=REGION, **root)

    s3, iam, sns = client("s3"), client("iam"), client("sns")
    for bucket in {TASKS, "elsewhere", *(name for name, _, _ in work["files"])}:
        s3.create_bucket(Bucket=bucket)
    if stack.parameters["TargetBucket"] not in [b["Name"] for b in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=stack.parameters["TargetBucket"])
    for bucket, key, path in work["files"]:
        s3.upload_file(path, bucket, key)
    topic = sns.create_topic(Name=stack.parameters["TopicName"])["TopicArn"]

    trust = stack.resolve(
        stack.resources["FunctionRole"]["Properties"]["AssumeRolePolicyDocument"]
    )
    role = iam.create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps(trust))
    for number, document in enumerate(stack.policies()):
        iam.put_role_policy(
            RoleName="function", PolicyName=f"p{number}", PolicyDocument=json.dumps(document)
        )
    # The user that looks at the results.
    iam.create_user(UserName="judge")
    every = {"Version": "2012-10-17"}
    every["Statement"] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    iam.put_user_policy(UserName="judge", PolicyName="all", PolicyDocument=json.dumps(every))
    key = iam.create_access_key(UserName="judge")["AccessKey"]
    judge = client(
        "s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    session = client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="function")
    session = session["Credentials"]
    # From here on, everything needs a permission.
    requests.post(f"{url}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ENDPOINT_URL_SNS": url,
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
        "TASK_BUCKET": TASKS,
    }
    print(json.dumps({"environment": environment, "topic": topic}), flush=True)
    for line in sys.stdin:
        bucket, name = json.loads(line)
        try:
            body = judge.get_object(Bucket=bucket, Key=name)["Body"].read()
            print(json.dumps(base64.b64encode(body).decode()), flush=True)
        except ClientError:
            print("null", flush=True)


main()
