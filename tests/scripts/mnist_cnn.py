"""Digits with a convolutional network: the first script of most courses."""

import argparse
import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from common import numpy_weights
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset

losses = []


class Digits(Dataset):
    """Blobs whose place tells their class."""

    def __init__(self, n, transform=None):
        rng = np.random.default_rng(1)
        self.targets = torch.from_numpy(rng.integers(0, 4, n))
        self.data = rng.uniform(0, 0.3, (n, 1, 12, 12)).astype("float32")
        for i, label in enumerate(self.targets.tolist()):
            top, left = 6 * (label // 2), 6 * (label % 2)
            self.data[i, 0, top : top + 6, left : left + 6] += 0.6
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        image = torch.from_numpy(self.data[index])
        return (self.transform(image) if self.transform else image), self.targets[index]


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, 1)
        self.conv2 = nn.Conv2d(4, 8, kernel_size=3)
        self.norm = nn.BatchNorm2d(8)
        self.fc1 = nn.Linear(8 * 16, 16)
        self.fc2 = nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.norm(self.conv2(x))), 2)
        x = torch.flatten(x, 1)
        x = F.dropout(F.relu(self.fc1(x)), p=0.0, training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


def train(args, model, device, loader, optimizer, epoch):
    model.train()
    for batch_idx, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if batch_idx % args.log_interval == 0:
            done = 100.0 * batch_idx / len(loader)
            print("epoch {} [{:.0f}%] loss {:.6f}".format(epoch, done, loss.item()))


def test(model, device, loader):
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    losses.append(test_loss / len(loader.dataset))
    losses.append(correct / len(loader.dataset))
    print("test loss {:.4f}, {}/{} right".format(losses[-2], correct, len(loader.dataset)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--gamma", type=float, default=0.7)
    parser.add_argument("--log-interval", type=int, default=2)
    parser.add_argument("--no-cuda", action="store_true", default=False)
    args = parser.parse_args()
    use_cuda = not args.no_cuda and torch.cuda.is_available()
    torch.manual_seed(1)
    device = torch.device("cuda" if use_cuda else "cpu")
    kwargs = {"num_workers": 1, "pin_memory": True} if use_cuda else {}
    train_loader = DataLoader(Digits(96, lambda x: (x - 0.3) / 0.3), args.batch_size, **kwargs)
    test_loader = DataLoader(Digits(40, lambda x: (x - 0.3) / 0.3), batch_size=20, **kwargs)
    model = numpy_weights(Net()).to(device)
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, train_loader, optimizer, epoch)
        test(model, device, test_loader)
        scheduler.step()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mnist_cnn.pt")
        torch.save(model.state_dict(), path)
        again = Net()
        again.load_state_dict(torch.load(path, map_location=device))
    test(again, device, test_loader)


if __name__ == "__main__":
    main()
