"""Makes a client of the OpenAPI description, and reads records with it.

Takes the description, the address of the HTTP API, and the id of a task; on standard input, a JSON
list of more records. The client has to understand every field of a record.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from dateutil.parser import isoparse

description, url, task = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    config = Path(folder, "config.yaml")
    config.write_text("post_hooks: []\n", encoding="utf-8")
    generator = Path(sys.executable).with_name("openapi-python-client")
    subprocess.run(
        [generator, "generate", "--path", description, "--config", config, "--meta", "none"]
        + ["--output-path", Path(folder, "generated")],
        check=True,
        # The generator warns of the bodies of the OSS clients, which it can't handle.
        capture_output=True,
    )
    sys.path.insert(0, folder)
    from generated import Client
    from generated.api.default import list_tasks, read_task
    from generated.models import TaskRecord

    client = Client(base_url=url, raise_on_unexpected_status=True)


def unknown(value, path="record"):
    """Fields that the client's classes do not know."""
    if isinstance(value, list):
        return [name for part in value for name in unknown(part, path)]
    fields = getattr(value, "__dict__", None) or {
        name: getattr(value, name) for name in getattr(value, "__annotations__", {})
    }
    extra = [f"{path}.{name}" for name in fields.get("additional_properties", {})]
    for name, part in fields.items():
        if type(part).__module__.startswith("generated") or isinstance(part, list):
            extra += unknown(part, f"{path}.{name}")
    return extra


def read(record, given):
    # The client parses times, and writes them in another format.
    times = {name: given[name] for name in ("StartTime", "EndTime") if name in given}
    given = given | {name: isoparse(time).isoformat() for name, time in times.items()}
    assert record.to_dict() == given, (record.to_dict(), given)
    assert not unknown(record), unknown(record)


for given in json.load(sys.stdin):
    read(TaskRecord.from_dict(given), given)
answer = read_task.sync_detailed(task, client=client)
assert answer.status_code == 200, answer
read(answer.parsed, json.loads(answer.content))
assert answer.parsed.task_id == task and answer.parsed.status.value == "Succeeded", answer
tasks = list_tasks.sync(client=client).tasks
assert [summary.task_id for summary in tasks] == [task], tasks
