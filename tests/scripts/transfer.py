"""A residual network of which only the last layers learn, at rates of their own."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from common import numpy_weights
from torch.optim import lr_scheduler

losses = []


def conv3x3(in_planes, out_planes, stride=1):
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super(BasicBlock, self).__init__()
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x):
        residual = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            residual = self.downsample(x)
        out += residual
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, block, layers, num_classes=5):
        super(ResNet, self).__init__()
        self.inplanes = 4
        self.conv1 = nn.Conv2d(3, 4, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 4, layers[0])
        self.layer2 = self._make_layer(block, 8, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)

    def _make_layer(self, block, planes, blocks, stride=1):
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(planes),
            )
        layers = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = planes * block.expansion
        layers += [block(self.inplanes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(x, 1))


rng = np.random.default_rng(0)
images = torch.from_numpy(rng.standard_normal((8, 3, 16, 16)).astype("float32"))
labels = torch.tensor([0, 1] * 4)
model_ft = numpy_weights(ResNet(BasicBlock, [1, 2]))
for param in model_ft.parameters():
    param.requires_grad = False
for param in model_ft.layer2.parameters():
    param.requires_grad_(True)
num_ftrs = model_ft.fc.in_features
model_ft.fc = numpy_weights(nn.Linear(num_ftrs, 2), 1)
seen = []
handle = model_ft.avgpool.register_forward_hook(lambda m, i, o: seen.append(o.detach().mean()))
optimizer = optim.SGD(
    [{"params": model_ft.layer2.parameters()}, {"params": model_ft.fc.parameters(), "lr": 0.05}],
    lr=0.01,
    momentum=0.9,
)
scheduler = lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.1)
criterion = nn.CrossEntropyLoss()
for epoch in range(3):
    for phase in ["train", "val"]:
        model_ft.train() if phase == "train" else model_ft.eval()
        optimizer.zero_grad()
        with torch.set_grad_enabled(phase == "train"):
            outputs = model_ft(images)
            _, preds = torch.max(outputs, 1)
            loss = criterion(outputs, labels)
            if phase == "train":
                loss.backward()
                optimizer.step()
        if phase == "train":
            scheduler.step()
        losses += [loss.item(), torch.sum(preds == labels.data).double().item() / len(labels)]
        print("{} Loss: {:.4f}".format(phase, losses[-2]))
handle.remove()
losses += [s.item() for s in seen]
assert model_ft.conv1.weight.grad is None
