"""A small Transformer learns to sort: every place looks at all the others and says which letter
belongs there.

    python examples/06_transformer.py
"""

import tinygrad_edu as torch
from tinygrad_edu import nn

LETTERS, LENGTH = "abcdefghij", 8


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):  # (B, T, D)
        h = self.norm1(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Sorter(nn.Module):
    def __init__(self, width=32, heads=4):
        super().__init__()
        self.letter = nn.Embedding(len(LETTERS), width)
        self.place = nn.Parameter(torch.randn(LENGTH, width) * 0.1)
        self.blocks = nn.Sequential(Block(width, heads), Block(width, heads))
        self.head = nn.Linear(width, len(LETTERS))

    def forward(self, tokens):  # (B, T) -> (B, T, letters)
        return self.head(self.blocks(self.letter(tokens) + self.place))


def main():
    torch.manual_seed(0)
    model = Sorter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    for step in range(301):
        words = torch.randint(0, len(LETTERS), (64, LENGTH))
        wanted = words.sort(1).values
        loss = nn.functional.cross_entropy(model(words).flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.3f}")
    words = torch.randint(0, len(LETTERS), (500, LENGTH))
    with torch.no_grad():
        sorted_by_it = model(words).argmax(2)
    right = (sorted_by_it == words.sort(1).values).float().mean().item()
    for before, after in zip(words[:3].tolist(), sorted_by_it[:3].tolist()):
        print("".join(LETTERS[i] for i in before), "->", "".join(LETTERS[i] for i in after))
    print(f"{right:.1%} of the places are right")


if __name__ == "__main__":
    main()
