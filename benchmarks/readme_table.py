"""Write the figures of benchmarks/results/*.json into the tables of both READMEs.

    python benchmarks/readme_table.py [--check]
"""
from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = {
    "README.md": {
        "head": "| what | tinygrad_edu | PyTorch | ratio | command |", "no graph": "one op on 4 elements, no graph", "recording": "the same, recording",
        "forward + backward": "the same, forward + backward", "the same with create_graph": "the same, with `create_graph`",
        "memory": "peak memory of a CNN's training step, batch 256"},
    "README.zh-CN.md": {
        "head": "| 项目 | tinygrad_edu | PyTorch | 比值 | 命令 |", "no graph": "对 4 个元素做一次运算，不建图", "recording": "同上，建图",
        "forward + backward": "同上，前向 + 反向", "the same with create_graph": "同上，使用 `create_graph`", "memory": "CNN 训练一步的内存峰值，批大小 256"},
}


def table(words: dict[str, str]) -> str:
    overhead, memory = (json.loads((Path(__file__).parent / "results" / f"{name}.json").read_text()) for name in ("overhead", "memory"))
    lines = [words["head"], "| --- | --- | --- | --- | --- |"]
    for name, row in overhead["rows"].items():
        a, b = row["tinygrad_edu_us"], row["pytorch_us"]
        lines.append(f"| {words[name]} | {a:.2f} µs | {b:.2f} µs | {a / b:.2f} | `python benchmarks/overhead.py` |")
    a, b = memory["tinygrad_edu_mib"], memory["pytorch_mib"]
    lines.append(f"| {words['memory']} | {a:.0f} MiB | {b:.0f} MiB | {a / b:.2f} | `python benchmarks/memory.py` |")
    return "\n".join(lines)


def main() -> int:
    stale = []
    for name, words in WORDS.items():
        path = ROOT / name
        old = path.read_text(encoding="utf-8")
        new, count = re.subn(r"(<!-- figures -->\n).*?(\n<!-- end of figures -->)", lambda m, words=words: m[1] + table(words) + m[2], old, flags=re.S)
        if count != 1:
            raise SystemExit(f"{name} must have one pair of the marks <!-- figures --> and <!-- end of figures -->, got {count}")
        if new != old:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                path.write_text(new, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(f"not the measured figures: {', '.join(stale)}. Run: python benchmarks/readme_table.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
