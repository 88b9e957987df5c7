"""Layers that train themselves, each on its own goodness of right and wrong labels."""

import numpy as np
import torch
import torch.nn as nn
from common import numpy_weights
from torch.optim import Adam

losses = []
device = torch.device("cpu")
rng = np.random.default_rng(0)


def overlay_y_on_x(x, y, classes=10):
    x_ = x.clone()
    x_[:, :classes] *= 0.0
    x_[range(x.shape[0]), y] = x.max()
    return x_


class Layer(nn.Linear):
    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__(in_features, out_features, bias, device, dtype)
        self.relu = torch.nn.ReLU()
        self.opt = Adam(self.parameters(), lr=0.03)
        self.threshold = 2.0

    def forward(self, x):
        x_direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        return self.relu(torch.mm(x_direction, self.weight.T) + self.bias.unsqueeze(0))

    def train(self, x_pos, x_neg):
        for _ in range(4):
            g_pos = self.forward(x_pos).pow(2).mean(1)
            g_neg = self.forward(x_neg).pow(2).mean(1)
            both = torch.cat([-g_pos + self.threshold, g_neg - self.threshold])
            loss = torch.log1p(torch.exp(both)).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            losses.append(loss.item())
        return self.forward(x_pos).detach(), self.forward(x_neg).detach()


class Net(torch.nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.layers = []
        for d in range(len(dims) - 1):
            layer = numpy_weights(Layer(dims[d], dims[d + 1]), d).to(device)
            self.layers = self.layers + [layer]

    def predict(self, x):
        goodness_per_label = []
        for label in range(10):
            h = overlay_y_on_x(x, label)
            goodness = []
            for layer in self.layers:
                h = layer(h)
                goodness = goodness + [h.pow(2).mean(1)]
            goodness_per_label += [sum(goodness).unsqueeze(1)]
        return torch.cat(goodness_per_label, 1).argmax(1)

    def train(self, x_pos, x_neg):
        h_pos, h_neg = x_pos, x_neg
        for layer in self.layers:
            h_pos, h_neg = layer.train(h_pos, h_neg)


x = torch.from_numpy(rng.uniform(0, 1, (30, 20)).astype("float32"))
y = torch.from_numpy(rng.integers(0, 10, 30))
net = Net([20, 12, 12])
net.train(overlay_y_on_x(x, y), overlay_y_on_x(x, (y + 3) % 10))
error = 1.0 - net.predict(x).eq(y).float().mean().item()
losses.append(error)
print("train error:", error)
