"""A training that stops and goes on from its snapshot: model, optimiser, schedule, best score."""

import copy
import os
import shutil
import tempfile

import numpy as np
import torch
import torch.nn as nn
from common import numpy_weights
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset, random_split

losses = []
rng = np.random.default_rng(0)
x = torch.from_numpy(rng.standard_normal((40, 6)).astype(np.float32))
data = TensorDataset(x, (x.sum(1) > 0).long())
train_set, valid_set = random_split(data, [32, 8], generator=torch.Generator().manual_seed(0))
assert len(train_set) == 32 and len(valid_set) == 8
train_loader = DataLoader(torch.utils.data.Subset(data, range(32)), batch_size=8)
valid_loader = DataLoader(torch.utils.data.Subset(data, range(32, 40)), batch_size=8)
folder = tempfile.mkdtemp()


class AverageMeter(object):
    def __init__(self, name, fmt=":f"):
        self.name, self.fmt = name, fmt
        self.sum = self.count = 0

    def update(self, val, n=1):
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        return ("{name} {avg" + self.fmt + "}").format(**self.__dict__)


def accuracy(output, target, topk=(1,)):
    with torch.no_grad():
        maxk = max(topk)
        _, pred = output.topk(maxk, 1, True, True)
        correct = pred.t().eq(target.view(1, -1).expand_as(pred.t()))
        return [
            correct[:k].reshape(-1).float().sum(0, keepdim=True).mul_(100.0 / target.size(0))
            for k in topk
        ]


def build():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True
    )
    return model, optimizer, lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5)


def train(model, optimizer, scheduler, epochs, best_acc1):
    best_model_wts = copy.deepcopy(model.state_dict())
    for epoch in epochs:
        meter, top1 = AverageMeter("Loss", ":.4e"), AverageMeter("Acc@1", ":6.2f")
        model.train()
        for images, target in train_loader:
            output = model(images)
            loss = nn.CrossEntropyLoss()(output, target)
            acc1, acc2 = accuracy(output, target, topk=(1, 2))
            assert acc2[0] == 100
            meter.update(loss.item(), images.size(0))
            top1.update(acc1[0].item(), images.size(0))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.set_grad_enabled(False):
            right = sum((model(a).max(1)[1] == b).sum().item() for a, b in valid_loader)
        is_best, best_acc1 = right > best_acc1, max(right, best_acc1)
        if is_best:
            best_model_wts = copy.deepcopy(model.state_dict())
        path = os.path.join(folder, "checkpoint.pth.tar")
        torch.save(
            {
                "epoch": epoch + 1,
                "state_dict": model.state_dict(),
                "best_acc1": best_acc1,
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
            },
            path,
        )
        if is_best:
            shutil.copyfile(path, os.path.join(folder, "model_best.pth.tar"))
        losses.extend([meter.avg, top1.avg, right])
        print(epoch, meter, top1)
    return best_model_wts


model, optimizer, scheduler = build()
train(numpy_weights(model), optimizer, scheduler, range(2), 0)
model, optimizer, scheduler = build()
checkpoint = torch.load(os.path.join(folder, "checkpoint.pth.tar"), map_location="cpu")
model.load_state_dict(checkpoint["state_dict"])
optimizer.load_state_dict(checkpoint["optimizer"])
scheduler.load_state_dict(checkpoint["scheduler"])
best = train(model, optimizer, scheduler, range(checkpoint["epoch"], 4), checkpoint["best_acc1"])
model.load_state_dict(best)
losses.append(optimizer.param_groups[0]["lr"])
shutil.rmtree(folder)
