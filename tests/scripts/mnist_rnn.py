"""Digits row by row with an LSTM, and rows in both directions with a GRU."""

import numpy as np
import torch
from common import numpy_weights
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

losses = []
rng = np.random.default_rng(0)
rows = rng.standard_normal((48, 7, 5)).astype(np.float32)
labels = (rows.sum((1, 2)) > 0).astype(np.int64)
loader = DataLoader(
    dataset=TensorDataset(torch.from_numpy(rows), torch.from_numpy(labels)), batch_size=12
)
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


class Net(nn.Module):
    def __init__(self, kind, hidden, layers, bidirectional):
        super().__init__()
        self.layers, self.hidden, self.directions = layers, hidden, 1 + bidirectional
        self.rnn = getattr(nn, kind)(
            input_size=5,
            hidden_size=hidden,
            num_layers=layers,
            batch_first=True,
            bidirectional=bidirectional,
        )
        self.batchnorm = nn.BatchNorm1d(hidden * self.directions)
        self.fc = nn.Linear(hidden * self.directions, 2)

    def forward(self, x):
        h0 = torch.zeros(self.layers * self.directions, x.size(0), self.hidden).to(x.device)
        state = (h0, h0.clone()) if isinstance(self.rnn, nn.LSTM) else h0
        self.rnn.flatten_parameters()
        out, _ = self.rnn(x, state)
        return self.fc(self.batchnorm(out[:, -1, :]))


for kind, bidirectional in (("LSTM", False), ("GRU", True), ("RNN", False)):
    model = numpy_weights(Net(kind, 6, 2, bidirectional)).to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(2):
        for i, (images, target) in enumerate(loader):
            images = images.reshape(-1, 7, 5).to(device)
            loss = criterion(model(images), target.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    print(f"{kind}: loss {losses[-1]:.4f}")
