// The digit page: sends the drawing whenever it changed and draws what comes back.
"use strict";

const SIDE = 280, PEN = 20;
const ink = $("ink").getContext("2d", { willReadFrequently: true });
let last = null; // the last answer
let target = null; // the digit whose evidence is shown; null: the likeliest
let busy = false, again = false, empty = true;
let pen = { x: SIDE / 2, y: SIDE / 2, down: false };

// Strokes of the examples, in tenths of the drawing's side.
const SAMPLES = [
  [[[5, 1.8], [3.4, 3], [3, 5], [3.4, 7.2], [5, 8.3], [6.6, 7.2], [7, 5], [6.6, 3], [5, 1.8]]],
  [[[4.2, 2.8], [5.2, 1.8], [5.2, 8.2]]],
  [[[3.2, 3.2], [4, 2], [5.6, 1.8], [6.6, 3], [6.2, 4.6], [3.2, 8.1], [6.9, 8.1]]],
  [[[3.3, 2.2], [5.4, 1.8], [6.5, 3], [5.7, 4.4], [4.7, 4.8], [6, 5.2], [6.8, 6.6], [5.8, 8], [3.3, 8]]],
  [[[4.2, 1.8], [3.2, 5.4], [6.9, 5.4]], [[6, 3], [5.8, 8.3]]],
  [[[6.6, 1.9], [3.8, 1.9], [3.5, 4.6], [5.3, 4.3], [6.7, 5.4], [6.5, 7.3], [5, 8.2], [3.3, 7.7]]],
  [[[6.2, 1.8], [4.2, 3.4], [3.2, 6], [3.8, 7.8], [5.4, 8.2], [6.6, 7], [6.2, 5.5], [4.8, 5.1], [3.4, 6.2]]],
  [[[3.1, 2], [6.9, 2], [5.6, 4.8], [4.7, 8.3]]],
  [[[5.1, 4.8], [3.7, 3.6], [4, 2.2], [5.2, 1.8], [6.4, 2.4], [6.3, 3.7], [5.1, 4.8], [3.6, 6.2], [3.7, 7.6], [5.1, 8.3], [6.5, 7.5], [6.5, 6.1], [5.1, 4.8]]],
  [[[6.6, 3.4], [5.4, 2], [3.9, 2.4], [3.5, 4], [4.6, 5.1], [6, 4.6], [6.6, 3.4], [6.3, 5.8], [5.6, 8.3]]],
];

// ---- drawing with the pen ----

function clearInk() {
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, SIDE, SIDE);
  empty = true;
}

function stroke(from, to) {
  ink.strokeStyle = "#000";
  ink.lineWidth = PEN;
  ink.lineCap = ink.lineJoin = "round";
  ink.beginPath();
  ink.moveTo(from.x, from.y);
  ink.lineTo(to.x, to.y);
  ink.stroke();
  empty = false;
}

function spot(event) {
  const box = $("ink").getBoundingClientRect();
  return { x: (event.clientX - box.left) / box.width * SIDE, y: (event.clientY - box.top) / box.height * SIDE };
}

function drawSample(digit) {
  clearInk();
  for (const line of SAMPLES[digit]) {
    const dots = line.map(([x, y]) => ({ x: x * SIDE / 10, y: y * SIDE / 10 }));
    dots.slice(1).forEach((dot, i) => stroke(dots[i], dot));
  }
  target = null;
  read();
}

function penKey(event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key in moves) {
    const held = v => Math.max(0, Math.min(SIDE, v));
    const [dx, dy] = moves[event.key];
    const next = { x: held(pen.x + 8 * dx), y: held(pen.y + 8 * dy), down: pen.down };
    if (pen.down) stroke(pen, next);
    pen = next;
    if (pen.down) read();
  } else if (event.key === " ") {
    pen.down = !pen.down;
    if (pen.down) { stroke(pen, pen); read(); }
  } else return;
  event.preventDefault();
  placePen();
}

function placePen() {
  const shown = $("ink").matches(":focus-visible");
  mark.hidden = !shown;
  mark.style.transform = `translate(${pen.x}px, ${pen.y}px)`;
  mark.classList.toggle("down", pen.down);
}

// ---- asking ----

async function read() {
  if (empty) return forget();
  if (busy) { again = true; return; }
  busy = true;
  const pixels = ink.getImageData(0, 0, SIDE, SIDE).data, bytes = new Uint8Array(SIDE * SIDE);
  for (let i = 0; i < bytes.length; i++) bytes[i] = 255 - pixels[4 * i];
  try {
    last = await ask(`/api/digit${target === null ? "" : `?target=${target}`}`, bytes);
    problem(null);
    if (!empty) show();
  } catch (error) {
    problem(error.message);
  }
  busy = false;
  if (again) { again = false; read(); }
}

function forget() {
  last = null;
  target = null;
  show();
}

// ---- showing ----

const percent = share => `${(100 * share).toFixed(1)} %`;

// Black, violet, orange, yellow: evenly brighter.
const HEAT = pixels(Array.from({ length: 256 }, (_, byte) => {
  const stops = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const place = byte / 255 * 4, i = Math.min(3, Math.floor(place));
  return mix(stops[i], stops[i + 1], place - i);
}));
const GREYS = pixels(Array.from({ length: 256 }, (_, byte) => [byte, byte, byte]));

function show() {
  showBars();
  const cells = 28 * 28;
  for (const [i, name] of ["seen", "saliency", "cam"].entries()) {
    const context = $(name).getContext("2d");
    context.clearRect(0, 0, 28, 28);
    if (!last) continue;
    paint(context, last.pictures, i * cells, 28, 28, i ? HEAT : GREYS);
    if (i) outline(context, last.pictures);
  }
  $("mattered_note").textContent = last
    ? say("mattered_note", { digit: last.head.target, share: percent(last.head.probabilities[last.head.target]) })
    : say("mattered_none");
  showLayers(3 * cells);
}

// The digit shines through the heat.
function outline(context, pictures) {
  const image = context.getImageData(0, 0, 28, 28);
  for (let i = 0; i < 28 * 28; i++) for (let c = 0; c < 3; c++) {
    image.data[4 * i + c] += (255 - image.data[4 * i + c]) * 0.22 * pictures[i] / 255;
  }
  context.putImageData(image, 0, 0);
}

function showBars() {
  const shares = last?.head.probabilities;
  for (let digit = 0; digit < 10; digit++) {
    const row = $(`bar${digit}`);
    row.querySelector(".share").style.transform = `scaleX(${shares?.[digit] ?? 0})`;
    row.querySelector(".value").textContent = shares ? percent(shares[digit]) : "–";
    row.querySelector("input").checked = last?.head.target === digit;
  }
  if (!shares) { $("news").textContent = ""; return; }
  const best = shares.indexOf(Math.max(...shares));
  $("news").textContent = say("digit_news", { digit: best, share: percent(shares[best]) });
}

function showLayers(start) {
  if (!last) { $("layers").replaceChildren(make("p", { className: "note", textContent: say("mattered_none") })); return; }
  const colours = signedColours();
  $("layers").replaceChildren(...last.head.layers.map(({ name, shape: [count, height, width] }) => {
    const columns = height > 1 ? 8 : Math.min(16, count), rows = Math.ceil(count / columns), gap = height > 1 ? 1 : 0;
    const canvas = make("canvas", { width: columns * (width + gap) - gap, height: rows * (height + gap) - gap });
    const context = canvas.getContext("2d");
    for (let k = 0; k < count; k++) {
      paint(context, last.pictures, start, width, height, colours, k % columns * (width + gap), Math.floor(k / columns) * (height + gap));
      start += width * height;
    }
    const text = say(height > 1 ? "maps" : "numbers", { count, height, width });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${name}: ${text}`);
    canvas.style.width = `${height > 1 ? 320 : 20 * columns}px`;
    return make("div", {}, make("h3", { textContent: say(`layer_${name}`) }), make("p", { className: "note", textContent: text }), canvas);
  }));
}

// ---- starting ----

const mark = make("div", { className: "pen", hidden: true });
mark.setAttribute("aria-hidden", "true");

function listen() {
  const canvas = $("ink");
  let before = null;
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    before = spot(event);
    stroke(before, before);
    read();
  });
  canvas.addEventListener("pointermove", event => {
    if (!before) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const next = spot(one);
      stroke(before, next);
      before = next;
    }
    read();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { before = null; });
  canvas.addEventListener("keydown", penKey);
  for (const name of ["focus", "blur"]) canvas.addEventListener(name, placePen);
  $("clear").addEventListener("click", () => { clearInk(); pen.down = false; problem(null); forget(); });
}

function build() {
  const frame = make("div", { className: "inkframe" });
  $("ink").replaceWith(frame);
  frame.append(ink.canvas, mark);
  for (let digit = 0; digit < 10; digit++) {
    const sample = make("button", { type: "button", textContent: digit });
    sample.addEventListener("click", () => drawSample(digit));
    $("samples").append(sample);
    const radio = make("input", { type: "radio", name: "target", value: digit });
    radio.addEventListener("change", () => { target = digit; read(); });
    const track = make("span", { className: "track" }, make("span", { className: "share" }));
    $("bars").append(make("label", { id: `bar${digit}` }, radio, make("span", { textContent: digit }), track, make("span", { className: "value" })));
  }
}

startPage(show);
build();
listen();
clearInk();
show();
