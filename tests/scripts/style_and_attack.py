"""Gradients of inputs: an image optimised for style and content, and one changed to fool."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from common import numpy_weights

losses = []
rng = np.random.default_rng(0)


def gram_matrix(input):
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


class ContentLoss(nn.Module):
    def __init__(self, target):
        super(ContentLoss, self).__init__()
        self.target = target.detach()

    def forward(self, input):
        self.loss = F.mse_loss(input, self.target)
        return input


class StyleLoss(nn.Module):
    def __init__(self, target_feature):
        super(StyleLoss, self).__init__()
        self.target = gram_matrix(target_feature).detach()

    def forward(self, input):
        self.loss = F.mse_loss(gram_matrix(input), self.target)
        return input


class Normalization(nn.Module):
    def __init__(self, mean, std):
        super(Normalization, self).__init__()
        self.mean = torch.tensor(mean).view(-1, 1, 1)
        self.std = torch.tensor(std).view(-1, 1, 1)

    def forward(self, img):
        return (img - self.mean) / self.std


def image():
    return torch.from_numpy(rng.uniform(0, 1, (1, 3, 8, 8)).astype("float32"))


content_img, style_img, input_img = image(), image(), image()
cnn = numpy_weights(nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 1, 1)))
cnn.requires_grad_(False).eval()
model = nn.Sequential(Normalization([0.48, 0.45, 0.41], [0.23, 0.22, 0.22]))
criteria = []
for i, layer in enumerate(cnn.children()):
    if isinstance(layer, nn.ReLU):
        layer = nn.ReLU(inplace=False)
    model.add_module("layer_{}".format(i), layer)
    if isinstance(layer, nn.Conv2d):
        for kind, target, weight in ((ContentLoss, content_img, 1), (StyleLoss, style_img, 100)):
            criterion = kind(model(target).detach())
            model.add_module("{}_{}".format(kind.__name__, i), criterion)
            criteria.append((weight, criterion))
input_img.requires_grad_(True)
optimizer = optim.LBFGS([input_img], max_iter=4)
for run in range(2):

    def closure():
        with torch.no_grad():
            input_img.clamp_(0, 1)
        optimizer.zero_grad()
        model(input_img)
        loss = sum(weight * c.loss for weight, c in criteria)
        loss.backward()
        losses.append(loss.item())
        return loss

    optimizer.step(closure)
print("style loss {:4f}".format(losses[-1]))


def fgsm_attack(image, epsilon, data_grad):
    return torch.clamp(image + epsilon * data_grad.sign(), 0, 1)


net = numpy_weights(nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.LogSoftmax(dim=1)), 3)
for epsilon in (0.0, 0.1, 0.3):
    data, target = content_img.clone(), torch.tensor([2])
    data.requires_grad = True
    loss = F.nll_loss(net(data), target)
    net.zero_grad()
    loss.backward()
    perturbed = fgsm_attack(data, epsilon, data.grad.data)
    losses.append(F.nll_loss(net(perturbed), target).item())
    print("epsilon {}: loss {:.4f}".format(epsilon, losses[-1]))
