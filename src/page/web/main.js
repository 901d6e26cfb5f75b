// The commands that send the request, the page's address, and its start.

const TABS = [["String", "Canonical form"], ["Event", "Event in JSON"], ["Curl", "curl"], ["Python", "Python"]];
const EXAMPLE = { operations: [
  { Operation: "video/concat", Parameters: { f: "mp4", vcodec: "h264", acodec: "aac" } },
  { Operation: "pre", Parameters: { o: "intro.mp4" } },
  { Operation: "sur", Parameters: { o: "outro.mp4", t: "10s" } },
  { Operation: "sys/saveas", Parameters: { o: "joined/{barename}" } },
] };

function makeTabs() {
  $("tabs").replaceChildren(...TABS.map(([tab, title]) =>
    element("button", { type: "button", role: "tab", id: `tab-${tab}`, "aria-controls": "panel",
      onclick: () => chooseTab(tab) }, title)));
  $("tabs").onkeydown = ({ key }) => {
    const at = TABS.findIndex(([tab]) => tab === state.tab);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1 + TABS.length, Home: 0, End: TABS.length - 1 };
    if (!(key in steps)) return;
    chooseTab(TABS[steps[key] % TABS.length][0]);
    $(`tab-${state.tab}`).focus();
  };
}

function chooseTab(tab) {
  state.tab = tab;
  later();
}

function showText() {
  for (const [tab] of TABS) {
    const isIt = tab === state.tab;
    $(`tab-${tab}`).setAttribute("aria-selected", String(isIt));
    $(`tab-${tab}`).tabIndex = isIt ? 0 : -1;
  }
  $("panel").setAttribute("aria-labelledby", `tab-${state.tab}`);
  const texts = ask({ send: request() });
  const text = texts[state.tab];
  $("text").textContent = text ?? (texts.Problem ? "The request is not right yet." : "Name the main object and its bucket above.");
  $("copy").disabled = text === undefined;
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say("copied", `${what} is copied.`);
  } catch {
    say("copied", "The browser did not allow it. Select the text and copy it.");
  }
}

/** All input, as the part of the address after the #, which no server sees. */
function writeAddress() {
  const words = new URLSearchParams();
  for (const name of ["process", "bucket", "object", "record"]) {
    if (state[name]) words.set(name, state[name]);
  }
  for (const [key, text] of Object.entries(state.sources)) {
    if (text) words.append("source", `${text}=${key}`);
  }
  if (state.tab !== "String") words.set("tab", state.tab);
  history.replaceState(null, "", `#${words}`);
}

function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  for (const name of ["process", "bucket", "object", "record"]) state[name] = words.get(name) ?? "";
  // A key may contain `=`, but a description never does.
  state.sources = Object.fromEntries(words.getAll("source").map((word) => {
    const at = word.indexOf("=");
    return [word.slice(at + 1), word.slice(0, at)];
  }));
  state.tab = TABS.find(([tab]) => tab === words.get("tab"))?.[0] ?? "String";
  if (!words.has("process") && !words.has("record")) state.process = ask({ write: EXAMPLE }).Process;
}

let waiting = null;

/** Redraws the rest once for all changes before the next frame. */
function later(first) {
  waiting ??= requestAnimationFrame(() => setTimeout(draw));
  if (first) draw.first = first;
}

function draw() {
  waiting = null;
  draw.first?.();
  draw.first = null;
  showFilm();
  showText();
  writeAddress();
}

/** Restores the input from the address. */
function show() {
  readAddress();
  for (const name of ["bucket", "object", "record"]) $(name).value = state[name];
  setProcess(state.process);
  showRecord();
}

/** Keeps what is known about the main object while its name is being typed. */
function renameMain(name) {
  const { sources, object } = state;
  if (sources[object] && !sources[name]) {
    sources[name] = sources[object];
    delete sources[object];
  }
  state.object = name;
  judge();
  later();
}

function listen() {
  $("process").oninput = ({ target }) => setProcess(target.value);
  $("process").onscroll = () => { $("marks").scrollTop = $("process").scrollTop; };
  $("bucket").oninput = ({ target }) => { state.bucket = target.value; judge(); later(); };
  $("object").oninput = ({ target }) => renameMain(target.value);
  $("probe").oninput = ({ target }) => takeProbe(target.value);
  $("record").oninput = ({ target }) => { state.record = target.value; showRecord(); later(); };
  $("copy").onclick = () => copy($("text").textContent, "It");
  $("share").onclick = () => { writeAddress(); copy(location.href, "The link"); };
  document.querySelector("[data-skip]").onclick = (event) => { event.preventDefault(); $("process").focus(); };
  $("form").onsubmit = (event) => event.preventDefault();
  window.onhashchange = show;
}

async function start() {
  await load();
  table = ask("table");
  makeTabs();
  listen();
  show();
  document.documentElement.dataset.firstVerdictMs = performance.now().toFixed(1);
}

start().catch((error) => say("verdict", `The page can't start: ${error.message}`, "bad"));
