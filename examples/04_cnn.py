"""A convolutional network reads handwritten digits; then one picture is followed through it.

python examples/04_cnn.py
"""

import tinygrad_edu as torch
from tinygrad_edu import nn
from tinygrad_edu.vision.datasets import MNIST5k


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.head = nn.Linear(16 * 7 * 7, 10)

    def forward(self, x):  # (N, 1, 28, 28)
        x = nn.functional.max_pool2d(self.conv1(x).relu(), 2)  # (N, 8, 14, 14)
        x = nn.functional.max_pool2d(self.conv2(x).relu(), 2)  # (N, 16, 7, 7)
        return self.head(x.flatten(1))


def main():
    torch.manual_seed(0)
    digits, mixed = MNIST5k(), torch.randperm(5000)
    x = digits.data[mixed].float().unsqueeze(1) / 255
    y = digits.targets[mixed]
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    print(f"{sum(p.numel() for p in model.parameters()):,} weights")
    for step in range(181):
        rows = torch.randint(0, 4000, (64,))
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 60 == 0:
            print(f"step {step:3d}  loss {loss.item():.3f}")
    with torch.no_grad():
        right = (model(x[4000:]).argmax(1) == y[4000:]).float().mean().item()
    print(f"{right:.1%} of 1,000 other digits are right")

    picture = x[4000:4001].requires_grad_()
    scores = model(picture)
    scores.max().backward()  # which pixels would change the winning score most?
    strength = picture.grad.abs()[0, 0]
    print(f"It reads a {scores.argmax().item()}. The pixels that matter most, with #:")
    for row, there in zip(strength[4:24:2].tolist(), picture.detach()[0, 0, 4:24:2].tolist()):
        marks = ("#" if s > 0.6 * strength.max().item() else " " for s in row)
        print("".join(m if m == "#" else "." if t > 0.5 else " " for m, t in zip(marks, there)))


if __name__ == "__main__":
    main()
