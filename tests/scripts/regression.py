"""A polynomial fitted four ways: by hand, with autograd, with nn and with a Function of one's own."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from common import numpy_weights

losses = []
dtype = torch.float
device = torch.device("cpu")
x = torch.linspace(-math.pi, math.pi, 50, device=device, dtype=dtype)
y = torch.sin(x)

a, b, c, d = (torch.tensor(v) for v in (0.1, 0.2, -0.1, 0.05))
for t in range(5):
    y_pred = a + b * x + c * x**2 + d * x**3
    losses.append((y_pred - y).pow(2).sum().item())
    grad_y_pred = 2.0 * (y_pred - y)
    a -= 1e-4 * grad_y_pred.sum()
    b -= 1e-4 * (grad_y_pred * x).sum()
    c -= 1e-5 * (grad_y_pred * x**2).sum()
    d -= 1e-6 * (grad_y_pred * x**3).sum()

weights = [torch.full((), v, dtype=dtype, requires_grad=True) for v in (0.1, 0.2, -0.1, 0.05)]
for t in range(5):
    y_pred = sum(w * x**n for n, w in enumerate(weights))
    loss = (y_pred - y).pow(2).sum()
    losses.append(loss.item())
    loss.backward()
    with torch.no_grad():
        for w in weights:
            w -= 1e-6 * w.grad
            w.grad = None

model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
numpy_weights(model)
loss_fn = torch.nn.MSELoss(reduction="sum")
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
xx = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
for t in range(5):
    loss = loss_fn(model(xx), y)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
losses += [model[0].bias.item(), model[0].weight[:, 1].item()]


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


P3 = LegendrePolynomial3.apply
c, d = (torch.full((), v, requires_grad=True) for v in (0.0, 0.3))
for t in range(5):
    loss = (P3(c + d * x) - y).pow(2).sum()
    losses.append(loss.item())
    loss.backward()
    with torch.no_grad():
        for w in (c, d):
            w -= 1e-5 * w.grad
            w.grad = None

points = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (32, 4))).float()
truth = torch.FloatTensor([[2.0], [-1.0], [0.5], [3.0]])
fc = numpy_weights(torch.nn.Linear(4, 1))
for batch_idx in range(1, 6):
    fc.zero_grad()
    output = F.smooth_l1_loss(fc(points), points.mm(truth) + 0.3)
    output.backward()
    for param in fc.parameters():
        param.data.add_(-0.5 * param.grad)
    losses.append(output.item())
print("loss {:.6f} after {} steps".format(losses[-1], len(losses)))
