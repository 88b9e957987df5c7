"""A model of characters that logs to TensorBoard, and starts again from its best weights."""

# needs: tensorboardX, tensorboard

import os
import tempfile

import numpy as np
import torch
from common import numpy_weights
from torch import nn
from torch.utils.tensorboard import SummaryWriter

losses = []
text = "the cat sat on the mat and the dog sat on the log " * 3
chars = sorted(set(text))
data = torch.tensor([chars.index(c) for c in text])


class CharRNN(nn.Module):
    def __init__(self, n, hidden):
        super().__init__()
        self.embed = nn.Embedding(n, hidden)
        self.rnn = nn.GRU(hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, n)

    def forward(self, x, state=None):
        y, state = self.rnn(self.embed(x), state)
        return self.out(y), state


model = numpy_weights(CharRNN(len(chars), 12))
optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3, alpha=0.9)
with tempfile.TemporaryDirectory() as folder:
    writer = SummaryWriter(log_dir=os.path.join(folder, "runs"), comment="char")
    state = None
    for step in range(8):
        x = data[step * 16 : step * 16 + 16].view(2, 8)
        y = data[step * 16 + 1 : step * 16 + 17].view(2, 8)
        logits, state = model(x, state)
        state = state.detach()
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        writer.add_scalar("loss/train", loss, step)
        writer.add_scalars("both", {"loss": loss.item(), "step": step}, step)
        writer.add_histogram("embed", model.embed.weight, step)
        writer.add_text("sample", text[:step], step)
    writer.flush()
    writer.close()
    assert any(
        os.path.getsize(os.path.join(d, f)) > 500 for d, _, fs in os.walk(folder) for f in fs
    )
print("loss", losses[-1], "after", np.prod(data.shape), "characters")
