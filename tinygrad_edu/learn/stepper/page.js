"use strict";
/* The page holds a trace (see learn/trace.py): values, steps forward, steps of the walk back. At
   position 0 nothing has run; at position p the first p steps have. All state is `at` and `chosen`. */

const read = id => JSON.parse(document.getElementById(id).textContent);
const words = read("words"), T = read("data");
const $ = id => document.getElementById(id);
const forward = T.steps.length, total = forward + T.backward.length;
let at = 0, chosen = null, playing = null, language = "en", theme = "";
let cards = {};  // of the current step, by key: what it shows and how to mark its cells

// ---- small things -------------------------------------------------------------------------------

function t(key, given = {}) {
  const text = words[language][key];
  return typeof text === "string" ? text.replace(/\{(\w+)\}/g, (_, k) => given[k] ?? "") : text;
}

function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") e.className = value;
    else if (name.startsWith("on")) e[name] = value;
    else if (value !== null && value !== false) e.setAttribute(name, value);
  }
  e.append(...children.filter(c => c !== null && c !== undefined));
  return e;
}

function drawn(tag, attributes, parent) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  parent.append(e);
  return e;
}

const NAMED = {NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity};
const flat = array => (Array.isArray(array) ? array.flat(Infinity) : [array])
  .map(x => typeof x === "string" ? NAMED[x] : x);
const size = shape => shape.reduce((a, b) => a * b, 1);

function short(x) {
  if (typeof x === "boolean") return String(x);
  if (!Number.isFinite(x)) return x > 0 ? "∞" : x < 0 ? "−∞" : "NaN";
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x).replace("-", "−");
  let text = Number(x.toPrecision(4)).toString();
  if (text.includes("e")) text = x.toExponential(2);
  return text.replace("-", "−");
}

const full = x => String(x).replace("-", "−");

function indexOf(place, shape) {
  const index = [];
  for (let d = shape.length - 1; d >= 0; d--) {
    index.unshift(place % shape[d]);
    place = Math.floor(place / shape[d]);
  }
  return index;
}

const placeOf = (index, shape) => index.reduce((place, i, d) => place * shape[d] + i, 0);
const cellName = (place, shape) => shape.length ? `[${indexOf(place, shape).join(", ")}]` : "";
const sizes = shape => shape === null ? "?" : shape.length ? shape.join(" × ") : t("number");

function label(value) {
  if (value.name) return value.name;
  return value.step === null ? value.kind : t("result", {op: T.steps[value.step].op});
}

const homeOf = value => value.step === null ? `v${value.id}` : `s${value.step}`;

// ---- where a number came from -------------------------------------------------------------------

/* The places of an input that a place of a result depends on; null: all of them. */
function ways(way, from, shape, outShape, out, result = 0) {
  const o = indexOf(out, outShape);
  if (!way) return null;
  if (way.k === "same") {
    const index = o.slice(o.length - shape.length).map((i, d) => shape[d] === 1 ? 0 : i);
    return [placeOf(index, shape)];
  }
  if (way.k === "map") return (way.maps[result] || way.maps[0])[out] < 0 ? [] : [(way.maps[result] || way.maps[0])[out]];
  if (way.k === "reduce") return reduced(way, shape, outShape, o);
  if (way.k === "row") return along(shape, d => way.dims.includes(d) ? null : o[d]);
  if (way.k === "matmul") return matmulWay(way, shape, outShape, o, from);
  if (way.k === "linear") return linearWay(way, shape, o);
  if (way.k === "convolution") return convolutionWay(way, shape, o, from);
  if (way.k === "window") return windowWay(way, shape, o);
  return null;
}

/* All places whose index along each dim is `fixed(dim)`, or any where that is null. */
function along(shape, fixed) {
  let found = [[]];
  shape.forEach((n, d) => {
    const i = fixed(d);
    const range = i === null ? [...Array(n).keys()] : Array.isArray(i) ? i : [i];
    found = found.flatMap(index => range.filter(k => k >= 0 && k < n).map(k => [...index, k]));
  });
  return found.map(index => placeOf(index, shape));
}

function reduced(way, shape, outShape, o) {
  const kept = outShape.length === shape.length && shape.length > 0;
  let next = 0;
  const index = shape.map((_, d) => way.dims.includes(d) ? null : kept ? o[d] : o[next++]);
  return along(shape, d => index[d]);
}

function matmulWay(way, shape, outShape, o, step) {
  const [a, b] = step.inputs.map(i => T.values[i].shape);
  const rest = [...o];
  const column = b.length === 1 ? null : rest.pop();
  const row = a.length === 1 ? null : rest.pop();
  const batch = d => shape[d] === 1 ? 0 : rest[rest.length - (shape.length - 2) + d];
  if (shape.length === 1) return along(shape, () => null);
  const first = way.part === step.names[0];
  return along(shape, d => d < shape.length - 2 ? batch(d)
    : d === shape.length - 2 ? (first ? row : null) : (first ? null : column));
}

function linearWay(way, shape, o) {
  const unit = o[o.length - 1];
  if (way.part === "bias") return [unit];
  if (way.part === "weight") return along(shape, d => d === 0 ? unit : null);
  return along(shape, d => d === shape.length - 1 ? null : o[d]);
}

/* Where window position p of a moving window looks, along one spatial dim. */
const reach = (way, d, p, count) => [...Array(count).keys()]
  .map(k => p * way.stride[d] + k * way.dilation[d] - way.padding[d]);

function convolutionWay(way, shape, o, step) {
  const weight = T.values[step.inputs[step.names.indexOf("weight")]].shape;
  const [n, unit, ...p] = o;
  if (way.part === "bias") return [unit];
  if (way.part === "weight") {
    const input = T.values[step.inputs[0]].shape;
    return along(shape, d => d === 0 ? unit : d === 1 ? null
      : [...Array(weight[d]).keys()].filter(k => {
        const at = p[d - 2] * way.stride[d - 2] + k * way.dilation[d - 2] - way.padding[d - 2];
        return at >= 0 && at < input[d];
      }));
  }
  const group = Math.floor(unit / (weight[0] / way.groups));
  const channels = [...Array(weight[1]).keys()].map(c => c + group * weight[1]);
  return along(shape, d => d === 0 ? n : d === 1 ? channels : reach(way, d - 2, p[d - 2], weight[d]));
}

function windowWay(way, shape, o) {
  const lead = shape.length - way.kernel.length;
  return along(shape, d => d < lead ? o[d] : reach(way, d - lead, o[d], way.kernel[d - lead]));
}

/* The places of a result that depend on a place of an input; null: all. */
function waysBack(step, name, place, result = 0) {
  const shape = T.values[step.inputs[step.names.indexOf(name)]].shape;
  const outShape = T.values[step.outputs[result]].shape;
  if (!step.ways[name] || shape === null || size(outShape) > 5000) return null;
  return [...Array(size(outShape)).keys()].filter(o => {
    const found = ways(step.ways[name], step, shape, outShape, o, result);
    return found === null || found.includes(place);
  });
}

/* d out[o] / d input[place] where it is an entry of another input or a constant; else null. */
function factor(step, name, place, o) {
  const way = step.ways[name], outShape = T.values[step.outputs[0]].shape;
  const shape = T.values[step.inputs[step.names.indexOf(name)]].shape;
  if (way.k === "map") return 1;
  if (way.k === "reduce") {
    return way.factor === 1 ? 1 : way.factor === "mean" ? size(outShape) / size(shape) : null;
  }
  if (name === "bias") return 1;
  const met = meeting(step, name, place, o);
  return met && met.value.array != null ? flat(met.value.array)[met.place] : null;
}

/* In a sum of products, the entry of the other input that a place of this one is multiplied with
   for result o; null if the op is no sum of products. */
function meeting(step, name, place, o) {
  const way = step.ways[name];
  if (!way || !["matmul", "linear", "convolution"].includes(way.k) || name === "bias") return null;
  const other = name === step.names[0] ? step.names[1] : step.names[0];
  const shapeOf = n => T.values[step.inputs[step.names.indexOf(n)]].shape;
  const outShape = T.values[step.outputs[0]].shape;
  const mine = ways(way, step, shapeOf(name), outShape, o);
  const theirs = ways(step.ways[other], step, shapeOf(other), outShape, o);
  if (mine.length !== theirs.length) return null;
  const value = T.values[step.inputs[step.names.indexOf(other)]];
  return {other, value, place: theirs[mine.indexOf(place)]};
}

// ---- tensors ------------------------------------------------------------------------------------

const SMALL = 64;  // numbers that are written out; more become a heat map

/* A tensor as a card: numbers or a heat map, of which one cell can be chosen. */
function card(key, x, {name, told = name, about = "", fresh = false, value = null, kept = false}) {
  const box = element("div", {class: "card" + (kept ? " kept" : ""), "data-key": key},
    element("div", {class: "name"}, name),
    element("div", {class: "about"}, [sizes(x.shape), x.dtype, about].filter(Boolean).join(" · ")));
  if (x.array === null || x.array === undefined) {
    const list = Object.entries(x.stats || {}).map(([k, v]) => `${k} ${short(v)}`).join(", ");
    box.append(element("p", {class: "note"}, list ? t("stats", {list}) : t("unknown")));
    cards[key] = {numbers: null, shape: x.shape, mark: () => {}};
    return box;
  }
  const numbers = flat(x.array), shape = x.shape;
  const readout = element("div", {class: "readout"});
  const tensor = element("div", {class: "tensor" + (fresh ? " fresh" : ""), tabindex: "0",
    role: "group", "aria-label": t("cells", {name, shape: sizes(shape)})});
  const shown = numbers.length <= SMALL ? written(tensor, numbers, shape, key)
    : heat(tensor, numbers, shape, key);
  const columns = shape.length ? shape[shape.length - 1] : 1;
  tensor.onkeydown = event => moveChoice(event, key, numbers.length, columns, value);
  box.append(tensor, readout);
  cards[key] = {numbers, shape, value, mark(marked, cell) {
    shown(marked, cell);
    readout.textContent = cell === null ? "" : `${told}${cellName(cell, shape)} = ${full(numbers[cell])}`;
    if (cell !== null && value !== null && value.step !== null && value.step + 1 !== at) {
      readout.append(element("button", {type: "button", onclick: () => go(value.step + 1)},
        t("made", {op: T.steps[value.step].op})));
    }
  }};
  return box;
}

function tint(x, most) {
  if (typeof x === "boolean") x = x ? 1 : 0;
  if (!Number.isFinite(x) || !most) return null;
  return [x < 0 ? "--low" : "--high", Math.min(1, Math.abs(x) / most)];
}

const largest = numbers => numbers.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 0);

/* A grid of numbers; returns what marks its cells. */
function written(tensor, numbers, shape, key) {
  const columns = shape.length ? Math.max(1, shape[shape.length - 1]) : 1;
  const rows = shape.length > 1 ? shape[shape.length - 2] : 1, most = largest(numbers);
  const grid = element("div", {class: "grid"});
  grid.style.gridTemplateColumns = `repeat(${columns}, auto)`;
  const cells = numbers.map((x, i) => {
    const row = Math.floor(i / columns);
    const cell = element("div", {class: "cell" + (row && row % rows === 0 ? " gap" : ""),
      title: full(x), "data-value": x, onclick: () => choose(key, i)}, short(x));
    const colour = tint(x, most);
    if (colour) cell.style.backgroundColor = `rgba(var(${colour[0]}), ${(0.22 * colour[1]).toFixed(3)})`;
    cell.style.animationDelay = `${Math.min(i * 40, 700)}ms`;
    return cell;
  });
  grid.append(...cells);
  tensor.append(grid);
  return (marked, chosenCell) => cells.forEach((cell, i) => {
    cell.classList.toggle("marked", marked === null || marked.has(i));
    cell.classList.toggle("chosen", i === chosenCell);
  });
}

/* A heat map on a canvas: matrices side by side; returns what marks its cells. */
function heat(tensor, numbers, shape, key) {
  const columns = shape[shape.length - 1], rows = shape.length > 1 ? shape[shape.length - 2] : 1;
  const count = numbers.length / columns / rows, most = largest(numbers);
  const across = Math.max(1, Math.min(count, Math.round(Math.sqrt(count * rows / columns)) || 1));
  const room = Math.min(420, document.documentElement.clientWidth - 70);
  const cell = Math.max(2, Math.min(16, Math.floor((room - across * 3) / (across * columns))));
  const canvas = element("canvas", {});
  const wide = columns * cell + 3, high = rows * cell + 3;
  canvas.width = across * wide - 3;
  canvas.height = Math.ceil(count / across) * high - 3;
  const corner = i => {
    const matrix = Math.floor(i / (rows * columns)), r = Math.floor(i / columns) % rows;
    return [(matrix % across) * wide + (i % columns) * cell, Math.floor(matrix / across) * high + r * cell];
  };
  canvas.onclick = event => {
    const scale = canvas.width / canvas.getBoundingClientRect().width;
    const x = event.offsetX * scale, y = event.offsetY * scale;
    const found = numbers.findIndex((_, i) => {
      const [left, top] = corner(i);
      return x >= left && x < left + cell && y >= top && y < top + cell;
    });
    if (found >= 0) choose(key, found);
  };
  tensor.append(canvas);
  return (marked, chosenCell) => {
    const c = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    c.clearRect(0, 0, canvas.width, canvas.height);
    numbers.forEach((x, i) => {
      const [left, top] = corner(i), colour = tint(x, most);
      c.fillStyle = colour ? `rgba(${style.getPropertyValue(colour[0])}, ${colour[1]})` : "#888";
      c.fillRect(left, top, cell, cell);
    });
    const frame = (i, name, width) => {
      const [left, top] = corner(i);
      c.strokeStyle = style.getPropertyValue(name);
      c.lineWidth = width;
      c.strokeRect(left + width / 2, top + width / 2, cell - width, cell - width);
    };
    if (marked) marked.forEach(i => frame(i, "--mark", Math.min(2, cell / 2)));
    if (chosenCell !== null) frame(chosenCell, "--ink", Math.min(3, cell / 2));
  };
}

function moveChoice(event, key, count, columns, value) {
  const steps = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns};
  if (event.key === "Enter" && value !== null && value.step !== null && value.step + 1 !== at) {
    go(value.step + 1);
  } else if (event.key in steps) {
    const now = chosen && chosen.key === key ? chosen.cell + steps[event.key] : 0;
    if (now >= 0 && now < count) choose(key, now);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

/* Choose a cell: it is framed, and so is what it depends on or what depends on it. */
function choose(key, cell) {
  chosen = {key, cell};
  const marks = at > forward ? backwardMarks(key, cell) : forwardMarks(key, cell);
  for (const [name, shown] of Object.entries(cards)) {
    shown.mark(marks[name] === undefined ? new Set() : marks[name], name === key ? cell : null);
  }
  const place = $("numbers");
  if (place) place.replaceChildren(...(at > forward ? backwardNumbers(key, cell) : forwardNumbers(key, cell)));
  reachable();
}

/* What is too wide can be scrolled by keyboard too. */
function reachable() {
  for (const e of document.querySelectorAll(".formula")) {
    if (e.scrollWidth > e.clientWidth) e.tabIndex = 0;
    else e.removeAttribute("tabindex");
  }
}

// ---- a step forward -----------------------------------------------------------------------------

function forwardMarks(key, cell) {
  const step = T.steps[at - 1], marks = {};
  if (!step) return marks;
  const [kind, name] = [key.slice(0, key.indexOf(":")), key.slice(key.indexOf(":") + 1)];
  if (kind === "in") {
    step.outputs.forEach((_, i) => {
      const found = waysBack(step, name, cell, i);
      marks[`out:${i}`] = found && new Set(found);
    });
    return marks;
  }
  const result = Number(name), outShape = T.values[step.outputs[result]].shape;
  step.names.forEach((n, i) => {
    const found = ways(step.ways[n], step, T.values[step.inputs[i]].shape, outShape, cell, result);
    marks[`in:${n}`] = found && new Set(found);
  });
  return marks;
}

function forwardNumbers(key, cell) {
  const step = T.steps[at - 1];
  if (!step || !key.startsWith("out:")) return [];
  const result = Number(key.slice(4)), out = T.values[step.outputs[result]];
  const value = flat(out.array)[cell], left = `out${cellName(cell, out.shape)}`;
  if (step.elementwise && step.forward.length) {
    const maths = substituted(step.forward[0], environment(step, cell, null), left, value);
    return [element("div", {class: "formula"}, maths)];
  }
  const name = step.names[0], way = step.ways[name];
  if (way === undefined) return [element("p", {class: "note"}, t("wholeUsed"))];
  const places = ways(way, step, T.values[step.inputs[0]].shape, out.shape, cell, result);
  const numbers = cards[`in:${name}`] && cards[`in:${name}`].numbers;
  if (!places || !numbers) return [];
  const terms = places.map(p => {
    const f = way.k === "map" ? 1 : factor(step, name, p, cell);
    return f === null ? null : way.k === "map" || f === 1 ? [numbers[p]] : [numbers[p], f];
  });
  if (terms.includes(null) || !places.length) return [];
  const bias = step.names.indexOf("bias");
  if (bias >= 0 && T.values[step.inputs[bias]].array != null) {
    const at = ways(step.ways.bias, step, T.values[step.inputs[bias]].shape, out.shape, cell);
    terms.push([flat(T.values[step.inputs[bias]].array)[at[0]]]);
  }
  return sumOf(left, terms, value);
}

// ---- a step backward ----------------------------------------------------------------------------

const stepOf = back => T.steps[back.step];

function backwardMarks(key, cell) {
  const back = T.backward[at - forward - 1], marks = {};
  if (back.step === null || key.startsWith("part:") || key.startsWith("kept:")) return marks;
  const [kind, number] = [key.slice(0, key.indexOf(":")), Number(key.slice(key.indexOf(":") + 1))];
  if (kind === "piece") {
    back.cotangents.forEach((g, i) => {
      const found = g && waysBack(stepOf(back), back.pieces[number].name, cell, i);
      marks[`g:${i}`] = found && new Set(found);
    });
    markKept(marks, stepOf(back), back.pieces[number].name, cell);
    return marks;
  }
  back.pieces.forEach((piece, j) => {
    const step = stepOf(back), i = step.names.indexOf(piece.name);
    const shape = T.values[step.inputs[i]].shape, outShape = T.values[step.outputs[number]].shape;
    const found = ways(step.ways[piece.name], step, shape, outShape, cell, number);
    marks[`piece:${j}`] = found && new Set(found);
  });
  return marks;
}

/* Of what was kept, mark what meets the cotangents of one entry of an input. */
function markKept(marks, step, name, cell) {
  const results = waysBack(step, name, cell);
  if (results === null || results.length > 64) return;
  const shape = T.values[step.outputs[0]].shape;
  const met = results.map(o => meeting(step, name, cell, o));
  if (met.length && met.every(Boolean)) {
    marks[`kept:${met[0].other}`] = new Set(met.map(m => m.place));
    return;
  }
  for (const kept of Object.keys(step.kept)) {
    const i = step.names.indexOf(kept), rule = step.rules[name] || "";
    if (!rule.includes(`<mi>${kept}</mi>`)) continue;
    const found = results.map(o => i < 0 ? [o] : ways(step.ways[kept], step, T.values[step.inputs[i]].shape, shape, o));
    if (!found.includes(null) && (i >= 0 || kept === "out")) marks[`kept:${kept}`] = new Set(found.flat());
  }
}

/* The chain rule for one number that is sent on, with its numbers. */
function backwardNumbers(key, cell) {
  const back = T.backward[at - forward - 1];
  if (back.step === null || !key.startsWith("piece:")) return [];
  const step = stepOf(back), piece = back.pieces[Number(key.slice(6))];
  const numbers = cards[key].numbers, g = cards["g:0"] && cards["g:0"].numbers;
  if (!numbers || !g || back.cotangents.length > 1) return [];
  const left = `d ${piece.name}${cellName(cell, piece.seen.shape)}`;
  const places = waysBack(step, piece.name, cell);
  if (places === null) return [element("p", {class: "note"}, t("wholeUsed"))];
  if (step.elementwise && step.rules[piece.name]) return ruleWithNumbers(step, piece, places, left, numbers[cell], g);
  const terms = places.map(o => [g[o], factor(step, piece.name, cell, o)]);
  if (!places.length || terms.some(term => term[1] === null || term[1] === undefined)) {
    return [element("p", {class: "note"}, t("flows", {n: places.length, all: g.length}))];
  }
  return sumOf(left, terms, numbers[cell]);
}

function ruleWithNumbers(step, piece, places, left, result, g) {
  const shown = places.slice(0, 4).map((o, i) => element("div", {class: "formula"}, substituted(
    step.rules[piece.name], environment(step, o, g[o]), i ? "+" : left, places.length === 1 ? result : null)));
  if (places.length > 4) shown.push(element("p", {class: "note"}, t("more", {n: places.length - 4})));
  if (places.length > 1) shown.push(element("p", {}, `= ${short(result)}`));
  const cotangent = g[places[0]];
  if (places.length === 1 && Number.isFinite(result / cotangent)) {
    const given = {g: short(cotangent), d: short(result / cotangent), p: short(result)};
    shown.push(element("p", {class: "note"}, t("local", given)));
  }
  return shown;
}

/* A sum of products with its numbers, at most six of them. */
function sumOf(left, terms, value) {
  const put = x => `<mn class="put">${x < 0 ? `(${short(x)})` : short(x)}</mn>`;
  const parts = terms.slice(0, 6).map(term => term.map(put).join("<mo>×</mo>"));
  if (terms.length > 6) parts.push("<mo>…</mo>");
  const shown = element("div", {class: "formula"});
  shown.innerHTML = `<math><mrow><mtext>${left}</mtext><mo>=</mo>${parts.join("<mo>+</mo>")}` +
    `<mo>=</mo><mn class="put">${short(value)}</mn></mrow></math>`;
  const notes = terms.length > 6 ? [element("p", {class: "note"}, t("more", {n: terms.length - 6}))] : [];
  return [shown, ...notes];
}

/* What each name of a formula is at one place of the result. */
function environment(step, out, g) {
  const found = {};
  for (const [name, x] of Object.entries(step.numbers)) found[name] = flat(x)[0];
  const result = T.values[step.outputs[0]];
  if (g !== null) {
    found.g = g;
    if (result.array != null) found.out = flat(result.array)[out];
  }
  step.names.forEach((name, i) => {
    const value = T.values[step.inputs[i]];
    const places = ways(step.ways[name], step, value.shape, result.shape, out);
    if (value.array != null && places && places.length === 1) found[name] = flat(value.array)[places[0]];
  });
  return found;
}

/* A formula with numbers in the place of names. */
function substituted(formula, given, left, value) {
  const holder = element("div");
  holder.innerHTML = formula;
  const math = holder.firstChild, row = math.firstChild;
  const equals = [...row.childNodes].find(n => n.localName === "mo" && n.textContent === "=");
  if (equals) {
    while (row.firstChild !== equals) row.firstChild.remove();
    if (left === "+") equals.textContent = "+";
    else equals.before(...maths(`<mtext>${left}</mtext>`));
  }
  for (const name of [...math.querySelectorAll("mi")]) {
    const x = given[name.textContent];
    if (x === undefined) continue;
    const number = maths(`<mn class="put">${x < 0 ? `(${short(x)})` : short(x)}</mn>`)[0];
    name.replaceWith(number);
    for (const space of [number.previousSibling, number.nextSibling]) times(space);
  }
  if (value !== null) row.append(...maths(`<mo>=</mo><mn class="put">${short(value)}</mn>`));
  return math;
}

/* The little space of a product becomes a sign where a number stands at its side. */
function times(space) {
  if (!space || space.localName !== "mspace") return;
  const sides = [space.previousSibling, space.nextSibling];
  const factors = sides.every(s => s && s.localName !== "mo" && s.localName !== "mtext");
  const called = sides[0] && sides[0].localName === "mi" && sides[0].textContent.length > 1;
  if (factors && !called) space.replaceWith(...maths("<mo>×</mo>"));
}

function maths(text) {
  const holder = element("div");
  holder.innerHTML = `<math><mrow>${text}</mrow></math>`;
  return [...holder.firstChild.firstChild.childNodes];
}

// ---- the panel ----------------------------------------------------------------------------------

const section = (title, ...content) => [element("h3", {}, title), ...content];

function formulaBox(list) {
  return list.map(text => {
    const box = element("div", {class: "formula"});
    box.innerHTML = text;
    return box;
  });
}

function showStart() {
  $("now").textContent = t("start");
  $("where").textContent = "";
  const given = T.values.filter(v => v.step === null && T.steps.some(s => s.inputs.includes(v.id)));
  return [element("p", {}, t("startText")), element("div", {class: "row"},
    ...given.map((v, i) => card(`in:${i}`, v, {name: label(v), value: v})))];
}

const places = step => [step.where && t("line", {where: step.where}),
  step.layer && t("layer", {layer: `${step.layer} ${step.module}`.trim()})].filter(Boolean).join(" · ");

const outName = (step, i) => {
  const value = T.values[step.outputs[i]];
  return value.name && !value.name.startsWith("leaf") ? value.name : step.outputs.length > 1 ? `out ${i}` : "out";
};

function showForward(step) {
  $("now").textContent = t("forward", {i: at, n: forward, op: step.op});
  $("where").textContent = places(step);
  const inputs = step.names.map((name, i) => {
    const value = T.values[step.inputs[i]];
    const own = label(value);
    return card(`in:${name}`, value, {name: own === name ? name : `${name} = ${own}`, told: name, value,
      kept: name in step.kept});
  });
  const list = Object.entries(step.settings).map(([k, v]) => `${k} = ${v}`).join(", ");
  const outputs = step.outputs.map((id, i) => card(`out:${i}`, T.values[id],
    {name: outName(step, i), fresh: true, kept: Object.values(step.kept).includes(id)}));
  const names = Object.keys(step.kept).join(", ");
  return [
    ...section(t("formula"), ...formulaBox(step.forward.length ? step.forward : step.notes)),
    ...(list ? [element("p", {class: "note"}, t("settings", {list}))] : []),
    ...section(t("inputs"), element("div", {class: "row"}, ...inputs)),
    ...section(t("results"), element("div", {class: "row"}, ...outputs)),
    element("div", {id: "numbers"}),
    ...(names ? [element("p", {class: "note"}, t("keeps", {names}))] : []),
  ];
}

const sender = index => {
  const step = index === null ? null : T.backward[index].step;
  return step === null ? "" : T.steps[step].op;
};

/* The cotangent that arrived, as the sum of its parts where there are several. */
function arrival(back, i, name) {
  const g = back.cotangents[i], from = back.arrived[i];
  if (g === null) return element("p", {class: "note"}, t("nothing"));
  const whole = card(`g:${i}`, g, {name});
  if (from.length < 2) return element("div", {class: "row"}, whole);
  const parts = T.backward.slice(0, at - forward - 1).flatMap(b => b.pieces.filter(p => p.to === back.values[i]));
  const shown = parts.flatMap((p, k) => [
    ...(k ? [element("div", {class: "op"}, "+")] : []),
    card(`part:${i}.${k}`, p.seen, {name: t("from", {op: sender(from[k])}), told: `d ${p.name}`})]);
  return element("div", {}, element("p", {}, t("sum", {n: from.length})),
    element("div", {class: "row"}, ...shown, element("div", {class: "op"}, "="), whole));
}

function showLeaf(back) {
  const name = label(T.values[back.values[0]]);
  $("now").textContent = t("leaf", {i: at - forward, n: T.backward.length, name});
  $("where").textContent = "";
  return section(t("arrivesLeaf", {name}), arrival(back, 0, `${name}.grad`));
}

function showBackward(back) {
  if (back.step === null) return showLeaf(back);
  const step = stepOf(back);
  $("now").textContent = t("backward", {i: at - forward, n: T.backward.length, op: step.op});
  $("where").textContent = places(step);
  const arrived = back.cotangents.map((_, i) => arrival(back, i, back.cotangents.length > 1 ? `g ${i}` : "g"));
  const pieces = back.pieces.map((piece, j) => {
    const value = T.values[piece.to];
    const rule = step.rules[piece.name] ? formulaBox([step.rules[piece.name]]) : [];
    const where = value.step === null ? label(value) : T.steps[value.step].op;
    return element("div", {class: "piece"}, ...rule, card(`piece:${j}`, piece.seen, {fresh: true,
      name: t("sendsTo", {name: piece.name, to: where}), told: `d ${piece.name}`, about: piece.summed ? t("summed") : ""}));
  });
  const notes = back.pieces.every(p => step.rules[p.name]) ? step.notes
    : [...Object.values(step.rules), ...step.notes];
  const kept = Object.entries(step.kept).filter(([name]) => back.freed.includes(name));
  const keptCards = kept.map(([name, id]) => card(`kept:${name}`, T.values[id], {kept: true, told: name,
    name: T.values[id].name && T.values[id].name !== name ? `${name} = ${T.values[id].name}` : name, value: T.values[id]}));
  return [
    ...(at === forward + 1 ? [element("p", {class: "note"}, t("seed"))] : []),
    ...section(t("arrives"), ...arrived),
    ...(kept.length ? section(t("uses"), element("div", {class: "row"}, ...keptCards)) : []),
    ...section(t("sends"), ...formulaBox(notes), ...pieces),
    ...section(t("numbers"), element("div", {id: "numbers"})),
    element("p", {class: "note"}, kept.length ? t("frees", {names: kept.map(k => k[0]).join(", ")}) : t("freesNone")),
  ];
}

/* The tensors that are kept at a position: value ids. */
function keptAt(position) {
  const freed = new Set(T.backward.slice(0, Math.max(0, position - forward)).map(b => b.step));
  const alive = T.steps.slice(0, Math.min(position, forward)).filter(s => !freed.has(s.index));
  return new Set(alive.flatMap(s => Object.values(s.kept)));
}

function showKept() {
  const now = keptAt(at), before = at ? keptAt(at - 1) : new Set();
  const chip = (id, gone) => element("li", {class: gone ? "freed" : ""},
    `${label(T.values[id])} (${sizes(T.values[id].shape)})`);
  const chips = [...now].map(id => chip(id, false));
  chips.push(...[...before].filter(id => !now.has(id)).map(id => chip(id, true)));
  return section(t("kept"), chips.length ? element("ul", {class: "chips", id: "kept"}, ...chips)
    : element("p", {class: "note"}, t("keptNone")));
}

// ---- the drawing --------------------------------------------------------------------------------

function draw() {
  const svg = $("drawing"), {width, height} = T.picture;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  const leaves = T.values.filter(v => v.kind === "leaf").length;
  svg.setAttribute("aria-label", t("drawing", {ops: forward, leaves}));
  T.picture.edges.forEach((edge, i) => drawn("path", {class: "edge", id: `e${i}`, d: edge.path}, svg));
  for (const [id, [x, y, w, h]] of Object.entries(T.picture.boxes)) drawBox(svg, id, x, y, w, h);
}

function drawBox(svg, id, x, y, w, h) {
  const number = Number(id.slice(1)), isOp = id[0] === "s";
  const value = isOp ? T.values[T.steps[number].outputs[0]] : T.values[number];
  const box = drawn("g", {class: "box" + (value.kind === "data" ? " data" : ""), id}, svg);
  drawn("rect", {x, y, width: w, height: h, rx: isOp ? 6 : h / 2}, box);
  drawn("text", {x: x + w / 2, y: y + 17}, box).textContent = isOp ? T.steps[number].op : label(value);
  drawn("text", {x: x + w / 2, y: y + 32, class: "sub"}, box);
  drawn("circle", {class: "lamp", cx: x + w - 8, cy: y + 8, r: 4.5}, box);
  box.onclick = () => go(isOp ? number + 1 : positionOfLeaf(number));
}

function positionOfLeaf(id) {
  const back = T.backward.find(b => b.step === null && b.values[0] === id);
  return back && at > forward ? forward + back.index + 1 : 0;
}

/* A few numbers in the box if they fit, else the sizes. */
function inBox(x, width, before) {
  if (x && x.array != null && size(x.shape) <= 3) {
    const text = before + flat(x.array).map(short).join(" ");
    if (text.length * 6.2 + 14 <= width) return text;
  }
  return null;
}

function colour() {
  const ran = Math.min(at, forward), backs = T.backward.slice(0, Math.max(0, at - forward));
  const current = at === 0 ? null : at <= forward ? T.steps[at - 1] : null;
  const last = at > forward ? backs[backs.length - 1] : null;
  const kept = new Set([...keptAt(at)].map(id => homeOf(T.values[id])));
  const g = {};  // what has arrived at the value of each box
  backs.forEach(b => b.values.forEach((id, i) => { g[homeOf(T.values[id])] = b.cotangents[i]; }));
  const now = current ? `s${current.index}` : last
    ? (last.step === null ? homeOf(T.values[last.values[0]]) : `s${last.step}`) : null;
  for (const [id, sizesOf] of Object.entries(T.picture.boxes)) {
    const e = $(id), number = Number(id.slice(1));
    const value = id[0] === "s" ? T.values[T.steps[number].outputs[0]] : T.values[number];
    const done = id[0] === "v" || number < ran;
    e.classList.toggle("done", id[0] === "s" && done && !g[id]);
    e.classList.toggle("grad", Boolean(g[id]));
    e.classList.toggle("kept", kept.has(id));
    e.classList.toggle("current", id === now);
    e.querySelector(".sub").textContent = inBox(g[id], sizesOf[2], "g ") ||
      (done && inBox(value, sizesOf[2], "")) || sizes(value.shape);
  }
  T.picture.edges.forEach((edge, i) => {
    const e = $(`e${i}`), to = Number(edge.to.slice(1));
    e.classList.toggle("done", to < ran);
    e.classList.toggle("forward", current !== null && to === current.index);
    e.classList.toggle("backward", last !== null && to === last.step &&
      last.pieces.some(p => p.to === edge.value));
  });
  if (now) intoView(now);
}

function intoView(id) {
  const pane = $("graph"), outer = pane.getBoundingClientRect(), box = $(id).getBoundingClientRect();
  pane.scrollBy(box.left + box.width / 2 - outer.left - outer.width / 2,
    box.top + box.height / 2 - outer.top - outer.height / 2);
}

// ---- moving -------------------------------------------------------------------------------------

function render() {
  cards = {};
  chosen = null;
  const back = at > forward;
  const body = at === 0 ? showStart() : back ? showBackward(T.backward[at - forward - 1]) : showForward(T.steps[at - 1]);
  $("body").className = back ? "backward-step" : "";
  $("body").replaceChildren(...body, ...showKept());
  $("slider").value = at;
  $("slider").setAttribute("aria-valuetext", $("now").textContent);
  $("place").textContent = t("place", {i: at, n: total});
  $("goto").value = at;
  $("first").disabled = $("back").disabled = at === 0;
  $("last").disabled = $("next").disabled = at === total;
  colour();
  const first = back ? "piece:0" : "out:0";
  if (at && cards[first] && cards[first].numbers && cards[first].numbers.length) choose(first, 0);
  else reachable();
}

function go(position) {
  const before = at;
  at = Math.max(0, Math.min(total, position));
  if (at === total) stop();
  render();
  if (at !== before) $("panel").scrollTop = 0;
}

function stop() {
  clearInterval(playing);
  playing = null;
  $("play").textContent = "▶";
  $("play").setAttribute("aria-label", t("play"));
}

function play() {
  if (playing !== null) return stop();
  if (at === total) go(0);
  playing = setInterval(() => go(at + 1), 1500 / Number($("speed").value));
  $("play").textContent = "❚❚";
  $("play").setAttribute("aria-label", t("pause"));
}

function onKey(event) {
  const kind = event.target.localName;
  if (event.ctrlKey || event.metaKey || event.altKey || $("keys").open || kind === "select") return;
  const moves = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: total};
  if (event.key === "?") $("keys").showModal();
  else if (event.key === " " && kind !== "button") play();
  else if (event.key in moves && kind !== "input") { stop(); go(moves[event.key]); }
  else return;
  event.preventDefault();
}

// ---- words and colours --------------------------------------------------------------------------

function setTheme(name) {
  theme = name;
  document.documentElement.dataset.theme = name;
  const to = t(name === "dark" ? "light" : "dark");
  $("theme").textContent = to;
  $("theme").setAttribute("aria-label", t("theme", {to}));
  render();
}

function setLanguage(name) {
  language = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  document.title = $("title").textContent = T.title || t("title");
  $("language").textContent = t("language");
  $("language").lang = name === "zh" ? "en" : "zh-CN";
  $("whole").textContent = t("whole");
  for (const [id, key] of [["graph", "graph"], ["panel", "panel"], ["help", "help"], ["first", "first"],
    ["back", "back"], ["next", "next"], ["last", "last"], ["slider", "slider"], ["goto", "goto"],
    ["speed", "speed"], ["play", playing ? "pause" : "play"]]) $(id).setAttribute("aria-label", t(key));
  $("keys-title").textContent = t("keys");
  $("close").textContent = t("close");
  $("keys-list").replaceChildren(...t("key").flatMap(([k, what]) => [element("dt", {}, k), element("dd", {}, what)]));
  $("legend").replaceChildren(...t("legend").map(([kind, text]) => element("li", {}, element("i", {class: kind}), text)));
  const option = (value, text) => element("option", {value}, text);
  $("goto").replaceChildren(option(0, `0 ${t("start")}`),
    ...T.steps.map(s => option(s.index + 1, `${s.index + 1} ${s.op}`)),
    ...T.backward.map(b => option(forward + b.index + 1, `${forward + b.index + 1} ${b.step === null
      ? label(T.values[b.values[0]]) : T.steps[b.step].op} ←`)));
  draw();
  setTheme(theme);
}

function begin() {
  $("slider").max = total;
  $("slider").oninput = () => { stop(); go(Number($("slider").value)); };
  $("goto").onchange = () => { stop(); go(Number($("goto").value)); };
  $("speed").onchange = () => { if (playing !== null) { stop(); play(); } };
  $("play").onclick = play;
  for (const [id, where] of [["first", () => 0], ["back", () => at - 1], ["next", () => at + 1], ["last", () => total]])
    $(id).onclick = () => { stop(); go(where()); };
  $("help").onclick = () => $("keys").showModal();
  $("language").onclick = () => setLanguage(language === "en" ? "zh" : "en");
  $("theme").onclick = () => setTheme(theme === "dark" ? "light" : "dark");
  $("whole").onclick = () => {
    const on = $("graph").classList.toggle("whole");
    $("whole").setAttribute("aria-pressed", on);
    colour();
  };
  document.addEventListener("keydown", onKey);
  const asked = new URLSearchParams(location.hash.slice(1));
  at = Math.max(0, Math.min(total, Number(asked.get("step")) || 0));
  theme = asked.get("theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  matchMedia("(prefers-color-scheme: dark)").onchange = e => setTheme(e.matches ? "dark" : "light");
  setLanguage(asked.get("lang") || (navigator.language.startsWith("zh") ? "zh" : "en"));
}

begin();
