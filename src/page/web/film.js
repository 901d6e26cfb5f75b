// The timeline to scale, of a request or of a record.

const WIDTH = 1000;
const round = (number) => Math.round(number * 100) / 100;
const seconds = (ms) => `${Number((ms / 1000).toFixed(3))} s`;

function svg(label, height, children) {
  return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `${label}, scrolls sideways` },
    element("svg:svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label }, ...children));
}

/** A bar with its text, unless the text does not fit; the table contains it as well. */
function bar(x, width, y, kind, lines) {
  const rect = element("svg:rect", { x: round(x), y, width: round(Math.max(width, 0.5)), height: 40, class: `${kind} edge` },
    element("svg:title", {}, lines.join(", ")));
  const ink = kind.includes("filled") ? "" : "on";
  const texts = lines
    .filter((line) => line.length * 6.6 < width - 8)
    .map((line, row) => element("svg:text", { x: round(x + 5), y: y + 17 + 15 * row, class: ink }, line));
  return [rect, ...texts];
}

/** Ticks of a round length, at most ten or so. */
function axis(total, y) {
  const rough = total / 10 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
  const ticks = [];
  for (let index = 0; index * step <= total * 1.0001; index += 1) {
    const x = round((index * step * WIDTH) / total);
    const anchor = x > WIDTH - 30 ? "end" : x < 5 ? "start" : "middle";
    ticks.push(
      element("svg:line", { x1: x, x2: x, y1: y, y2: y + 6, class: "axis" }),
      element("svg:text", { x, y: y + 20, "text-anchor": anchor, class: "soft" }, `${Number((index * step).toPrecision(6))} s`));
  }
  return ticks;
}

function drawFilm(film) {
  const { Video: video, Audio: audio } = film.Output;
  const rows = [];
  if (video) rows.push({ kind: "video", rate: video.FrameRate, first: "FirstFrame", count: "Frames", unit: "frames", filled: "black" });
  if (audio) rows.push({ kind: "audio", rate: audio.SampleRate, first: "FirstSample", count: "Samples", unit: "samples", filled: "silence" });
  const ends = rows.map(({ rate, first, count }) => Math.max(...film.Clips.map((clip) => (clip[first] + clip[count]) / rate)));
  const total = Math.max(...ends) || 1;
  const shapes = rows.flatMap(({ kind, rate, first, count, unit, filled }, row) =>
    film.Clips.flatMap((clip, index) => {
      const isFilled = clip.Filled.includes(kind);
      const name = clip.Object || "main object";
      const lines = [
        `${index} ${isFilled ? filled : name}`,
        `${clip[count]} ${unit} from ${clip[first]}`,
      ];
      const scale = WIDTH / rate / total;
      return bar(clip[first] * scale, clip[count] * scale, 4 + 46 * row, isFilled ? "filled" : kind, lines);
    }));
  const bottom = 4 + 46 * rows.length;
  const label = `Timeline of ${film.Clips.length} ${film.Clips.length === 1 ? "clip" : "clips"}, ${seconds(film.Output.DurationMs)}`;
  return [
    element("p", { class: "summary" }, film.Summary),
    svg(label, bottom + 26, [...shapes, ...axis(total, bottom)]),
    filmTable(film, Boolean(video), Boolean(audio)),
  ];
}

function grid(caption, heads, rows, firstNumber) {
  const kind = (column) => (column >= firstNumber ? "number" : null);
  const row = (cells) => element("tr", {}, ...cells.map((cell, column) =>
    element(column ? "td" : "th", { class: kind(column), scope: column ? null : "row" }, String(cell))));
  return element("div", { class: "scroll" }, element("table", {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads.map((head, column) =>
      element("th", { scope: "col", class: kind(column) }, head)))),
    element("tbody", {}, ...rows.map(row))));
}

function filmTable(film, hasVideo, hasAudio) {
  const columns = [
    ["Clip", (_, index) => index],
    ["Object", (clip) => clip.Object || "the main object"],
    ["Used", (clip) => `${seconds(clip.StartMs)} to ${seconds(clip.StartMs + clip.DurationMs)}`],
    ["Filled", (clip) => clip.Filled.map((kind) => (kind === "video" ? "black" : "silence")).join(", ") || "–"],
  ];
  if (hasVideo) columns.push(["First frame", (clip) => clip.FirstFrame], ["Frames", (clip) => clip.Frames]);
  if (hasAudio) columns.push(["First sample", (clip) => clip.FirstSample], ["Samples", (clip) => clip.Samples]);
  if (hasVideo && hasAudio) columns.push(["Video behind audio", (clip, index) => (index ? `${clip.JoinOffsetMs} ms` : "–")]);
  const rows = film.Clips.map((clip, index) => columns.map(([, cell]) => cell(clip, index)));
  return grid("Clips", columns.map(([head]) => head), rows, 4);
}

let shownSources = null;

/** One field for each source, and the timeline if enough is known. */
function showFilm() {
  const answer = ask({ film: { asked: request(), sources: state.sources } });
  const keys = answer.Sources;
  if (keys && JSON.stringify(keys) !== shownSources) {
    shownSources = JSON.stringify(keys);
    $("sources").replaceChildren(...keys.map((key) => element("label", {}, key || "the main object",
      element("input", { "data-source": key, spellcheck: "false", autocomplete: "off", placeholder: "25.02s",
        oninput: ({ target }) => { state.sources[key] = target.value; later(); } }))));
  }
  for (const input of $("sources").querySelectorAll("input")) {
    const value = state.sources[input.dataset.source] ?? "";
    if (document.activeElement !== input) input.value = value;
    input.setAttribute("aria-invalid", String(Boolean(value) && input.dataset.source === answer.Source));
  }
  if (answer.Film) {
    say("film-note", (answer.Warnings ?? []).join(" "));
    $("film").replaceChildren(...drawFilm(answer.Film));
    return;
  }
  $("film").replaceChildren();
  const of = "Source" in answer ? `${answer.Source || "the main object"}: ` : "";
  say("film-note", keys ? of + answer.Problem : "The timeline is drawn when the request is right.");
}

/** Assigns each described file to the source with its name, else to the first without a description. */
function takeProbe(report) {
  if (!report.trim()) return say("probe-note", "");
  const answer = ask({ probe: { report } });
  if (answer.Problem) return say("probe-note", answer.Problem, "bad");
  const keys = JSON.parse(shownSources ?? "[]");
  const base = (key) => (key || state.object).split("/").at(-1);
  const taken = [];
  for (const { Name, Description } of answer.Files) {
    const key = keys.find((key) => base(key) === Name) ?? keys.find((key) => !state.sources[key]);
    if (key !== undefined) state.sources[key] = Description;
    taken.push(`${Name || "a file"} ${key === undefined ? "is no source" : `describes ${key || "the main object"}`}`);
  }
  say("probe-note", taken.join("; "), "good");
  later();
}
