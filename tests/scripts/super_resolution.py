"""Images enlarged by a network that ends in a pixel shuffle."""

from math import log10

import numpy as np
import torch
import torch.nn as nn
import torch.nn.init as init
import torch.optim as optim
from common import numpy_weights
from torch.utils.data import DataLoader, TensorDataset

losses = []


class Net(nn.Module):
    def __init__(self, upscale_factor):
        super(Net, self).__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 6, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(6, 4, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(4, upscale_factor**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
        init.orthogonal_(self.conv1.weight, init.calculate_gain("relu"))
        init.orthogonal_(self.conv3.weight)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        return self.pixel_shuffle(self.conv3(x))


rng = np.random.default_rng(0)
large = torch.from_numpy(rng.uniform(0, 1, (12, 1, 8, 8)).astype(np.float32))
small = nn.functional.interpolate(large, scale_factor=0.5, mode="bilinear", align_corners=False)
loader = DataLoader(dataset=TensorDataset(small, large), num_workers=0, batch_size=4)
model = numpy_weights(Net(upscale_factor=2), scale=0.2)
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)
for epoch in range(1, 4):
    epoch_loss = 0
    for iteration, batch in enumerate(loader, 1):
        optimizer.zero_grad()
        loss = criterion(model(batch[0]), batch[1])
        epoch_loss += loss.item()
        loss.backward()
        optimizer.step()
    losses.append(epoch_loss / len(loader))
    with torch.no_grad():
        psnr = [10 * log10(1 / criterion(model(a), b).item()) for a, b in loader]
    losses.append(sum(psnr) / len(psnr))
    print("epoch {}: loss {:.4f}, {:.4f} dB".format(epoch, *losses[-2:]))
