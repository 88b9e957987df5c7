"""A recurrent network learns to add: it reads two binary numbers bit by bit and must remember the
carry. Trained on numbers of 8 bits, it adds numbers of 40.

    python examples/05_rnn.py
"""

import tinygrad_edu as torch
from tinygrad_edu import nn


def sums(count, bits):
    """Pairs of numbers as bits, lowest first, and the bits of their sums."""
    a, b = torch.randint(0, 2, (2, bits + 1, count)).float()
    a[-1] = b[-1] = 0.0  # room for the last carry
    carry, out = torch.zeros(count), []
    for i in range(bits + 1):
        total = a[i] + b[i] + carry
        out.append(total % 2)
        carry = (total >= 2).float()
    return torch.stack([a, b], 2), torch.stack(out)  # (T, N, 2), (T, N)


class Adder(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNN(2, 16)
        self.head = nn.Linear(16, 1)

    def forward(self, x):  # (T, N, 2) -> (T, N)
        return self.head(self.cell(x)[0]).squeeze(2)


def share_right(model, bits):
    with torch.no_grad():
        x, y = sums(200, bits)
        return ((model(x) > 0) == (y > 0.5)).all(0).float().mean().item()


def main():
    torch.manual_seed(0)
    model = Adder()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(301):
        x, y = sums(64, 8)
        loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}  sums right {share_right(model, 8):.1%}")
    for bits in (8, 16, 40):
        print(f"numbers of {bits} bits: {share_right(model, bits):.1%} of the sums are right")


if __name__ == "__main__":
    main()
