"use strict";
// The core, and helpers for every part of the page. All decisions are made by the core.

const $ = (id) => document.getElementById(id);

/** An element with attributes, properties (on...) and children. */
function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function" || key === "value") made[key] = value;
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

let exports;
const encoder = new TextEncoder();
// A byte order mark is a character like any other.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Without a callback per letter, which would take longer than everything else. */
function unpack(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const letters = atob(base64);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

async function load() {
  const packed = new Blob([unpack($("core").textContent.trim())]);
  const wasm = packed.stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const headers = { "Content-Type": "application/wasm" };
  const { instance } = await WebAssembly.instantiateStreaming(new Response(wasm, { headers }));
  exports = instance.exports;
}

/** The core's answer to a question; see page.rs. */
function ask(question) {
  const bytes = encoder.encode(JSON.stringify(question));
  const into = exports.question(bytes.length) >>> 0;
  new Uint8Array(exports.memory.buffer, into, bytes.length).set(bytes);
  const from = exports.answer() >>> 0;
  const answer = new Uint8Array(exports.memory.buffer, from, exports.answer_length());
  return JSON.parse(decoder.decode(answer));
}

/** Converts offsets: the core counts bytes, a browser counts UTF-16 units. */
function slices(text, start, end) {
  const bytes = encoder.encode(text);
  return [[0, start], [start, end], [end, bytes.length]]
    .map(([from, to]) => decoder.decode(bytes.subarray(from, to)));
}

const state = { process: "", bucket: "", object: "", sources: {}, record: "", tab: "String" };

function say(id, text, kind = "") {
  const place = $(id);
  // Setting the same text again would make a screen reader read it again.
  if (place.textContent !== text) place.textContent = text;
  place.className = kind;
}
