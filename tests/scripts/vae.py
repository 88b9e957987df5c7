"""A variational autoencoder."""

import numpy as np
import torch
import torch.utils.data
from common import numpy_weights
from torch import nn, optim
from torch.nn import functional as F

losses = []
rng = np.random.default_rng(0)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(16, 12)
        self.fc21 = nn.Linear(12, 3)
        self.fc22 = nn.Linear(12, 3)
        self.fc3 = nn.Linear(3, 12)
        self.fc4 = nn.Linear(12, 16)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.as_tensor(rng.standard_normal(tuple(std.shape)), dtype=std.dtype)
        return mu + eps * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 16))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    bce = F.binary_cross_entropy(recon_x, x.view(-1, 16), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


images = torch.FloatTensor(rng.uniform(0, 1, (30, 1, 4, 4)))
loader = torch.utils.data.DataLoader(images, batch_size=10)
model = numpy_weights(VAE())
optimizer = optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(3):
    model.train()
    train_loss = 0
    for data in loader:
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    losses.append(train_loss / len(loader.dataset))
    print("epoch {}: average loss {:.4f}".format(epoch, losses[-1]))
with torch.no_grad():
    sample = model.decode(torch.full((2, 3), 0.5)).cpu()
    losses.append(sample.view(2, 1, 4, 4).mean().item())
