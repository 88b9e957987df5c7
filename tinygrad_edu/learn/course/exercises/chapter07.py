"""Exercises of chapter 07: attention and a small Transformer."""

from __future__ import annotations

import math
from functools import partial

import tinygrad_edu as torch

from ..exercise import Exercise, Mistake
from ..solutions import chapter07 as solutions
from ..words import Words

SCORES = 2 * torch.arange(16.0).view(4, 4).sin()
Q, K, V = (torch.arange(20.0).view(5, 4).mul(step).sin() for step in (1.0, 1.7, 2.3))
X = torch.arange(24.0).view(2, 3, 4)

# ---- 07.1 ----------------------------------------------------------------------------------------


def upper(scores, diagonal):
    return torch.triu(torch.ones(*scores.shape), diagonal=diagonal).bool()


def no_mask(scores):
    return scores.softmax(1)


def mask_after_softmax(scores):
    return torch.tril(scores.softmax(1))


def zeros_for_scores(scores):
    return scores.masked_fill(upper(scores, 1), 0.0).softmax(1)


def softmax_of_columns(scores):
    return scores.masked_fill(upper(scores, 1), -math.inf).softmax(0)


def past_hidden(scores):
    return scores.masked_fill(upper(scores, 1).T, -math.inf).softmax(1)


def itself_hidden(scores):
    return scores.masked_fill(upper(scores, 0), -math.inf).softmax(1)


# ---- 07.2 ----------------------------------------------------------------------------------------


def without_scale(q, k, v):
    return solutions.causal_weights(q @ k.T) @ v


def divided_by_d(q, k, v):
    return solutions.causal_weights(q @ k.T / q.shape[1]) @ v


def without_mask(q, k, v):
    return (q @ k.T / math.sqrt(q.shape[1])).softmax(1) @ v


def divided_by_length(q, k, v):
    return solutions.causal_weights(q @ k.T / math.sqrt(q.shape[0])) @ v


def weights_alone(q, k, v):
    return solutions.causal_weights(q @ k.T / math.sqrt(q.shape[1]))


def keys_ask(q, k, v):
    return solutions.attention(k, q, v)


def without_softmax(q, k, v):
    return torch.tril(q @ k.T / math.sqrt(q.shape[1])) @ v


# ---- 07.3 ----------------------------------------------------------------------------------------


def only_a_view(x, heads):
    B, T, D = x.shape
    return x.view(B, heads, T, D // heads)


def not_transposed(x, heads):
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads)


def every_other_number(x, heads):
    B, T, D = x.shape
    return x.view(B, T, D // heads, heads).permute(0, 3, 1, 2)


def heads_first(x, heads):
    return solutions.split_heads(x, heads).transpose(0, 1)


exercise = partial(Exercise, names=globals(), rtol=1e-5, atol=1e-6)

EXERCISES = (
    exercise(
        "07.1",
        "causal_weights",
        Words("weights that do not see the future", "看不到未来的权重"),
        cases=("causal_weights(SCORES)", "causal_weights(torch.zeros(3, 3))"),
        solution=solutions.causal_weights,
        mistakes=(
            Mistake(
                no_mask,
                Words(
                    "The future is visible: there are weights above the diagonal. Set those scores to"
                    " minus infinity first.",
                    "能看到未来：对角线上方还有权重。请先把这些分数设为负无穷。",
                ),
            ),
            Mistake(
                mask_after_softmax,
                Words(
                    "The future is removed after the softmax, so the rows no longer add up to 1. Remove"
                    " it from the scores, before the softmax.",
                    "在 softmax 之后才去掉未来，各行之和不再是 1。请在 softmax 之前，从分数里去掉。",
                ),
            ),
            Mistake(
                zeros_for_scores,
                Words(
                    "The hidden scores are 0, but exp(0) = 1 is still a weight. Use -math.inf, whose exp"
                    " is 0.",
                    "被遮住的分数是 0，而 exp(0) = 1 仍然是权重。请用 -math.inf，它的 exp 是 0。",
                ),
            ),
            Mistake(
                softmax_of_columns,
                Words(
                    "The columns add up to 1, not the rows. A row holds the weights of one position:"
                    " softmax(1).",
                    "现在每列之和为 1，而不是每行。一行是一个位置的权重：softmax(1)。",
                ),
            ),
            Mistake(
                past_hidden,
                Words(
                    "The past is hidden and the future is visible. The future is above the diagonal:"
                    " torch.triu.",
                    "过去被遮住了，未来反而可见。未来在对角线上方：torch.triu。",
                ),
            ),
            Mistake(
                itself_hidden,
                Words(
                    "A position does not see itself, and the first sees nothing at all. Keep the"
                    " diagonal: torch.triu(..., diagonal=1).",
                    "位置看不到自己，第一个位置什么也看不到。请保留对角线：torch.triu(..., diagonal=1)。",
                ),
            ),
        ),
        hints=(
            Words(
                "Which entries belong to the future? Row t is the position that looks, column s the"
                " one that is looked at.",
                "哪些元素属于未来？第 t 行是在看的位置，第 s 列是被看的位置。",
            ),
            Words(
                "torch.triu(torch.ones(T, T), diagonal=1).bool() is True for the future.",
                "torch.triu(torch.ones(T, T), diagonal=1).bool() 在未来处为 True。",
            ),
            Words(
                "scores.masked_fill(future, -math.inf), then a softmax over each row.",
                "先 scores.masked_fill(future, -math.inf)，再对每一行做 softmax。",
            ),
        ),
    ),
    exercise(
        "07.2",
        "attention",
        Words("attention with scale and mask", "带缩放和掩码的注意力"),
        cases=("attention(Q, K, V)", "attention(3 * K, Q, V[:, :2])"),
        solution=solutions.attention,
        mistakes=(
            Mistake(
                without_scale,
                Words(
                    "The scale is missing: divide the scores by the root of the number of columns of q.",
                    "缺少缩放：分数要除以 q 的列数的平方根。",
                ),
            ),
            Mistake(
                divided_by_d,
                Words(
                    "The scores are divided by D. Divide by its root, math.sqrt(D): the root brings the"
                    " variance D back to 1.",
                    "分数除以了 D。应除以它的平方根 math.sqrt(D)：这样才能把方差 D 变回 1。",
                ),
            ),
            Mistake(
                divided_by_length,
                Words(
                    "The scale uses the length of the sequence, q.shape[0]. It must use the length of"
                    " the vectors, q.shape[1].",
                    "缩放用了序列长度 q.shape[0]，应该用向量长度 q.shape[1]。",
                ),
            ),
            Mistake(
                without_mask,
                Words(
                    "The future is visible. Use your `causal_weights` on the scores.",
                    "能看到未来。请对分数使用你写的 `causal_weights`。",
                ),
            ),
            Mistake(
                weights_alone,
                Words(
                    "These are the weights. Multiply them by the values: weights @ v.",
                    "这只是权重。还要乘以值：weights @ v。",
                ),
            ),
            Mistake(
                keys_ask,
                Words(
                    "Queries and keys have changed places. Row t of the scores belongs to query t:"
                    " q @ k.T.",
                    "查询和键的位置反了。分数的第 t 行属于查询 t：q @ k.T。",
                ),
            ),
            Mistake(
                without_softmax,
                Words(
                    "The scores are used as weights. They need a softmax, so that each row is positive"
                    " and adds up to 1.",
                    "直接把分数当成了权重。要先做 softmax，使每一行为正且和为 1。",
                ),
            ),
        ),
        hints=(
            Words(
                "Three steps: scores, weights, mixture of the values.",
                "三步：分数、权重、对值加权。",
            ),
            Words(
                "All scores at once: q @ k.T / math.sqrt(q.shape[1]).",
                "一次算出全部分数：q @ k.T / math.sqrt(q.shape[1])。",
            ),
            Words(
                "return causal_weights(scores) @ v", "最后返回：return causal_weights(scores) @ v"
            ),
        ),
    ),
    exercise(
        "07.3",
        "split_heads",
        Words("vectors cut into heads", "把向量切分成多个头"),
        cases=("split_heads(X, 2)", "split_heads(X, 1)", "split_heads(X[:1], 4)"),
        solution=solutions.split_heads,
        mistakes=(
            Mistake(
                only_a_view,
                Words(
                    "The shape is right, but positions and heads are mixed: `view` only reads the"
                    " numbers in order. First split each vector, (B, T, H, D/H), then exchange T and H.",
                    "形状对了，但位置和头混在了一起：`view` 只是按顺序读数。先切开每个向量得到"
                    " (B, T, H, D/H)，再交换 T 和 H。",
                ),
            ),
            Mistake(
                not_transposed,
                Words(
                    "This is (B, T, H, D/H). The heads must come before the positions: exchange dims 1"
                    " and 2.",
                    "这是 (B, T, H, D/H)。头应在位置之前：交换第 1、2 维。",
                ),
            ),
            Mistake(
                every_other_number,
                Words(
                    "Head 0 gets every H-th number. It should get the first D/H numbers: view(B, T,"
                    " heads, D // heads), with the heads before the numbers.",
                    "第 0 个头得到的是每隔 H 个取一个的数。它应该得到前 D/H 个数："
                    "view(B, T, heads, D // heads)，头在前。",
                ),
            ),
            Mistake(
                heads_first,
                Words(
                    "The heads come before the batch. Wanted is (B, H, T, D/H).",
                    "头排到了批次前面。要的是 (B, H, T, D/H)。",
                ),
            ),
        ),
        hints=(
            Words(
                "Look at one position: its D numbers lie side by side. Cut them into H groups.",
                "看一个位置：它的 D 个数挨在一起。把它们切成 H 组。",
            ),
            Words(
                "x.view(B, T, heads, D // heads) cuts. Which two dims must then change places?",
                "x.view(B, T, heads, D // heads) 完成切分。接下来要交换哪两维？",
            ),
            Words(
                "x.view(B, T, heads, D // heads).transpose(1, 2)",
                "写成：x.view(B, T, heads, D // heads).transpose(1, 2)",
            ),
        ),
    ),
)
