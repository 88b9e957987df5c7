// Shared by both pages: language, light and dark, colours, and answers of the server.
"use strict";

const $ = id => document.getElementById(id);
const stored = {
  get: key => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } },
};

let language = stored.get("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
if (!(language in WORDS)) language = "en";
const dark = matchMedia("(prefers-color-scheme: dark)");
setTheme(stored.get("theme") ?? (dark.matches ? "dark" : "light"));

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

// The text of a key in the reader's language; {name} is replaced by values.name.
function say(key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = `${say(document.body.dataset.title)} · tinygrad_edu`;
  for (const e of document.querySelectorAll("[data-word]")) e.textContent = say(e.dataset.word);
  for (const e of document.querySelectorAll("[data-label]")) e.setAttribute("aria-label", say(e.dataset.label));
  $("language").textContent = say("other_language");
  $("language").lang = language === "zh" ? "en" : "zh-CN";
}

// Calls `redraw` when the reader changes the language or the colours.
function startPage(redraw) {
  translate();
  $("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    stored.set("language", language);
    translate();
    redraw();
  });
  $("theme").addEventListener("click", () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    stored.set("theme", theme);
    setTheme(theme);
    redraw();
  });
  dark.addEventListener("change", () => {
    if (stored.get("theme")) return;
    setTheme(dark.matches ? "dark" : "light");
    redraw();
  });
}

function problem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text ?? "";
}

// Sends `body`; gives {head, pictures}, see `pack` in server.py.
async function ask(address, body) {
  let answer;
  try {
    answer = await fetch(address, { method: "POST", body });
  } catch {
    throw new Error(say("no_server"));
  }
  if (!answer.ok) {
    const text = await answer.text();
    let message = text;
    try { message = JSON.parse(text).error; } catch { /* plain text */ }
    throw new Error(message);
  }
  const bytes = await answer.arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  return { head, pictures: new Uint8Array(bytes, 4 + length) };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function rgb(hex) {
  return [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
}

function mix(a, b, share) {
  return a.map((v, i) => Math.round(v + (b[i] - v) * share));
}

// 256 colours as the pixels of a canvas: one number each.
function pixels(colours) {
  return new Uint32Array(Uint8ClampedArray.from(colours.flatMap(([r, g, b]) => [r, g, b, 255])).buffer);
}

// For bytes where 128 is 0: one colour below, the other above.
function signedColours() {
  const [zero, neutral, one] = ["--zero", "--neutral", "--one"].map(name => rgb(colour(name)));
  return pixels(Array.from({ length: 256 }, (_, byte) => {
    const value = Math.max(-1, (byte - 128) / 127);
    return mix(neutral, value < 0 ? zero : one, Math.sqrt(Math.abs(value)));
  }));
}

// Paint bytes [start, start + width * height) of `pictures` at (x, y) of the canvas.
function paint(context, pictures, start, width, height, colours, x = 0, y = 0) {
  const image = context.createImageData(width, height), shown = new Uint32Array(image.data.buffer);
  for (let i = 0; i < shown.length; i++) shown[i] = colours[pictures[start + i]];
  context.putImageData(image, x, y);
}

// A canvas as large as it is shown, in device pixels; gives its context in CSS pixels.
function sharp(canvas) {
  const ratio = devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  return { context, width: box.width, height: box.height };
}

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
