"""Draw the pictures of docs/pictures with the engine itself.

architecture.svg    the rooms of the package in their layers, from the contracts in pyproject.toml
mlp.svg, gpt.svg    what draw() makes of a small network and of a GPT with four blocks
profile.svg         one step of a small network, as the profiler saw it
health.svg          a training whose gradients vanish, as watch() saw it (needs Matplotlib)

python tools/make_pictures.py            draw them
python tools/make_pictures.py --check    exit 1 if one is missing or shows something else

Measured numbers differ from machine to machine, so --check compares the rest: which boxes, names
and lines there are. Of health.svg it asks only that it exists.
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

import tinygrad_edu
from tinygrad_edu import nn, optim
from tinygrad_edu.learn.draw import draw
from tinygrad_edu.learn.layout import Box, Route
from tinygrad_edu.learn.scene import Group, Line, Rect, Scene, Text, svg, text_width
from tinygrad_edu.models.gpt import GPT
from tinygrad_edu.nn import functional as F
from tinygrad_edu.profiler import profile
from tinygrad_edu.profiler.chrome import spans_of

FOLDER = ROOT / "docs" / "pictures"

# ---- the house -----------------------------------------------------------------------------------

READ = {"engine": "2–8", "ops": "9", "autograd": "10", "nn": "11", "optim": "11", "data": "11"}
READ["recipes"] = "12"  # the numbers of docs/reading-order.md
WAY = "engine", "ops", "autograd", "nn", "recipes"  # from where the arrow comes to where it goes
MEANING = {  # of the layer with this room
    "cli": "what people start",
    "compat": "import torch, given this engine",
    "train": "training loops, whole networks",
    "jit": "PyTorch's smaller namespaces",
    "nn": "layers, optimisers, data, files",
    "profiler": "PyTorch's namespaces, measuring",
    "functional": "functions and their derivatives",
    "ops": "all the maths, one declaration an op",
    "devices": "where arrays live, and kernels",
    "files": "small helpers",
    "engine": "tensors, the graph, the walk back",
}
WHERE = "The numbers are those of reading-order.md."
LEFT, RIGHT, EDGE, ROW, LANE = 262.0, 1070.0, 12.0, 30.0, 120.0  # the arrow runs in the lane
ACCENT = "#2b7bb9"


def house() -> str:
    """The layers, top first; what the reading order visits is marked and joined by an arrow."""
    layers = runpy.run_path(str(ROOT / "tools" / "make_docs.py"))["layers"]()
    scene = Scene(RIGHT + 12, 0, "The rooms of tinygrad_edu in their layers", "")
    y = 72.0
    boxes: dict[str, Box] = {}
    for layer in layers:
        y = add_layer(scene, boxes, layer, y) + 8
    scene.height = y + 4
    scene.description = "From the top: " + "; ".join(", ".join(layer) for layer in layers) + "."
    for lower, upper in pairwise(WAY):
        scene.shapes += arrow(boxes[lower], boxes[upper])
    scene.shapes += [rooms_box(name, box) for name, box in boxes.items()]
    scene.shapes += [
        Text(12, 22, "The house", 15, bold=True),
        Text(12, 40, "A room imports only from layers below its own.", 11, "dim"),
        Text(12, 56, f"Read from the bottom up, along the arrow. {WHERE}", 11, "dim"),
    ]
    return svg(scene)


def add_layer(scene: Scene, boxes: dict[str, Box], layer: list[str], y: float) -> float:
    """The frame of a layer and the places of its rooms; where it ends."""
    rows: list[list[tuple[str, float]]] = [[]]
    layer = sorted(layer, key=lambda room: room not in READ)  # stable
    start = LEFT if layer[0] in READ else LEFT + LANE
    for room in layer:
        width = text_width(room, 12, room in READ) + 20 + (36 if room in READ else 0)
        if sum(w + 8 for _, w in rows[-1]) + width > RIGHT - start - EDGE:
            rows.append([])
        rows[-1].append((room, width))
    height = len(rows) * (ROW + 6) + 6
    scene.shapes.append(Rect(12, y, RIGHT - 12, height, "frame", "frame", 8))
    meaning = next((MEANING[room] for room in layer if room in MEANING), "")
    scene.shapes.append(Text(24, y + height / 2 + 4, meaning, 11.5, "dim"))
    for i, row in enumerate(rows):
        x = start
        for room, width in row:
            boxes[room] = Box(x, y + 6 + i * (ROW + 6), width, ROW)
            x += width + 8
    return y + height


def rooms_box(room: str, box: Box) -> Group:
    """A room, with its number in the reading order."""
    read = room in READ
    ink = ACCENT if read else "line"
    shape = Rect(box.x, box.y, box.width, box.height, "card", ink, 6, weight=2 if read else 1)
    group = Group(f"{room}: {'stop ' + READ[room] + ' of the reading order' if read else 'a room'}")
    name = Text(box.x + 10, box.y + 20, room, 12, "ink" if read else "dim", read)
    group.shapes += [shape, name]
    if read:
        x = box.x + box.width - 34
        group.shapes.append(Rect(x, box.y + 6, 28, 18, ACCENT, ACCENT, 9))
        group.shapes.append(Text(x + 14, box.y + 19, READ[room], 11, "#ffffff", True, "middle"))
    return group


def arrow(lower: Box, upper: Box) -> list[Line]:
    """From the upper side of one room to the lower side of the next."""
    x = end = LEFT + LANE / 4
    top = upper.y + upper.height
    line = Route("", "", ((x, lower.y), (end, top + 6))).path()
    tip = f"M{end:.1f} {top:.1f}L{end - 5:.1f} {top + 9:.1f}L{end + 5:.1f} {top + 9:.1f}Z"
    return [Line(line, ACCENT, 2.5), Line(tip, ACCENT, 0.5, fill=ACCENT)]


# ---- graphs --------------------------------------------------------------------------------------


def small_network() -> str:
    tinygrad_edu.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    x, y = tinygrad_edu.randn(16, 64), tinygrad_edu.randint(0, 10, (16,))
    return draw(lambda: F.cross_entropy(model(x), y)).svg


def four_blocks() -> str:
    tinygrad_edu.manual_seed(0)
    model = GPT(65, layers=4, heads=4, width=32, context=16)
    tokens = tinygrad_edu.randint(0, 65, (4, 16))

    def loss() -> tinygrad_edu.Tensor:
        return F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())

    return draw(loss, "module").svg


# ---- a profile -----------------------------------------------------------------------------------

BARS = {"module": "#8fb8de", "forward": "#2f6fa8", "backward": "#c2652a"}


def one_step() -> str:
    """Bars over time: modules above, the ops and formulas below."""
    tinygrad_edu.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = tinygrad_edu.randn(64, 784), tinygrad_edu.randint(0, 10, (64,))
    for _ in range(5):  # the first steps are slower
        F.cross_entropy(model(x), y).backward()
    with profile() as prof:
        F.cross_entropy(model(x), y).backward()
    calls = list(prof.events())
    bars = [(name, "module", a, b) for name, a, b in spans_of(sorted(calls, key=lambda e: e.start))]
    bars += [(e.name, "backward" if e.key.backward else "forward", e.start, e.end) for e in calls]
    bars.sort(key=lambda bar: (bar[2], -bar[3]))
    begin, end = bars[0][2], max(bar[3] for bar in bars)
    scene = Scene(
        940, 0, "One step of a network over time", "Modules, the ops in them, and formulas."
    )
    open_ends: list[float] = []
    depth = 0
    for name, kind, start, stop in bars:
        while open_ends and open_ends[-1] <= start:
            open_ends.pop()
        depth = max(depth, len(open_ends))
        left, right = (20 + 900 * (t - begin) / (end - begin) for t in (start, stop))
        scene.shapes.append(timed_bar(name, kind, left, right, 62 + 24 * len(open_ends)))
        open_ends.append(stop)
    scene.height = 62 + 24 * (depth + 1) + 12
    scene.shapes += legend()
    return svg(scene)


def timed_bar(name: str, kind: str, left: float, right: float, y: float) -> Group:
    ink, width = BARS[kind], max(right - left, 0.6)
    group = Group(name, [Rect(left, y, width, 20, ink, ink, 2, weight=0)])
    if width > text_width(name, 10) + 6:
        colour = "#10202f" if kind == "module" else "#ffffff"
        group.shapes.append(Text(left + 4, y + 14, name, 10, colour))
    return group


def legend() -> list[Rect | Text]:
    found: list[Rect | Text] = [
        Text(20, 22, "One step of a network, as the profiler saw it", 13, bold=True)
    ]
    words = {"module": "modules", "forward": "ops, forward", "backward": "formulas, backward"}
    x = 20.0
    for kind, ink in BARS.items():
        found += [Rect(x, 36, 12, 12, ink, ink, 2), Text(x + 18, 46, words[kind], 11, "dim")]
        x += 40 + text_width(words[kind], 11)
    return found


# ---- a training that is ill ----------------------------------------------------------------------


def vanishing(path: Path) -> None:
    """Eight layers with sigmoid."""
    import matplotlib

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "health"})
    tinygrad_edu.manual_seed(0)
    layers = [part for _ in range(7) for part in (nn.Linear(8, 8), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(8, 3))
    x, y = tinygrad_edu.randn(32, 8), tinygrad_edu.randint(0, 3, (32,))
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    with tinygrad_edu.watch(model, optimizer) as health:
        for _ in range(60):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    health.plot(path)


# ---- writing -------------------------------------------------------------------------------------

PICTURES: dict[str, Callable[[], str]] = {
    "architecture.svg": house,
    "mlp.svg": small_network,
    "gpt.svg": four_blocks,
    "profile.svg": one_step,
}
MEASURED = {"profile.svg"}  # bars lie elsewhere each time: only their names are compared


def shown(name: str, text: str) -> str | list[str]:
    """What a picture shows, without measured numbers and colours that stand for them."""
    if name in MEASURED:
        return sorted({*re.findall(r"<g><title>([^<]*)</title>", text)})
    text = re.sub(r"#[0-9a-f]{6}", "#", re.sub(r"g[0-9a-f]{8}", "g", text))
    return text if name == "architecture.svg" else re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "0", text)


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    if "--check" in sys.argv[1:]:
        stale = [
            name
            for name, make in PICTURES.items()
            if not (FOLDER / name).exists()
            or shown(name, (FOLDER / name).read_text(encoding="utf-8")) != shown(name, make())
        ]
        stale += [] if (FOLDER / "health.svg").exists() else ["health.svg"]
        if stale:
            names = ", ".join(stale)
            print(f"not up to date: {names}. Run: python tools/make_pictures.py", file=sys.stderr)
        return int(bool(stale))
    for name, make in PICTURES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
    vanishing(FOLDER / "health.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
