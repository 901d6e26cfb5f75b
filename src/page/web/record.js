// A task record: its clips, its stages, its counted numbers, and its cost.

const STAGES = ["Fetch", "Probe", "Encode", "Verify", "Store"];

function drawStages(timings) {
  const total = Math.max(timings.TotalMs, STAGES.reduce((sum, stage) => sum + timings[`${stage}Ms`], 0)) || 1;
  let at = 0;
  const bars = STAGES.flatMap((stage, index) => {
    const length = timings[`${stage}Ms`];
    const width = (length * WIDTH) / total;
    const shapes = bar(at, width, 4, index % 2 ? "stage odd" : "stage", [stage, `${length} ms`]);
    at += width;
    return length ? shapes : [];
  });
  const label = `Stages of ${timings.TotalMs} ms`;
  const rest = timings.TotalMs - STAGES.reduce((sum, stage) => sum + timings[`${stage}Ms`], 0);
  const rows = [...STAGES.map((stage) => [stage, timings[`${stage}Ms`]]), ["between them", Math.max(rest, 0)], ["all", timings.TotalMs]];
  return [svg(label, 72, [...bars, ...axis(total / 1000, 48)]),
    grid("Stages", ["Stage", "ms"], rows, 1)];
}

function facts(pairs) {
  const given = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return element("dl", {}, ...given.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}

// Of thousands of segments, the first ones show the pattern of the names.
function namedTargets(targets) {
  const shown = targets.slice(0, 3).map(({ URI, Size }) => `${URI} (${Size} bytes)`);
  const others = targets.slice(3);
  const size = others.reduce((sum, { Size }) => sum + Size, 0);
  return [...shown, ...(others.length ? [`and ${others.length} more (${size} bytes)`] : [])].join(", ");
}

const dollars = (cost) => `$${cost.Total.toFixed(6)}`;

function showRecord() {
  const place = $("record-shown");
  if (!state.record.trim()) {
    say("record-note", "");
    place.replaceChildren();
    return;
  }
  const { Problem, Record: record, Film: film, Cost: costs, Prices } = ask({ record: { record: state.record } });
  if (Problem) {
    say("record-note", Problem, "bad");
    place.replaceChildren();
    return;
  }
  const reason = record.Message ? `: ${record.Code}, ${record.Message}` : "";
  say("record-note", `${record.Status}, ${record.Progress ?? 0} %${reason}`, record.Status === "Failed" ? "bad" : "good");
  const { Verified: counted, Usage: usage } = record;
  const parts = [facts([
    ["Task", record.TaskId], ["Began", record.StartTime], ["Ended", record.EndTime],
    ["User data", record.UserData],
    ["Chunks", record.Chunks && `${record.Chunks.Done} of ${record.Chunks.Total}`],
    ["Execution", record.ExecutionArn],
    ["Targets", namedTargets(record.Targets ?? [])],
    ["Warnings", (record.Warnings ?? []).join("; ")],
  ])];
  if (film) parts.push(element("h3", {}, "Clips"), ...drawFilm(film));
  if (counted) {
    parts.push(element("h3", {}, "Counted in the finished file"), facts([
      ["Frames", counted.Frames], ["Samples", counted.Samples],
      ["Largest join offset", `${counted.MaxJoinOffsetMs} ms`],
    ]));
  }
  parts.push(element("h3", {}, "Stages"), ...drawStages(record.Timings));
  parts.push(element("h3", {}, "Cost"), facts([
    ["Requests", `${usage.HeadRequests} HEAD, ${usage.GetRequests} GET, ${usage.PutRequests} PUT`],
    ["Read and written", `${usage.BytesFetched} and ${usage.BytesStored} bytes`],
    ["Compute", usage.MemoryMb ? `${usage.GbSeconds} GB-seconds with ${usage.MemoryMb} MB` : undefined],
    ["Cost", costs && `${dollars(costs[0])} on x86_64, ${dollars(costs[1])} on arm64 (${Prices}; /tmp above 512 MB not included)`],
  ]));
  parts.push(element("p", {}, button("Read its process string above", () => {
    setProcess(record.Process);
    $("process").focus();
  })));
  place.replaceChildren(...parts);
}
