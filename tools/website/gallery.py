"""The gallery: steppers to play with and drawings of graphs, made by the engine at build time."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn
from tinygrad_edu.learn.example import example

from .course import stashed
from .pages import Pages

WORDS = {
    "en": {
        "title": "Gallery",
        "about": "Everything here was made by the engine itself when this site was built. Each page"
        " steps through one real backward pass: use its buttons, its slider or the arrow keys.",
        "alone": "Open on a page of its own",
        "drawings": "Drawings",
        "drawn": "`tinygrad_edu.draw(loss)` draws the graph of your own program in the same way."
        " Colour shows the size of the gradients.",
    },
    "zh": {
        "title": "图集",
        "about": "这里的一切都是生成本网站时由引擎自己做出来的。"
        "每个页面逐步展示一次真实的反向传播：可以用按钮、滑块或方向键操作。",
        "alone": "在单独的页面中打开",
        "drawings": "计算图",
        "drawn": "`tinygrad_edu.draw(loss)` 用同样的方式画出你自己程序的计算图，"
        "颜色表示梯度的大小。",
    },
}
NAMES = {
    "network": ("A network of two layers", "两层网络"),
    "convolution": ("A convolution and its pooling", "卷积与池化"),
    "attention": ("Attention over three positions", "三个位置上的注意力"),
    "digits": ("A network for digits, by layers", "识别数字的网络（按层）"),
}


def network() -> tuple[Callable[[], Tensor], Any]:
    return example, None


def convolution() -> tuple[Callable[[], Tensor], Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    x = torch.randn(1, 1, 6, 6)
    return lambda: (model(x) ** 2).mean(), model


def attention() -> tuple[Callable[[], Tensor], Any]:
    torch.manual_seed(0)
    q, k, v = (torch.randn(3, 2, requires_grad=True) for _ in range(3))
    return lambda: ((q @ k.T / 2**0.5).softmax(1) @ v).sum(), None


def digits() -> tuple[Callable[[], Tensor], Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    x, y = torch.randn(8, 1, 28, 28), torch.arange(8)
    return lambda: nn.functional.cross_entropy(model(x), y), model


STEPPED = {"network": network, "convolution": convolution, "attention": attention}
DRAWN = {"attention": (attention, "op"), "digits": (digits, "module")}


def steppers(folder: Path) -> None:
    """Write the steppers' pages, once for both languages."""
    folder.mkdir(parents=True)
    for name, make in STEPPED.items():
        loss, model = make()
        torch.stepper(loss, folder / f"{name}.html", model=model, title=NAMES[name][0])


def gallery_page(pages: Pages, lang: str) -> None:
    words, at = WORDS[lang], ["en", "zh"].index(lang)
    way = "steppers" if lang == "en" else "../steppers"
    lines = [f"# {words['title']}", "", words["about"], ""]
    for name in STEPPED:
        title, address = NAMES[name][at], f"{way}/{name}.html?lang={lang}"
        frame = f'<iframe src="{address}" title="{title}" loading="lazy" height="760"></iframe>'
        lines += [f"## {title}", "", frame, "", f"[{words['alone']}]({address})", ""]
    lines += [f"## {words['drawings']}", "", words["drawn"], ""]
    for name, (make, level) in DRAWN.items():
        loss, model = make()
        svg = torch.draw(loss, level, model).svg
        shown = re.sub(
            r'\b(id="|url\(#|href="#|aria-labelledby="|aria-describedby=")', rf"\1{name}-", svg
        )
        lines += [f"### {NAMES[name][at]}", "", stashed(pages, shown, f"drawing-{name}"), ""]
    pages.write("gallery.md", "\n".join(lines))
