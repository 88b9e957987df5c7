"""A pole kept upright by an actor whose moves a critic judges, with an entropy bonus."""

# needs: gymnasium
# tolerance: 0.002

from collections import namedtuple

import gymnasium as gym
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from common import numpy_weights
from torch.distributions import Categorical, Normal, kl_divergence

losses = []
rng = np.random.default_rng(0)
env = gym.make("CartPole-v1")
SavedAction = namedtuple("SavedAction", ["log_prob", "value", "entropy"])


class Policy(nn.Module):
    def __init__(self):
        super(Policy, self).__init__()
        self.affine1 = nn.Linear(4, 16)
        self.action_head = nn.Linear(16, 2)
        self.value_head = nn.Linear(16, 1)
        self.log_std = nn.Parameter(torch.zeros(1))
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


model = numpy_weights(Policy())
optimizer = optim.Adam(model.parameters(), lr=3e-2)
eps = np.finfo(np.float32).eps.item()


def select_action(state):
    probs, state_value = model(torch.from_numpy(state).float())
    m = Categorical(probs)
    action = torch.tensor(int(rng.random() < probs[1].item()))
    model.saved_actions.append(SavedAction(m.log_prob(action), state_value, m.entropy()))
    return action.item()


def finish_episode():
    R, returns, policy_losses, value_losses = 0, [], [], []
    for r in model.rewards[::-1]:
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    for (log_prob, value, entropy), R in zip(model.saved_actions, returns):
        advantage = R - value.item()
        policy_losses.append(-log_prob * advantage - 0.01 * entropy)
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
    spread = Normal(torch.zeros(1), model.log_std.exp())
    loss = loss + 0.1 * kl_divergence(spread, Normal(0.0, 0.5)).sum()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    del model.rewards[:]
    del model.saved_actions[:]


for i_episode in range(4):
    state, _ = env.reset(seed=i_episode)
    for t in range(1, 30):
        state, reward, done, truncated, _ = env.step(select_action(state))
        model.rewards.append(reward)
        if done or truncated:
            break
    finish_episode()
    print("Episode {} length {} loss {:.3f}".format(i_episode, t, losses[-1]))
