// attention_backward: the cotangents of queries, keys and values, from the cotangent g of the output.
// ds_ij = p_ij (g_i v_j - g_i out_i); dq_i = scale sum_j ds_ij k_j; dk_j = scale sum_i ds_ij q_i;
// dv_j = sum_i p_ij g_i;
// the weights p_ij = e^(score_ij - lse_i) are made again: the forward keeps one number a query, not T S.
//
//  rung  idea                                            memory            FLOPs per query and key
//  1     unfused: a row of weights at a time,            none              6 D + 4 V, one after the other
//        plain loops
//  2     blocks: weights and slopes of 48 queries and    S (3 D + 2 V)     6 D + 4 V, LANES at a time;
//        128 keys at a time, in tiles of registers                         none behind the causal mask
//
// Reference: T. Dao et al., 2022, "FlashAttention", algorithm 4.
#include "attention.hpp"

ENTRY attention_backward_1_unfused(float* dq, float* dk, float* dv, const float* g, const float* q, const float* k,
                                   const float* v, const float* out, const float* lse, const float* mask,
                                   const Layout* layouts, const Sizes* sizes, float scale, int causal, int threads) {
    const Layout &DQ = layouts[0], &DK = layouts[1], &DV = layouts[2], &G = layouts[3], &Q = layouts[4];
    const Layout &K = layouts[5], &V = layouts[6], &O = layouts[7], &M = layouts[8];
    const Sizes n = *sizes;
    for (long head = 0; head < n.batches * n.heads; head++) {
        float *dq0 = dq + DQ.at(head, n.heads), *dk0 = dk + DK.at(head, n.heads), *dv0 = dv + DV.at(head, n.heads);
        const float* hidden = mask ? mask + M.at(head, n.heads) : nullptr;
        for (long j = 0; j < n.keys; j++) {
            for (long d = 0; d < n.depth; d++) dk0[j * DK.row + d] = 0;
            for (long c = 0; c < n.width; c++) dv0[j * DV.row + c] = 0;
        }
        for (long i = 0; i < n.queries; i++) {
            const float *qi = q + Q.at(head, n.heads) + i * Q.row, *gi = g + G.at(head, n.heads) + i * G.row;
            const float* oi = out + O.at(head, n.heads) + i * O.row;
            float *dqi = dq0 + i * DQ.row, delta = 0;
            for (long c = 0; c < n.width; c++) delta += gi[c] * oi[c];
            for (long d = 0; d < n.depth; d++) dqi[d] = 0;
            for (long j = 0; j < seen(i, 0, n.keys, causal); j++) {
                const float *kj = k + K.at(head, n.heads) + j * K.row, *vj = v + V.at(head, n.heads) + j * V.row;
                float score = 0, slope = 0;
                for (long d = 0; d < n.depth; d++) score += scale * qi[d] * kj[d];
                for (long c = 0; c < n.width; c++) slope += gi[c] * vj[c];
                if (hidden) score += hidden[i * M.row + j * M.column];
                float weight = std::exp(score - lse[head * n.queries + i]), ds = weight * (slope - delta) * scale;
                for (long d = 0; d < n.depth; d++) dqi[d] += ds * kj[d], dk0[j * DK.row + d] += ds * qi[d];
                for (long c = 0; c < n.width; c++) dv0[j * DV.row + c] += weight * gi[c];
            }
        }
    }
}

// What a thread has of a head and of a block of its queries. Panels: see `pack`; they are the right of a product.
struct Head {
    const Sizes n;
    const Layout& masked;
    float *keys, *keys_across, *values_across;    // panels of k, k^T and v^T
    float *queries, *g, *query_panels, *g_panels; // scale q and g in rows, and in panels
    float *weights, *slopes;                      // p and ds, QUERIES x WIDE
    float *dq, *dk, *dv;                          // QUERIES x D, S x D and S x V, padded
    const float *lse, *mask;                      // of the block's first query; of the head
    float delta[QUERIES];
    int causal;

    // Scores become weights p = e^(score - lse), cotangents of weights become slopes ds = p (dp - delta).
    void row(long query, long r, long j0, long own, long here) {
        float *p = weights + r * WIDE, *s = slopes + r * WIDE;
        if (mask) add_mask(p, mask, masked, query, j0, own);
        float log_sum = lse[r], mean = delta[r];
        #pragma omp simd
        for (long j = 0; j < own; j++) p[j] = fast_exp(p[j] - log_sum);
        #pragma omp simd
        for (long j = 0; j < own; j++) s[j] = p[j] * (s[j] - mean);
        std::fill(p + own, p + here, 0.0f);
        std::fill(s + own, s + here, 0.0f);
    }

    // Weights and slopes of rows r0.. and the keys from j0 on, and what dq gets from them.
    void across(long first, long r0, int rows, long j0, long here) {
        long reach = seen(first + r0 + rows - 1, j0, here, causal), D = padded(n.depth);
        strip<false>(weights + r0 * WIDE, WIDE, queries + r0 * n.depth, n.depth, 1, keys_across + j0 * n.depth,
                     n.depth * PANEL, rows, n.depth, reach);
        strip<false>(slopes + r0 * WIDE, WIDE, g + r0 * n.width, n.width, 1, values_across + j0 * n.width,
                     n.width * PANEL, rows, n.width, reach);
        for (int r = 0; r < rows; r++)
            row(first + r0 + r, r0 + r, j0, seen(first + r0 + r, j0, here, causal), here);
        strip<true>(dq + r0 * D, D, slopes + r0 * WIDE, WIDE, 1, keys + j0 * PANEL, n.keys * PANEL, rows, reach,
                    n.depth);
    }

    // What keys and values c0.. of the block from j0 on get from its `rows` queries: none from those before the key.
    void down(long first, long rows, long j0, long c0, int keys_here) {
        long from = causal ? std::min(rows, std::max(0L, j0 + c0 - first)) : 0;
        long D = padded(n.depth), V = padded(n.width);
        const float *p = weights + from * WIDE + c0, *s = slopes + from * WIDE + c0;
        strip<true>(dv + (j0 + c0) * V, V, p, 1, WIDE, g_panels + from * PANEL, rows * PANEL, keys_here, rows - from,
                    n.width);
        strip<true>(dk + (j0 + c0) * D, D, s, 1, WIDE, query_panels + from * PANEL, rows * PANEL, keys_here,
                    rows - from, n.depth);
    }

    void block(long first, long rows) {
        std::fill(dq, dq + rows * padded(n.depth), 0.0f);
        long stop = causal ? std::min<long>(n.keys, first + rows) : n.keys;
        for (long j0 = 0; j0 < stop; j0 += KEYS) {
            long here = std::min(KEYS, stop - j0);
            for (long r0 = 0; r0 < rows; r0 += ROWS) across(first, r0, std::min<long>(ROWS, rows - r0), j0, here);
            for (long c0 = 0; c0 < here; c0 += ROWS) down(first, rows, j0, c0, std::min<long>(ROWS, here - c0));
        }
    }
};

static inline float dot(const float* a, const float* b, long n) {
    float sum = 0;
    #pragma omp simd reduction(+ : sum)
    for (long i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

ENTRY attention_backward_2_blocks(float* dq, float* dk, float* dv, const float* g, const float* q, const float* k,
                                  const float* v, const float* out, const float* lse, const float* mask,
                                  const Layout* layouts, const Sizes* sizes, float scale, int causal, int threads) {
    const Layout &DQ = layouts[0], &DK = layouts[1], &DV = layouts[2], &G = layouts[3], &Q = layouts[4];
    const Layout &K = layouts[5], &V = layouts[6], &O = layouts[7], &M = layouts[8];
    const Sizes n = *sizes;
    parallel(n.batches * n.heads, 1, threads, [=, &DQ, &DK, &DV, &G, &Q, &K, &V, &O, &M](long begin, long end) {
        long D = padded(n.depth), W = padded(n.width), S = padded(n.keys);
        Head work{n, M, scratch<1>(D * n.keys), scratch<2>(S * n.depth), scratch<3>(S * n.width),
                  scratch<4>(QUERIES * n.depth), scratch<0>(QUERIES * n.width), scratch<5>(QUERIES * D),
                  scratch<6>(QUERIES * W),
                  scratch<7>(QUERIES * WIDE), scratch<8>(QUERIES * WIDE), scratch<9>(QUERIES * D),
                  scratch<10>(n.keys * D), scratch<11>(n.keys * W), nullptr, nullptr, {}, causal};
        for (long head = begin; head < end; head++) {
            const float *k0 = k + K.at(head, n.heads), *v0 = v + V.at(head, n.heads);
            pack(work.keys, k0, K.row, 1, n.keys, n.depth);
            pack(work.keys_across, k0, 1, K.row, n.depth, n.keys);
            pack(work.values_across, v0, 1, V.row, n.width, n.keys);
            std::fill(work.dk, work.dk + n.keys * D, 0.0f);
            std::fill(work.dv, work.dv + n.keys * W, 0.0f);
            work.mask = mask ? mask + M.at(head, n.heads) : nullptr;
            for (long first = 0; first < n.queries; first += QUERIES) {
                long rows = std::min(QUERIES, n.queries - first);
                const float* q0 = q + Q.at(head, n.heads) + first * Q.row;
                const float* o0 = out + O.at(head, n.heads) + first * O.row;
                work.lse = lse + head * n.queries + first;
                copy(work.queries, n.depth, q0, Q.row, rows, n.depth, scale);
                copy(work.g, n.width, g + G.at(head, n.heads) + first * G.row, G.row, rows, n.width, 1);
                pack(work.query_panels, work.queries, n.depth, 1, rows, n.depth);
                pack(work.g_panels, work.g, n.width, 1, rows, n.width);
                for (long r = 0; r < rows; r++)
                    work.delta[r] = dot(work.g + r * n.width, o0 + r * O.row, n.width);
                work.block(first, rows);
                copy(dq + DQ.at(head, n.heads) + first * DQ.row, DQ.row, work.dq, D, rows, n.depth, scale);
            }
            copy(dk + DK.at(head, n.heads), DK.row, work.dk, D, n.keys, n.depth, 1);
            copy(dv + DV.at(head, n.heads), DV.row, work.dv, W, n.keys, n.width, 1);
        }
    });
}
