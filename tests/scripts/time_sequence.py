"""Sine waves continued by LSTM cells in float64, fitted with L-BFGS."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from common import numpy_weights

losses = []


class Sequence(nn.Module):
    def __init__(self):
        super(Sequence, self).__init__()
        self.lstm1 = nn.LSTMCell(1, 7)
        self.lstm2 = nn.LSTMCell(7, 7)
        self.linear = nn.Linear(7, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t = torch.zeros(input.size(0), 7, dtype=torch.double)
        c_t, h_t2, c_t2 = torch.zeros_like(h_t), torch.zeros_like(h_t), torch.zeros_like(h_t)
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for _ in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


data = np.sin(np.arange(12)[None] / 2 + np.array([[0.0], [1.0], [2.5]]))
input, target = torch.from_numpy(data[:, :-1]), torch.from_numpy(data[:, 1:])
seq = numpy_weights(Sequence().double(), scale=0.3)
criterion = nn.MSELoss()
optimizer = optim.LBFGS(seq.parameters(), lr=0.8, max_iter=5)
for step in range(2):

    def closure():
        optimizer.zero_grad()
        loss = criterion(seq(input), target)
        losses.append(loss.item())
        loss.backward()
        return loss

    optimizer.step(closure)
    print("step", step, "loss", losses[-1])
with torch.no_grad():
    pred = seq(input[:1], future=5)
    losses.append(criterion(pred[:, :-5], target[:1]).item())
    losses += pred.detach().numpy()[0, -5:].tolist()
