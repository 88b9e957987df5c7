"""Write the figures of benchmarks/results/*.json into the tables of both READMEs.

python benchmarks/readme_table.py [--check]
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = {
    "README.md": {
        "head": "| what | tinygrad_edu | PyTorch | ratio | command |",
        "no graph": "one op on 4 elements, no graph",
        "recording": "the same, recording",
        "forward + backward": "the same, forward + backward",
        "the same with create_graph": "the same, with `create_graph`",
        "memory": "peak memory of a CNN's training step, batch 256",
        "translation": "a small Transformer's 12 epochs on Multi30k, one thread",
        "bleu": "BLEU of that training on the test sentences",
    },
    "README.zh-CN.md": {
        "head": "| 项目 | tinygrad_edu | PyTorch | 比值 | 命令 |",
        "no graph": "对 4 个元素做一次运算，不建图",
        "recording": "同上，建图",
        "forward + backward": "同上，前向 + 反向",
        "the same with create_graph": "同上，使用 `create_graph`",
        "memory": "CNN 训练一步的内存峰值，批大小 256",
        "translation": "小型 Transformer 在 Multi30k 上训练 12 轮，单线程",
        "bleu": "上述训练在测试句上的 BLEU",
    },
}


def table(words: dict[str, str]) -> str:
    overhead, memory, translation = (
        json.loads((Path(__file__).parent / "results" / f"{name}.json").read_text())
        for name in ("overhead", "memory", "translation")
    )
    lines = [words["head"], "| --- | --- | --- | --- | --- |"]
    for name, row in overhead["rows"].items():
        a, b = row["tinygrad_edu_us"], row["pytorch_us"]
        lines.append(
            f"| {words[name]} | {a:.2f} µs | {b:.2f} µs | {a / b:.2f} | `python"
            " benchmarks/overhead.py` |"
        )
    a, b = memory["tinygrad_edu_mib"], memory["pytorch_mib"]
    lines.append(
        f"| {words['memory']} | {a:.0f} MiB | {b:.0f} MiB | {a / b:.2f} | `python"
        " benchmarks/memory.py` |"
    )
    ours, theirs = translation["tinygrad_edu"], translation["PyTorch"]
    a, b = ours["training_seconds"], theirs["training_seconds"]
    lines.append(
        f"| {words['translation']} | {a} s | {b} s | {a / b:.2f} | `python"
        " benchmarks/translation.py` |"
    )
    lines.append(
        f"| {words['bleu']} | {ours['bleu']:.1f} | {theirs['bleu']:.1f} | | `python"
        " benchmarks/translation.py` |"
    )
    return "\n".join(lines)


SCORES = {
    "README.md": (
        "| recipe | score | data | time | command |",
        {
            "test_accuracy": "{:.2f} % of the test data",
            "validation_loss": "validation loss {:.3f}",
            "bleu": "BLEU {:.1f}",
        },
        "{} min {:02d} s",
        {"busy": "the time at the lowest priority on a busy machine"},
    ),
    "README.zh-CN.md": (
        "| 训练示例 | 成绩 | 数据 | 时间 | 命令 |",
        {
            "test_accuracy": "测试集 {:.2f} %",
            "validation_loss": "验证损失 {:.3f}",
            "bleu": "BLEU {:.1f}",
        },
        "{} 分 {:02d} 秒",
        {"busy": "用时为繁忙机器上以最低优先级运行的时间"},
    ),
}


def recipes(name: str) -> str:
    """What the training recipes reached."""
    head, words, time, notes = SCORES[name]
    lines = [head, "| --- | --- | --- | --- | --- |"]
    for row in json.loads((Path(__file__).parent / "results" / "recipes.json").read_text())["rows"]:
        shown = "test_accuracy" if "test_accuracy" in row else "validation_loss"
        score = words[shown].format(row[shown] * (100 if shown == "test_accuracy" else 1)) + (
            ", " + words["bleu"].format(row["bleu"]) if "bleu" in row else ""
        )
        if row.get("note"):
            score += f" ({notes[row['note']]})"
        model = (
            f" ({row['model']})"
            if row["model"] not in ("", "yes", "no")
            else {"yes": " (attention)", "no": ""}.get(row["model"], "")
        )
        lines.append(
            f"| {row['recipe']}{model} | {score} | {row['data']} |"
            f" {time.format(row['seconds'] // 60, row['seconds'] % 60)} | `{row['command']}` |"
        )
    return "\n".join(lines)


MODELS = {
    "README.md": {
        "head": "| a step of | PyTorch |",
        "kernels": "with kernels",
        "numpy": "NumPy alone",
        "compiled": "torch.compile",
        "jax": "JAX",
        "threads": "{}, {} threads",
        "mean": "geometric mean of b to n",
        "import": "import",
    },
    "README.zh-CN.md": {
        "head": "| 训练一步 | PyTorch |",
        "kernels": "使用 C++ 核函数",
        "numpy": "仅用 NumPy",
        "compiled": "torch.compile",
        "jax": "JAX",
        "threads": "{}，{} 线程",
        "mean": "b 至 n 的几何平均",
        "import": "导入",
    },
}


def model_columns(found: dict) -> list[tuple[str, str, dict]]:
    """(number of threads, way, {letter: ratio}) of what was measured; a letter may be missing."""
    columns = []
    for key, rows in found.items():
        if key.startswith("models"):
            ways = dict.fromkeys(way for row in rows.values() for way in row["ratio"])
            for way in ways:
                ratios = {k: row["ratio"][way] for k, row in rows.items() if way in row["ratio"]}
                columns.append((key.split("_")[1] if "_" in key else "1", way, ratios))
    return columns


def models(name: str) -> str:
    """Training steps of small models, and the import, as a share of PyTorch's time."""
    words = MODELS[name]
    found = json.loads((Path(__file__).parent / "results" / "models.json").read_text())
    columns = model_columns(found)
    titles = [
        words[way] if threads == "1" else words["threads"].format(words[way], threads)
        for threads, way, _ in columns
    ]
    lines = [f"{words['head']} {' | '.join(titles)} |", "| --- | --- |" + " --- |" * len(columns)]
    for letter, row in found["models"].items():
        cells = [f"{r[letter]:.2f}" if letter in r else "" for _, _, r in columns]
        time = f"{row['ms']['torch']:.1f} ms"
        lines.append(f"| {letter}: {row['about']} | {time} | {' | '.join(cells)} |")
    rest = set(found["models"]) - {"a"}
    means = [
        f"{statistics.geometric_mean(r[k] for k in rest):.2f}" if rest <= set(r) else ""
        for _, _, r in columns
    ]
    lines.append(f"| {words['mean']} | | {' | '.join(means)} |")
    if "import_seconds" in found:
        ours, theirs = (found["import_seconds"][lib] for lib in ("tinygrad_edu", "torch"))
        blank = " |" * (len(columns) - 1)
        lines.append(f"| {words['import']} | {theirs:.2f} s | {ours / theirs:.2f} |{blank}")
    return "\n".join(lines)


def main() -> int:
    stale = []
    for name, words in WORDS.items():
        path = ROOT / name
        old = path.read_text(encoding="utf-8")
        new = old
        for mark, text in (
            ("figures", table(words)),
            ("recipes", recipes(name)),
            ("models", models(name)),
        ):
            marks = rf"(<!-- {mark} -->\n).*?(<!-- end of {mark} -->)"
            new, count = re.subn(
                marks, lambda m, text=text: m[1] + text + "\n" + m[2], new, flags=re.S
            )
            if count != 1:
                raise SystemExit(
                    f"{name} must have one pair of the marks <!-- {mark} -->, <!-- end of {mark}"
                    f" -->, got {count}"
                )
        if new != old:
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                path.write_text(new, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        print(
            f"not the measured figures: {', '.join(stale)}. Run: python benchmarks/readme_table.py",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
