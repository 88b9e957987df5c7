"""Translation with nn.Transformer: padding masks, a causal mask, label smoothing, Noam's rate."""

import math

import numpy as np
import torch
import torch.nn as nn
from common import numpy_weights
from torch import Tensor
from torch.nn import Transformer
from torch.nn.utils.rnn import pad_sequence
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

losses = []
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PAD_IDX, BOS_IDX, EOS_IDX, VOCAB = 0, 1, 2, 12


class PositionalEncoding(nn.Module):
    def __init__(self, emb_size: int, dropout: float, maxlen: int = 30):
        super(PositionalEncoding, self).__init__()
        den = torch.exp(-torch.arange(0, emb_size, 2) * math.log(10000) / emb_size)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1)
        pos_embedding = torch.zeros((maxlen, emb_size))
        pos_embedding[:, 0::2] = torch.sin(pos * den)
        pos_embedding[:, 1::2] = torch.cos(pos * den)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("pos_embedding", pos_embedding.unsqueeze(-2))

    def forward(self, token_embedding: Tensor):
        n = token_embedding.size(0)
        return self.dropout(token_embedding + self.pos_embedding[:n, :])


class Seq2SeqTransformer(nn.Module):
    def __init__(self, emb_size: int):
        super(Seq2SeqTransformer, self).__init__()
        self.transformer = Transformer(
            d_model=emb_size,
            nhead=2,
            num_encoder_layers=1,
            num_decoder_layers=2,
            dim_feedforward=16,
            dropout=0.0,
        )
        self.generator = nn.Linear(emb_size, VOCAB)
        self.src_tok_emb = nn.Embedding(VOCAB, emb_size, padding_idx=PAD_IDX)
        self.tgt_tok_emb = nn.Embedding(VOCAB, emb_size)
        self.positional_encoding = PositionalEncoding(emb_size, dropout=0.0)

    def forward(
        self, src, trg, src_mask, tgt_mask, src_padding_mask, tgt_padding_mask, memory_mask
    ):
        src_emb = self.positional_encoding(self.src_tok_emb(src))
        tgt_emb = self.positional_encoding(self.tgt_tok_emb(trg))
        outs = self.transformer(
            src_emb,
            tgt_emb,
            src_mask,
            tgt_mask,
            None,
            src_padding_mask,
            tgt_padding_mask,
            memory_mask,
        )
        return self.generator(outs)


def generate_square_subsequent_mask(sz):
    return torch.triu(torch.ones((sz, sz), device=DEVICE), diagonal=1).type(torch.bool)


def create_mask(src, tgt):
    tgt_mask = generate_square_subsequent_mask(tgt.shape[0])
    src_mask = torch.zeros((src.shape[0], src.shape[0]), device=DEVICE).type(torch.bool)
    src_padding_mask = (src == PAD_IDX).transpose(0, 1)
    tgt_padding_mask = (tgt == PAD_IDX).transpose(0, 1)
    return src_mask, tgt_mask, src_padding_mask, tgt_padding_mask


def collate_fn(batch):
    ends = (torch.tensor([BOS_IDX]), torch.tensor([EOS_IDX]))
    pads = [
        pad_sequence([torch.cat((ends[0], torch.tensor(s), ends[1])) for s in side])
        for side in zip(*batch)
    ]
    return pads[0], pads[1]


rng = np.random.default_rng(0)
pairs = []
for _ in range(24):
    words = rng.integers(3, VOCAB, rng.integers(2, 6)).tolist()
    pairs.append((words, words[::-1]))
transformer = numpy_weights(Seq2SeqTransformer(8))
for p in transformer.parameters():
    if p.dim() > 1:
        assert nn.init.xavier_uniform_(p) is p
transformer = numpy_weights(transformer, 1).to(DEVICE)
loss_fn = torch.nn.CrossEntropyLoss(ignore_index=PAD_IDX, label_smoothing=0.1)
optimizer = torch.optim.Adam(transformer.parameters(), lr=0.02, betas=(0.9, 0.98), eps=1e-9)
scheduler = LambdaLR(optimizer, lambda step: min((step + 1) ** -0.5, (step + 1) * 4**-1.5))
for epoch in range(2):
    transformer.train()
    for src, tgt in DataLoader(pairs, batch_size=8, collate_fn=collate_fn):
        src, tgt = src.to(DEVICE), tgt.to(DEVICE)
        tgt_input = tgt[:-1, :]
        masks = create_mask(src, tgt_input)
        logits = transformer(src, tgt_input, *masks, masks[2])
        optimizer.zero_grad()
        tgt_out = tgt[1:, :]
        loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses += [loss.item(), scheduler.get_last_lr()[0]]
    print(f"Epoch: {epoch}, Train loss: {losses[-2]:.3f}")
