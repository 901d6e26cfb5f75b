// The process string: its verdict while typing, and the names in it.

const request = () => ({ process: state.process, bucket: state.bucket, object: state.object });

let verdict = {};

/** Checks the string at once, and redraws what depends on it at the next frame. */
function judge() {
  const answer = ask({ check: request() });
  verdict = answer.Verdict;
  const place = $("verdict");
  const isRight = "Process" in verdict;
  const hasPlace = "Start" in verdict;
  say("verdict", isRight ? "The request is right." : verdict.Message, isRight ? "good" : "bad");
  for (const [name, value] of [["start", verdict.Start], ["end", verdict.End]]) {
    if (hasPlace) place.dataset[name] = value;
    else delete place.dataset[name];
  }
  $("process").setAttribute("aria-invalid", String(!isRight));
  mark(hasPlace);
  drawCaret(answer.Caret);
  $("warnings").replaceChildren(...(verdict.Warnings ?? []).map((text) => element("li", {}, text)));
  drawNames(answer.Names);
}

/** Underlines the mistake below the text that is typed. */
function mark(hasPlace) {
  const marks = $("marks");
  if (!hasPlace) {
    marks.textContent = "";
    return;
  }
  const [before, wrong, after] = slices(state.process, verdict.Start, verdict.End);
  marks.replaceChildren(before, element("mark", {}, wrong || "\u00a0"), after);
  marks.scrollTop = $("process").scrollTop;
}

function drawCaret(caret) {
  const place = $("caret");
  place.hidden = caret == null;
  if (caret == null) return;
  const [line, under] = caret.split("\n");
  const carets = element("mark", {}, under.trimStart());
  place.replaceChildren(`${line}\n${" ".repeat(under.length - carets.textContent.length)}`, carets);
  // Scrolls a long line to the mistake; the page itself does not scroll.
  place.scrollLeft = carets.offsetLeft - place.clientWidth / 2;
}

let shownNames = "";

/** Each name twice, encoded and decoded; either side can be changed. */
function drawNames(names) {
  const groups = $("names");
  const of = JSON.stringify(names.map(({ Of }) => Of));
  if (of !== shownNames) {
    shownNames = of;
    groups.replaceChildren(...names.map(({ Of }, index) => nameGroup(Of, index)));
  }
  names.forEach(({ Start, End, Text }, index) => {
    const [clear, encoded] = groups.children[index].querySelectorAll("input");
    if (document.activeElement !== clear) clear.value = Text;
    if (document.activeElement !== encoded) encoded.value = slices(state.process, Start, End)[1];
  });
}

function nameGroup(of, index) {
  const field = (label, change) =>
    element("label", {}, label, element("input", {
      spellcheck: "false", autocomplete: "off", oninput: (event) => change(event.target.value),
    }));
  return element("fieldset", { class: "pair" },
    element("legend", {}, element("code", {}, of)),
    field("Name", (text) => putName(index, ask({ encode: { text } }).Name)),
    field("Base64", (name) => {
      if ("Text" in ask({ decode: { name } })) putName(index, name.trim());
    }));
}

function putName(index, name) {
  if (!name) return;
  const { Start, End } = ask({ check: request() }).Names[index];
  const [before, , after] = slices(state.process, Start, End);
  setProcess(before + name + after);
}

/** Updates the form from a string that did not come from it. */
function setProcess(process) {
  state.process = process;
  if ($("process").value !== process) $("process").value = process;
  judge();
  later(readIntoForm);
}
