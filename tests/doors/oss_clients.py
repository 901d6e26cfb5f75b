"""Sends `x-oss-async-process` requests with the original service's own SDKs.

Takes `{"port": ..., "cases": [...]}` and prints what each case came to. The
resolver is told that every host is this machine, since a bucket can be part of
a host name; nothing else of the SDKs is touched.
"""

import json
import socket
import sys
import time

import alibabacloud_oss_v2 as v2
import oss2

HOST = "oss.example.com"
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more)


def oss2_client(case, endpoint):
    if case["client"] == "oss2 V4":
        auth = oss2.AuthV4(case["id"], case["secret"])
    else:
        auth = oss2.Auth(case["id"], case["secret"])
    bucket = oss2.Bucket(
        auth,
        endpoint,
        case["bucket"],
        region="us-east-1",
        is_cname=case["style"] == "cname",
        is_path_style=case["style"] == "path",
    )
    return bucket


def with_oss2(case, endpoint):
    result = oss2_client(case, endpoint).async_process_object(case["key"], case["process"])
    return {
        "status": result.status,
        "ids": [result.event_id, result.async_request_id, result.task_id],
        "request": result.request_id,
    }


def with_v2(case, endpoint):
    config = v2.config.load_default()
    keys = v2.credentials.StaticCredentialsProvider(case["id"], case["secret"])
    config.credentials_provider = keys
    config.region = "us-east-1"
    config.endpoint = endpoint
    config.use_path_style = case["style"] == "path"
    config.use_cname = case["style"] == "cname"
    config.retry_max_attempts = 1
    request = v2.AsyncProcessObjectRequest(
        bucket=case["bucket"], key=case["key"], process=case["process"]
    )
    result = v2.Client(config).async_process_object(request)
    return {
        "status": result.status_code,
        "ids": [result.event_id, result.process_request_id, result.task_id],
        "request": result.request_id,
    }


def with_signed_url(case, endpoint):
    auth = oss2.AuthV4(case["id"], case["secret"])
    bucket = oss2.Bucket(auth, endpoint, case["bucket"], region="us-east-1", is_path_style=True)
    params = {"x-oss-async-process": ""}
    url = bucket.sign_url("POST", case["key"], 600, params=params)
    body = "x-oss-async-process=" + case["process"]
    import requests

    answer = requests.post(url, data=body.encode())
    if answer.status_code != 200:
        return {"status": answer.status_code, "code": answer.text}
    ids = [answer.json()[name] for name in ("EventId", "RequestId", "TaskId")]
    return {"status": 200, "ids": ids, "request": answer.headers["x-oss-request-id"]}


def read_task(case, endpoint):
    text = oss2_client(case | {"bucket": "tasks"}, endpoint).get_object(case["key"]).read()
    return {"status": 200, "record": json.loads(text)}


def run(case, endpoint):
    ways = {"signed URL": with_signed_url, "read task": read_task}
    way = ways.get(case["client"]) or (with_v2 if case["client"].startswith("v2") else with_oss2)
    clock = time.time
    time.time = lambda: clock() + case.get("clock", 0)
    try:
        return way(case, endpoint)
    except oss2.exceptions.OssError as error:
        return {"status": error.status, "code": error.code, "class": type(error).__name__}
    except v2.exceptions.OperationError as error:
        error = error.unwrap()
        return {"status": error.status_code, "code": error.code, "class": type(error).__name__}
    finally:
        time.time = clock


def main():
    work = json.load(sys.stdin)
    endpoint = f"http://{HOST}:{work['port']}"
    print(json.dumps([run(case, endpoint) for case in work["cases"]]))


main()
