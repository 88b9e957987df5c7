"""A generator and a discriminator of convolutions, on random images."""

import numpy as np
import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.nn.parallel
import torch.optim as optim
import torch.utils.data
from common import numpy_weights

cudnn.benchmark = True
losses = []
rng = np.random.default_rng(0)
nz, ngf, ndf = 5, 4, 4


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight, 1.0, 0.02)
        nn.init.zeros_(m.bias)


class Generator(nn.Module):
    def __init__(self, ngpu):
        super(Generator, self).__init__()
        self.ngpu = ngpu
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input):
        if input.is_cuda and self.ngpu > 1:
            return nn.parallel.data_parallel(self.main, input, range(self.ngpu))
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 3, 1, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input).view(-1, 1).squeeze(1)


device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
netG, netD = Generator(1).to(device), Discriminator().to(device)
netG.apply(weights_init)
netD.apply(weights_init)
numpy_weights(netG, 1, 0.1)
numpy_weights(netD, 2, 0.1)
criterion = nn.BCELoss()
optimizerD = optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
real = torch.from_numpy(rng.uniform(-1, 1, (12, 3, 8, 8)).astype("float32"))
dataloader = torch.utils.data.DataLoader(real, batch_size=6, num_workers=0)

for epoch in range(3):
    for i, data in enumerate(dataloader, 0):
        netD.zero_grad()
        batch_size = data.size(0)
        label = torch.full((batch_size,), 1, dtype=data.dtype, device=device)
        output = netD(data)
        errD_real = criterion(output, label)
        errD_real.backward()
        noise = torch.from_numpy(rng.standard_normal((batch_size, nz, 1, 1)).astype("float32"))
        fake = netG(noise)
        label.fill_(0)
        output = netD(fake.detach())
        errD_fake = criterion(output, label)
        errD_fake.backward()
        errD = errD_real + errD_fake
        optimizerD.step()
        netG.zero_grad()
        label.fill_(1)
        errG = criterion(netD(fake), label)
        errG.backward()
        optimizerG.step()
        losses += [errD.item(), errG.item(), output.mean().item()]
        print("[%d][%d] Loss_D: %.4f Loss_G: %.4f" % (epoch, i, errD.item(), errG.item()))
