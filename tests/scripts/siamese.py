"""Two images through one network: the same class or not."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from common import numpy_weights
from torch.utils.data import DataLoader, Dataset

losses = []


class Pairs(Dataset):
    def __init__(self, n):
        self.rng = np.random.default_rng(2)
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        first, other = (self.rng.uniform(0, 1, (1, 8, 8)).astype("float32") for _ in range(2))
        image_1 = torch.from_numpy(first)
        if index % 2 == 0:
            return image_1, image_1.clone() + 0.05, torch.tensor(1, dtype=torch.float)
        return image_1, torch.from_numpy(other), torch.tensor(0, dtype=torch.float)


class SiameseNetwork(nn.Module):
    def __init__(self):
        super(SiameseNetwork, self).__init__()
        backbone = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d((2, 2)),
            nn.Linear(2, 9),
        )
        self.backbone = torch.nn.Sequential(*(list(backbone.children())[:-1]))
        self.fc = nn.Sequential(nn.Linear(32, 8), nn.ReLU(inplace=True), nn.Linear(8, 1))
        self.sigmoid = nn.Sigmoid()
        self.fc.apply(self.init_weights)

    def init_weights(self, m):
        if isinstance(m, nn.Linear):
            torch.nn.init.xavier_uniform_(m.weight)
            m.bias.data.fill_(0.01)

    def forward_once(self, x):
        output = self.backbone(x)
        return output.view(output.size()[0], -1)

    def forward(self, input1, input2):
        output = torch.cat((self.forward_once(input1), self.forward_once(input2)), 1)
        return self.sigmoid(self.fc(output))


model = numpy_weights(SiameseNetwork())
optimizer = optim.Adadelta(model.parameters(), lr=0.5)
criterion = nn.BCELoss()
triplet = nn.TripletMarginLoss(margin=1.0, p=2)
correct = 0
for images_1, images_2, targets in DataLoader(Pairs(40), batch_size=10):
    optimizer.zero_grad()
    outputs = model(images_1, images_2).squeeze()
    loss = criterion(outputs, targets)
    anchor, positive = model.forward_once(images_1), model.forward_once(images_2)
    loss = loss + 0.1 * triplet(anchor, positive, positive.flip(0))
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    pred = torch.where(outputs > 0.5, 1, 0)
    correct += pred.eq(targets.view_as(pred)).sum().item()
losses.append(correct)
print("loss {:.4f}, {} of 40 right".format(losses[-2], correct))
