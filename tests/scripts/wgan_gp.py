"""A critic held to slope 1: the gradient's norm is part of the loss, so it is differentiated."""

import numpy as np
import torch
import torch.autograd as autograd
import torch.nn as nn
from common import numpy_weights
from torch.autograd import Variable

losses = []
cuda = True if torch.cuda.is_available() else False
Tensor = torch.cuda.FloatTensor if cuda else torch.FloatTensor
img_shape = (1, 4, 4)
rng = np.random.default_rng(0)


class Generator(nn.Module):
    def __init__(self):
        super(Generator, self).__init__()

        def block(in_feat, out_feat, normalize=True):
            layers = [nn.Linear(in_feat, out_feat)]
            if normalize:
                layers.append(nn.BatchNorm1d(out_feat, 0.8))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            return layers

        self.model = nn.Sequential(
            *block(3, 8, normalize=False),
            *block(8, 12),
            nn.Linear(12, int(np.prod(img_shape))),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.model(z).view(z.shape[0], *img_shape)


def compute_gradient_penalty(D, real_samples, fake_samples):
    alpha = Tensor(rng.random((real_samples.size(0), 1, 1, 1)))
    interpolates = (alpha * real_samples + ((1 - alpha) * fake_samples)).requires_grad_(True)
    d_interpolates = D(interpolates.view(interpolates.shape[0], -1))
    fake = Variable(Tensor(real_samples.shape[0], 1).fill_(1.0), requires_grad=False)
    gradients = autograd.grad(
        outputs=d_interpolates,
        inputs=interpolates,
        grad_outputs=fake,
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


generator = numpy_weights(Generator(), 1)
discriminator = nn.Sequential(nn.Linear(16, 12), nn.LeakyReLU(0.2, inplace=True), nn.Linear(12, 1))
numpy_weights(discriminator, 2)
optimizer_G = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
for i in range(6):
    imgs = torch.from_numpy(rng.uniform(-1, 1, (6, *img_shape)))
    real_imgs = Variable(imgs.type(Tensor))
    optimizer_D.zero_grad()
    z = Variable(Tensor(rng.normal(0, 1, (imgs.shape[0], 3))))
    fake_imgs = generator(z)
    real_validity = discriminator(real_imgs.view(6, -1))
    fake_validity = discriminator(fake_imgs.view(6, -1))
    penalty = compute_gradient_penalty(discriminator, real_imgs.data, fake_imgs.data)
    d_loss = -torch.mean(real_validity) + torch.mean(fake_validity) + 10 * penalty
    d_loss.backward()
    optimizer_D.step()
    optimizer_G.zero_grad()
    losses += [d_loss.item(), penalty.item()]
    if i % 2 == 0:
        g_loss = -torch.mean(discriminator(generator(z).view(6, -1)))
        g_loss.backward()
        optimizer_G.step()
        losses.append(g_loss.item())
        print("[Batch %d] [D loss: %f] [G loss: %f]" % (i, d_loss.item(), g_loss.item()))
