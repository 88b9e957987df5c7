"""A graph convolution and a graph attention layer on a graph that is a sparse matrix."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from common import numpy_weights
from torch.nn.modules.module import Module
from torch.nn.parameter import Parameter

losses = []


class GraphConvolution(Module):
    def __init__(self, in_features, out_features, bias=True):
        super(GraphConvolution, self).__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(torch.FloatTensor(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.FloatTensor(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, input, adj):
        output = torch.spmm(adj, torch.mm(input, self.weight))
        return output if self.bias is None else output + self.bias

    def __repr__(self):
        return f"{self.__class__.__name__} ({self.in_features} -> {self.out_features})"


class GraphAttention(nn.Module):
    def __init__(self, in_features, out_features, alpha=0.2):
        super(GraphAttention, self).__init__()
        self.W = nn.Parameter(torch.empty(size=(in_features, out_features)))
        self.a = nn.Parameter(torch.empty(size=(2 * out_features, 1)))
        nn.init.xavier_uniform_(self.W.data, gain=1.414)
        nn.init.xavier_uniform_(self.a.data, gain=1.414)
        self.leakyrelu = nn.LeakyReLU(alpha)

    def forward(self, h, adj):
        Wh = torch.mm(h, self.W)
        n = Wh.shape[1]
        e = self.leakyrelu(torch.matmul(Wh, self.a[:n, :]) + torch.matmul(Wh, self.a[n:, :]).T)
        attention = torch.where(adj > 0, e, -9e15 * torch.ones_like(e))
        return F.elu(torch.matmul(F.softmax(attention, dim=1), Wh))


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.gc1 = GraphConvolution(5, 6)
        self.att = GraphAttention(6, 6)
        self.gc2 = GraphConvolution(6, 3)

    def forward(self, x, adj):
        x = F.dropout(F.relu(self.gc1(x, adj)), 0.0, training=self.training)
        return F.log_softmax(self.gc2(self.att(x, adj.to_dense()), adj), dim=1)


def sparse_mx_to_torch_sparse_tensor(dense):
    rows, cols = dense.nonzero()
    indices = torch.from_numpy(np.vstack((rows, cols)).astype(np.int64))
    return torch.sparse_coo_tensor(indices, torch.from_numpy(dense[rows, cols]), dense.shape)


rng = np.random.default_rng(0)
links = (rng.uniform(0, 1, (12, 12)) < 0.2) | np.eye(12, dtype=bool)
links = (links | links.T).astype(np.float32)
adj = sparse_mx_to_torch_sparse_tensor(links / links.sum(1, keepdims=True))
features = torch.FloatTensor(rng.standard_normal((12, 5)))
labels = torch.LongTensor(rng.integers(0, 3, 12))
idx_train, idx_val = torch.LongTensor(range(8)), torch.LongTensor(range(8, 12))
model = numpy_weights(Net())
print(model.gc1)
optimizer = optim.Adam(model.parameters(), lr=0.05, weight_decay=5e-4)
for epoch in range(5):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()
    model.eval()
    output = model(features, adj)
    preds = output[idx_val].max(1)[1].type_as(labels)
    correct = preds.eq(labels[idx_val]).double().sum()
    losses += [loss_train.item(), F.nll_loss(output[idx_val], labels[idx_val]).item()]
    losses.append(correct.item() / len(idx_val))
