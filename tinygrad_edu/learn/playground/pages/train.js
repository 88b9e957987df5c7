// The playground: asks the server for the next step when the last one is drawn.
"use strict";

const FEATURES = ["x", "y", "x²", "y²", "xy", "sin 2x", "sin 2y"];
const REACH = 2.4; // the map shows x and y from -REACH to REACH
const MOST_LAYERS = 6, MOST_UNITS = 8;
const CHOICES = ["data", "activation", "optimizer", "penalty"];
const NUMBERS = ["noise", "seed", "lr", "batch_size", "penalty_rate"];

const settings = { features: ["x", "y"], layers: [4, 3], points: [] };
let id = null, running = false, busy = false, reset = false, waiting = null;
let head = null, pictures = null; // the last answer
let points = [], testPoints = [];
let chosen = { layer: 2, unit: 0 }; // the neuron whose surface and weights are shown
let cross = null; // where the keyboard adds a point
let history = []; // [step, training loss, test loss]
let frames = []; // when the last updates were drawn, in ms
let colours = signedColours();

// ---- talking to the server ----

function readControls() {
  for (const name of CHOICES) settings[name] = $(name).value;
  for (const name of NUMBERS) {
    const value = $(name).valueAsNumber ?? Number($(name).value);
    if (Number.isFinite(value)) settings[name] = value;
  }
}

// One request at a time; what is wanted meanwhile is done after it.
async function update(steps) {
  if (busy) { waiting = Math.max(steps, waiting ?? 0); return; }
  busy = true;
  try {
    const message = JSON.stringify({ id, settings, steps, reset });
    reset = false;
    ({ head, pictures } = await ask("/api/train", message));
    id = head.id;
    problem(head.diverged ? say("diverged") : null);
    if (head.diverged) stop();
    note();
    draw();
  } catch (error) {
    stop();
    problem(error.message);
  } finally {
    busy = false;
  }
  if (waiting !== null) {
    const next = waiting;
    waiting = null;
    update(next);
  } else if (running) {
    requestAnimationFrame(() => update(Number($("speed").value)));
  } else {
    tell();
  }
}

function note() {
  if (head.begun) history = [];
  if (head.points) [points, testPoints] = [head.points, head.test_points];
  const last = history.at(-1);
  if (!last || last[0] !== head.steps) history.push([head.steps, head.train, head.test]);
  if (history.length > 800) history = history.filter((_, i) => i % 2 === 0);
  const now = performance.now();
  frames = frames.filter(t => now - t < 1000);
  frames.push(now);
}

function start() {
  if (!points.length) return problem(say("no_points"));
  running = true;
  $("run").textContent = say("pause");
  update(Number($("speed").value));
}

function stop() {
  running = false;
  $("run").textContent = say("run");
}

function changed() {
  readControls();
  update(0);
}

// For those who cannot see the page change: after a step or a pause, not while it runs.
function tell() {
  if (head) $("news").textContent = say("news", { steps: head.steps, train: short(head.train), test: short(head.test) });
}

// ---- drawing ----

const short = value => value === null || value === undefined ? "–" : Number(value.toPrecision(3)).toString();
const percent = value => value === null ? "–" : `${(100 * value).toFixed(1)} %`;

function draw() {
  if (!head) return;
  drawNeurons();
  drawEdges();
  drawMap();
  drawCurve();
  drawNumbers();
  $("stepper").href = `/step/${encodeURIComponent(id)}#lang=${language}&theme=${document.documentElement.dataset.theme}`;
}

function sizes() {
  return [settings.features.length, ...settings.layers, 1];
}

// Which surface of the answer belongs to a neuron: features first, then layer by layer.
function place(layer, unit) {
  return sizes().slice(0, layer).reduce((a, b) => a + b, 0) + unit;
}

function drawNeurons() {
  const cells = head.grid ** 2;
  for (const neuron of document.querySelectorAll(".neuron")) {
    const [layer, unit] = [Number(neuron.dataset.layer), Number(neuron.dataset.unit)];
    const context = neuron.querySelector("canvas").getContext("2d", { willReadFrequently: true });
    if (unit < 0) context.clearRect(0, 0, head.grid, head.grid);
    else paint(context, pictures, place(layer, unit) * cells, head.grid, head.grid, colours);
  }
}

function middle(neuron, box, left) {
  const own = neuron.querySelector("canvas").getBoundingClientRect();
  return { x: (left ? own.left : own.right) - box.left, y: own.top + own.height / 2 - box.top };
}

function drawEdges() {
  const { context } = sharp($("edges"));
  const box = $("edges").getBoundingClientRect();
  const gradients = $("gradients").checked;
  const values = gradients ? head.weight_gradients : head.weights;
  const largest = Math.max(0, ...values.flat().map(v => Math.abs(v ?? 0)));
  const [one, zero] = [colour("--one"), colour("--zero")];
  context.lineCap = "round";
  sizes().slice(1).forEach((size, layer) => {
    const from = [...document.querySelectorAll(`.neuron[data-layer="${layer}"]`)].filter(n => n.dataset.unit >= 0);
    const to = document.querySelectorAll(`.neuron[data-layer="${layer + 1}"]`);
    const starts = from.map(n => middle(n, box, false)), ends = [...to].map(n => middle(n, box, true));
    for (let j = 0; j < size; j++) for (let i = 0; i < from.length; i++) {
      const value = values[layer][j * from.length + i] ?? 0;
      const share = gradients ? (largest ? Math.abs(value) / largest : 0) : Math.min(1, Math.abs(value) / 3);
      const isChosen = chosen.layer === layer + 1 && chosen.unit === j;
      context.globalAlpha = isChosen ? 1 : 0.25 + 0.6 * share;
      context.strokeStyle = value < 0 ? zero : one;
      context.lineWidth = 0.6 + 6 * share;
      const bend = (ends[j].x - starts[i].x) / 2;
      context.beginPath();
      context.moveTo(starts[i].x, starts[i].y);
      context.bezierCurveTo(starts[i].x + bend, starts[i].y, ends[j].x - bend, ends[j].y, ends[j].x, ends[j].y);
      context.stroke();
    }
  });
  $("edge_note").textContent = gradients ? say("edges_gradients", { largest: short(largest) }) : say("edges_weights");
}

function isAnswer(neuron) {
  return neuron.layer > settings.layers.length;
}

function drawMap() {
  const context = $("surface").getContext("2d", { willReadFrequently: true });
  paint(context, pictures, place(chosen.layer, chosen.unit) * head.grid ** 2, head.grid, head.grid, colours);
  $("map_name").textContent = isAnswer(chosen) ? say("map_answer") : say("map_neuron", { layer: chosen.layer, unit: chosen.unit + 1 });
  if (head.points) drawPoints();
}

function drawPoints() {
  const { context, width, height } = sharp($("points"));
  const at = (x, y) => [(x / REACH + 1) / 2 * width, (1 - y / REACH) / 2 * height];
  const [fills, text] = [[colour("--zero"), colour("--one")], colour("--text")];
  context.lineWidth = 1;
  for (const [x, y, label] of points) { // squares and circles: the class does not hang on colour
    const [left, top] = at(x, y);
    context.beginPath();
    if (label) context.arc(left, top, 3.6, 0, 7); else context.rect(left - 3.2, top - 3.2, 6.4, 6.4);
    context.fillStyle = fills[label];
    context.strokeStyle = text;
    context.fill();
    context.stroke();
  }
  context.lineWidth = 1.6;
  for (const [x, y, label] of testPoints) {
    const [left, top] = at(x, y);
    context.beginPath();
    if (label) context.arc(left, top, 2.8, 0, 7); else context.rect(left - 2.5, top - 2.5, 5, 5);
    context.strokeStyle = fills[label];
    context.fillStyle = colour("--card");
    context.fill();
    context.stroke();
  }
  if (!cross) return;
  const [left, top] = at(...cross);
  context.strokeStyle = text;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(left - 9, top); context.lineTo(left + 9, top);
  context.moveTo(left, top - 9); context.lineTo(left, top + 9);
  context.stroke();
}

function drawCurve() {
  const { context, width, height } = sharp($("curve"));
  const [left, bottom] = [34, height - 18];
  const seen = history.flatMap(([, train, test]) => [train, test]).filter(v => v !== null);
  const top = Math.max(0.1, ...seen), last = Math.max(1, history.at(-1)?.[0] ?? 1);
  const x = step => left + (width - left - 4) * step / last, y = loss => bottom - (bottom - 6) * loss / top;
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = colour("--quiet");
  context.strokeStyle = colour("--rule");
  context.lineWidth = 1;
  context.textAlign = "right";
  for (const loss of [0, top / 2, top]) {
    context.beginPath();
    context.moveTo(left, y(loss)); context.lineTo(width - 4, y(loss));
    context.stroke();
    context.fillText(short(Number(loss.toPrecision(2))), left - 5, y(loss) + 4);
  }
  context.fillText(String(last), width - 4, height - 3);
  context.textAlign = "left";
  context.fillText("0", left, height - 3);
  context.lineWidth = 2;
  for (const [column, name, dashes] of [[1, "--train", []], [2, "--test", [5, 4]]]) {
    context.strokeStyle = colour(name);
    context.setLineDash(dashes);
    context.beginPath();
    for (const row of history) if (row[column] !== null) context.lineTo(x(row[0]), y(row[column]));
    context.stroke();
  }
  context.setLineDash([]);
}

let shownAt = -1000; // numbers change too fast to be read: at most five times a second while it runs
function drawNumbers() {
  const now = performance.now();
  if (running && now - shownAt < 200) return;
  shownAt = now;
  $("steps").textContent = head.steps;
  $("epochs").textContent = head.epochs.toFixed(1);
  $("updates").textContent = running && frames.length > 1
    ? Math.round(1000 * (frames.length - 1) / (now - frames[0])) : "–";
  for (const name of ["train", "test"]) {
    $(name).textContent = short(head[name]);
    $(`${name}_accuracy`).textContent = percent(head[`${name}_accuracy`]);
  }
  $("curve").setAttribute("aria-label", say("curve", { steps: head.steps, train: short(head.train), test: short(head.test) }));
  drawChosen();
}

function drawChosen() {
  const { layer, unit } = chosen;
  $("chosen_name").textContent = isAnswer(chosen) ? say("chosen_answer") : say("chosen_neuron", { layer, unit: unit + 1 });
  const count = sizes()[layer - 1], start = unit * count;
  const rows = Array.from({ length: count }, (_, i) => [
    layer === 1 ? settings.features[i] : say("neuron", { layer: layer - 1, unit: i + 1 }),
    head.weights[layer - 1][start + i], head.weight_gradients[layer - 1][start + i]]);
  rows.push([say("bias"), head.biases[layer - 1][unit], head.bias_gradients[layer - 1][unit]]);
  $("chosen").tBodies[0].replaceChildren(...rows.map(([name, weight, gradient]) => make("tr", {},
    make("th", { scope: "row", textContent: name }),
    make("td", { textContent: short(weight) }), make("td", { textContent: short(gradient) }))));
}

// ---- the network's boxes ----

function thumbnail() {
  return make("canvas", { width: 48, height: 48 });
}

function neuronButton(layer, unit) {
  const button = make("button", { type: "button", className: "neuron" }, thumbnail());
  Object.assign(button.dataset, { layer, unit });
  return button;
}

function build() {
  const inputs = make("div", { className: "layer" }, make("p", { className: "title", textContent: say("inputs") }), make("div", { className: "units" }));
  for (const name of FEATURES) {
    const unit = settings.features.indexOf(name), button = neuronButton(0, unit);
    button.classList.add("feature");
    button.prepend(make("span", { textContent: name }));
    button.setAttribute("aria-pressed", unit >= 0);
    button.setAttribute("aria-label", say("input_button", { name }));
    button.dataset.name = name;
    button.addEventListener("click", () => toggle(name));
    inputs.append(button);
  }
  const hidden = settings.layers.map((units, i) => hiddenLayer(i + 1, units));
  const answer = make("div", { className: "layer" }, make("p", { className: "title", textContent: say("output") }), make("div", { className: "units" }), selectable(settings.layers.length + 1, 0, say("answer_neuron")));
  $("layers").replaceChildren(inputs, ...hidden, answer);
  $("more_layers").disabled = settings.layers.length >= MOST_LAYERS;
  $("fewer_layers").disabled = settings.layers.length === 0;
}

function hiddenLayer(layer, units) {
  const change = (by, sign, word) => {
    const button = make("button", { type: "button", textContent: sign, disabled: units + by < 1 || units + by > MOST_UNITS });
    button.setAttribute("aria-label", say(word, { layer }));
    button.dataset.change = `${layer}${sign}`;
    button.addEventListener("click", () => {
      settings.layers[layer - 1] += by;
      rebuilt();
    });
    return button;
  };
  const title = make("p", { className: "title", textContent: say("hidden", { layer }) });
  const controls = make("div", { className: "units" }, change(-1, "−", "fewer_units"), make("span", { textContent: units }), change(1, "+", "more_units"));
  const neurons = Array.from({ length: units }, (_, unit) => selectable(layer, unit, say("neuron", { layer, unit: unit + 1 })));
  return make("div", { className: "layer" }, title, controls, ...neurons);
}

function selectable(layer, unit, label) {
  const button = neuronButton(layer, unit);
  button.setAttribute("aria-label", label);
  button.setAttribute("aria-pressed", chosen.layer === layer && chosen.unit === unit);
  button.addEventListener("click", () => {
    const again = chosen.layer === layer && chosen.unit === unit; // back to the answer
    chosen = again ? { layer: settings.layers.length + 1, unit: 0 } : { layer, unit };
    markChosen();
    shownAt = -1000;
    draw();
  });
  return button;
}

function markChosen() {
  for (const n of document.querySelectorAll(".neuron:not(.feature)")) {
    n.setAttribute("aria-pressed", Number(n.dataset.layer) === chosen.layer && Number(n.dataset.unit) === chosen.unit);
  }
}

function toggle(name) {
  const others = settings.features.filter(one => one !== name);
  if (others.length === settings.features.length) others.push(name);
  if (!others.length) return; // a network needs an input
  settings.features = FEATURES.filter(one => others.includes(one));
  rebuilt();
}

// The boxes change at once, the numbers when the server has answered.
function rebuilt() {
  const focus = document.activeElement?.dataset ?? {};
  const again = focus.change ? `[data-change="${focus.change}"]` : focus.name ? `[data-name="${focus.name}"]` : null;
  chosen = { layer: settings.layers.length + 1, unit: 0 };
  head = null;
  build();
  const same = again && document.querySelector(again);
  if (same && !same.disabled) same.focus();
  else if (again) document.querySelector(".neuron")?.focus();
  update(0);
}

// ---- controls ----

function addPoint(x, y, other) {
  const label = Number(document.querySelector("input[name=class]:checked").value);
  const round = v => Math.round(Math.max(-REACH, Math.min(REACH, v)) * 1000) / 1000;
  if (settings.points.length >= 500) return;
  settings.points.push([round(x), round(y), other ? 1 - label : label]);
  problem(null);
  update(0);
}

function mapKey(event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (event.key in moves) {
    const [dx, dy] = moves[event.key].map(d => d * 0.1);
    const held = v => Math.max(-REACH, Math.min(REACH, Math.round(v * 10) / 10));
    cross = [held(cross[0] + dx), held(cross[1] + dy)];
    drawPoints();
  } else if (event.key === "Enter" || event.key === " ") {
    addPoint(...cross, event.shiftKey);
  } else return;
  event.preventDefault();
}

function listen() {
  $("run").addEventListener("click", () => running ? (stop(), update(0)) : start());
  $("step").addEventListener("click", () => {
    stop();
    if (points.length) update(1); else problem(say("no_points"));
  });
  $("reset").addEventListener("click", () => { stop(); reset = true; update(0); });
  $("gradients").addEventListener("change", draw);
  for (const name of [...CHOICES, ...NUMBERS]) $(name).addEventListener("change", changed);
  for (const name of ["noise", "batch_size"]) {
    const shown = () => { $(`${name}_shown`).textContent = $(name).value; };
    $(name).addEventListener("input", shown);
    shown();
  }
  $("more_layers").addEventListener("click", () => { settings.layers.push(3); rebuilt(); });
  $("fewer_layers").addEventListener("click", () => { settings.layers.pop(); rebuilt(); });
  $("clear").addEventListener("click", () => { settings.points = []; update(0); });
  $("points").addEventListener("click", event => {
    const box = $("points").getBoundingClientRect();
    const x = (2 * (event.clientX - box.left) / box.width - 1) * REACH;
    const y = (1 - 2 * (event.clientY - box.top) / box.height) * REACH;
    addPoint(x, y, event.shiftKey);
  });
  $("points").addEventListener("keydown", mapKey);
  $("points").addEventListener("focus", () => { cross = $("points").matches(":focus-visible") ? [0, 0] : null; drawPoints(); });
  $("points").addEventListener("blur", () => { cross = null; drawPoints(); });
  addEventListener("resize", redraw);
}

function redraw() {
  colours = signedColours();
  build();
  $("run").textContent = say(running ? "pause" : "run");
  shownAt = -1000;
  draw();
  drawPoints();
}

chosen.layer = settings.layers.length + 1;
startPage(redraw);
listen();
build();
changed();
