"""Exclusive or with a hidden layer: the smallest problem that a single layer cannot solve.

The training loop is the one of every PyTorch script: zero_grad, forward, backward, step.

    python examples/02_xor_mlp.py
"""

import tinygrad_edu as torch
from tinygrad_edu import nn


def main():
    torch.manual_seed(0)
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for step in range(301):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}")
    with torch.no_grad():
        for row, p in zip(x.tolist(), torch.sigmoid(model(x)).tolist()):
            print(f"{row[0]:.0f} xor {row[1]:.0f} = {p[0]:.3f}")


if __name__ == "__main__":
    main()
