// The form, made from the table of parameters.

let table;
let shown = null; // What the form shows: operations with decoded values.

const CONCAT = "video/concat";
const isClip = ({ Operation }) => Operation === "pre" || Operation === "sur";
const legends = {
  "video/concat": () => "Main object and output",
  pre: (number) => `Clip before the main object, ${number}`,
  sur: (number) => `Clip after the main object, ${number}`,
  segment: () => "Segments",
  "sys/saveas": () => "Target",
  notify: () => "Completion message",
};

/** In the order of the form; required operations are always included. */
function ordered(operations) {
  const of = (name) => operations.filter(({ Operation }) => Operation === name);
  const one = (name) => (of(name).length ? of(name) : [{ Operation: name, Parameters: {} }]);
  return [...one(CONCAT), ...of("pre"), ...of("sur"), ...of("segment"), ...one("sys/saveas"), ...of("notify")];
}

function readIntoForm() {
  const answer = ask({ read: { process: state.process } });
  if (answer.Problem) {
    const left = shown ? "The form still shows the last one that did not." : "The form is empty.";
    say("form-note", `The string breaks the grammar. ${left}`, "problem");
    if (!shown) drawForm(ordered([]));
    return;
  }
  say("form-note", "");
  drawForm(ordered(answer.Operations));
}

/** Redraws only if the operations have changed, so that the focus stays. */
function drawForm(operations) {
  const kinds = (list) => list?.map(({ Operation }) => Operation).join();
  const isSame = kinds(shown) === kinds(operations);
  shown = operations;
  if (!isSame) {
    const numbers = {};
    $("form").replaceChildren(
      ...operations.map((operation) => {
        const { Operation: name } = operation;
        numbers[name] = (numbers[name] ?? 0) + 1;
        return operationFields(operation, numbers[name]);
      }),
      addButtons(operations),
    );
  }
  fillForm();
}

function fillForm() {
  shown.forEach(({ Operation, Parameters }, index) => {
    const place = $("form").children[index];
    let more = 0;
    for (const control of place.querySelectorAll("[data-parameter]")) {
      const value = Parameters[control.dataset.parameter] ?? "";
      if (control.tagName === "SELECT") showChoice(control, value);
      if (document.activeElement !== control || control.tagName === "SELECT") control.value = value;
      if (value && control.closest("details")) more += 1;
    }
    const summary = place.querySelector("summary");
    if (summary) summary.textContent = more ? `More parameters, ${more} given` : "More parameters";
    if (Operation === CONCAT) markBans(place, Parameters.f);
  });
}

/** A value that is not among the choices is still shown: the verdict says what is wrong with it. */
function showChoice(select, value) {
  const isThere = [...select.options].some((option) => option.value === value);
  if (!isThere) select.append(element("option", { value }, value));
}

/** Marks the codecs that the container can't hold. */
function markBans(place, container) {
  for (const parameter of ["vcodec", "acodec"]) {
    for (const option of place.querySelector(`[data-parameter=${parameter}]`).options) {
      const ban = table.Bans.find(([f, p, codec]) => f === container && p === parameter && codec === option.value);
      if (option.value) option.textContent = ban ? `${option.value} (not in ${container})` : option.value;
    }
  }
}

function operationFields(operation, number) {
  const { Operation: name } = operation;
  const { Parameters } = table.Operations.find((other) => other.Operation === name);
  const isMain = name === CONCAT;
  const often = new Set(["ss", "t", "f", "vcodec", "acodec", "s", "scaletype", "fps"]);
  const first = isMain ? Parameters.filter((p) => often.has(p.Name)) : Parameters;
  const rest = isMain ? Parameters.filter((p) => !often.has(p.Name)) : [];
  const fields = (list) =>
    element("div", { class: "fields" }, ...list.map((p) => field(operation, p, `${name}-${number}-${p.Name}`)));
  const parts = [element("legend", {}, `${legends[name](number)} `, element("code", {}, name)), fields(first)];
  if (rest.length) parts.push(element("details", { "aria-label": "More parameters" }, element("summary", {}, "More parameters"), fields(rest)));
  if (isClip(operation)) parts.push(clipButtons(name, number));
  if (name === "segment" || name === "notify") {
    const gone = () => changeOperations(shown.filter(({ Operation }) => Operation !== name));
    parts.push(element("div", { class: "buttons" }, button("Remove", gone, legends[name](number))));
  }
  return element("fieldset", {}, ...parts);
}

function field(operation, parameter, id) {
  const { Name, Choices, Absent, Meaning, Unit, Allowed, IsRequired } = parameter;
  const index = () => Number([...$("form").children].indexOf($(id).closest("fieldset")));
  const oninput = (event) => changeValue(index(), Name, event.target.value);
  const attributes = { id, "data-parameter": Name, "aria-describedby": `${id}-help`, oninput,
    "aria-required": IsRequired ? "true" : null };
  const without = IsRequired ? "" : Absent.replaceAll("`", "");
  const control = Choices.length
    ? element("select", attributes,
        element("option", { value: "" }, IsRequired ? "(choose)" : `(${without})`),
        ...Choices.map((choice) => element("option", { value: choice }, choice)))
    : element("input", { ...attributes, placeholder: without, spellcheck: "false" });
  const allowed = Choices.length ? "" : ` ${Allowed}${Unit ? ` ${Unit}` : ""}.`;
  return element("div", { class: "field" },
    element("label", { for: id }, element("code", {}, Name), IsRequired ? " (required)" : ""),
    control,
    element("small", { id: `${id}-help` }, `${Meaning.replaceAll("`", "")}${allowed.replaceAll("`", "")}`));
}

function button(text, onclick, of = "") {
  return element("button", { type: "button", onclick, "aria-label": of ? `${text}: ${of}` : null }, text);
}

function clipButtons(name, number) {
  const of = legends[name](number);
  const place = () => shown.findIndex(({ Operation }) => Operation === name) + number - 1;
  const move = (by) => () => {
    const [from, to] = [place(), place() + by];
    if (shown[to]?.Operation !== name) return;
    const operations = [...shown];
    [operations[from], operations[to]] = [operations[to], operations[from]];
    changeOperations(operations);
  };
  const remove = () => changeOperations(shown.filter((_, index) => index !== place()));
  return element("div", { class: "buttons" },
    button("Earlier", move(-1), of), button("Later", move(1), of), button("Remove", remove, of));
}

function addButtons(operations) {
  const has = (name) => operations.some(({ Operation }) => Operation === name);
  const add = (name, Parameters = {}) => () => {
    changeOperations(ordered([...shown, { Operation: name, Parameters }]));
    [...$("form").querySelectorAll(`[id^="${name}-"][data-parameter]`)]
      .filter((control) => control.dataset.parameter === (name === "segment" ? "f" : name === "notify" ? "topic" : "o"))
      .at(-1).focus();
  };
  return element("div", { class: "buttons" },
    button("Add a clip before the main object", add("pre")),
    button("Add a clip after the main object", add("sur")),
    ...(has("segment") ? [] : [button("Cut the output into segments", add("segment", { f: "hls", t: "6s" }))]),
    ...(has("notify") ? [] : [button("Send a completion message", add("notify"))]));
}

function changeValue(index, name, value) {
  shown[index].Parameters[name] = value;
  writeFromForm();
}

function changeOperations(operations) {
  drawForm(operations);
  writeFromForm();
}

/** Updates the string from the form. */
function writeFromForm() {
  const operations = shown.map(({ Operation, Parameters }) => ({ Operation, Parameters }));
  state.process = ask({ write: { operations } }).Process;
  $("process").value = state.process;
  say("form-note", "");
  judge();
  fillForm();
  later();
}
