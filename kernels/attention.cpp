// attention: out_i = sum_j p_ij v_j, p_i = softmax over j of scale q_i k_j + mask_ij; lse_i = ln sum_j e^score_ij
// Queries (B, H, T, D), keys (B, H, S, D), values (B, H, S, V), each in any layout whose rows are in one piece.
//
//  rung  idea                                                memory       FLOPs per query and key
//  1     unfused: scores, softmax and product, plain loops   T S          2 (D + V), one after the other
//  2     blocks: an online softmax over blocks of keys;      S (D + V)    2 (D + V), LANES at a time;
//        no weight leaves the first cache                                 none behind the causal mask
//
// Memory: floats of a head, beside the arrays.
// Online: a row keeps the largest score so far and the sum of exponentials below it. Where a block has a larger one,
// sum and output shrink by e^(old - new). A query that the mask lets see nothing gives 0, and lse = infinity.
// Reference: M. Milakov, N. Gimelshein, 2018, "Online normalizer calculation for softmax"; T. Dao et al., 2022,
// "FlashAttention", algorithm 1.
#include "attention.hpp"

ENTRY attention_1_unfused(float* out, float* lse, const float* q, const float* k, const float* v, const float* mask,
                          const Layout* layouts, const Sizes* sizes, float scale, int causal, int threads) {
    const Layout &O = layouts[0], &Q = layouts[1], &K = layouts[2], &V = layouts[3], &M = layouts[4];
    const Sizes n = *sizes;
    float* weights = scratch<0>(n.queries * n.keys);
    for (long head = 0; head < n.batches * n.heads; head++) {
        const float *q0 = q + Q.at(head, n.heads), *k0 = k + K.at(head, n.heads), *v0 = v + V.at(head, n.heads);
        const float* hidden = mask ? mask + M.at(head, n.heads) : nullptr;
        float* o0 = out + O.at(head, n.heads);
        for (long i = 0; i < n.queries; i++)
            for (long j = 0; j < n.keys; j++) {
                float score = 0;
                for (long d = 0; d < n.depth; d++) score += scale * q0[i * Q.row + d] * k0[j * K.row + d];
                if (hidden) score += hidden[i * M.row + j * M.column];
                weights[i * n.keys + j] = causal && j > i ? -INFINITY : score;
            }
        for (long i = 0; i < n.queries; i++) {
            float *w = weights + i * n.keys, top = -INFINITY, sum = 0;
            bool nothing = blind(hidden, M, i, n.keys);
            for (long j = 0; j < n.keys; j++) top = w[j] > top ? w[j] : top;
            for (long j = 0; j < n.keys; j++) sum += w[j] = nothing ? 0 : std::exp(w[j] - top);
            for (long j = 0; j < n.keys; j++) w[j] /= nothing ? 1 : sum;
            lse[head * n.queries + i] = nothing ? INFINITY : top + std::log(sum);
        }
        for (long i = 0; i < n.queries; i++)
            for (long c = 0; c < n.width; c++) {
                float sum = 0;
                for (long j = 0; j < n.keys; j++) sum += weights[i * n.keys + j] * v0[j * V.row + c];
                o0[i * O.row + c] = sum;
            }
    }
}

// Scores become e^(score - top); top and sum follow. Returns the factor for what was gathered before.
static inline float online(float* scores, long keys, float& top, float& sum) {
    float high = top, more = 0;
    #pragma omp simd reduction(max : high)
    for (long j = 0; j < keys; j++) high = scores[j] > high ? scores[j] : high;
    float shift = high == -INFINITY ? 0 : high;  // all keys so far are hidden: e^-inf, not e^NaN
    #pragma omp simd reduction(+ : more)
    for (long j = 0; j < keys; j++) more += scores[j] = fast_exp(scores[j] - shift);
    float factor = fast_exp(top - shift);
    sum = sum * factor + more;
    top = high;
    return factor;
}

// What a thread has of a head: keys and values in panels, and room for a block of queries.
struct Head {
    const Sizes n;
    const Layout& masked;
    const float *keys, *values, *mask;
    float *queries, *result, *scores;  // QUERIES x D, QUERIES x V padded, ROWS x WIDE
    float top[QUERIES], sum[QUERIES];
    int causal;

    // Rows r0.. of the block that begins with query `first`, and the keys from j0 on.
    void gather(long first, long r0, int rows, long j0) {
        long here = std::min(KEYS, (long)n.keys - j0), wide = padded(n.width);
        long reach = seen(first + r0 + rows - 1, j0, here, causal);
        if (!reach) return;
        strip<false>(scores, WIDE, queries + r0 * n.depth, n.depth, 1, keys + j0 * n.depth, n.depth * PANEL, rows,
                     n.depth, reach);
        for (int r = 0; r < rows; r++) {
            float* row = scores + r * WIDE;
            long own = seen(first + r0 + r, j0, here, causal);
            if (mask) add_mask(row, mask, masked, first + r0 + r, j0, own);
            float factor = online(row, own, top[r0 + r], sum[r0 + r]), *so_far = result + (r0 + r) * wide;
            std::fill(row + own, row + reach, 0.0f);
            if (factor != 1)
                for (long c = 0; c < wide; c++) so_far[c] *= factor;
        }
        strip<true>(result + r0 * wide, wide, scores, WIDE, 1, values + j0 * PANEL, n.keys * PANEL, rows, reach,
                    n.width);
    }

    void block(long first, long rows) {
        std::fill(top, top + rows, -INFINITY);
        std::fill(sum, sum + rows, 0.0f);
        std::fill(result, result + rows * padded(n.width), 0.0f);
        long stop = causal ? std::min<long>(n.keys, first + rows) : n.keys;
        for (long j0 = 0; j0 < stop; j0 += KEYS)
            for (long r0 = 0; r0 < rows; r0 += ROWS) gather(first, r0, std::min<long>(ROWS, rows - r0), j0);
    }
};

ENTRY attention_2_blocks(float* out, float* lse, const float* q, const float* k, const float* v, const float* mask,
                         const Layout* layouts, const Sizes* sizes, float scale, int causal, int threads) {
    const Layout &O = layouts[0], &Q = layouts[1], &K = layouts[2], &V = layouts[3], &M = layouts[4];
    const Sizes n = *sizes;
    long blocks = ceil_div(n.queries, QUERIES);
    parallel(n.batches * n.heads * blocks, 1, threads, [=, &O, &Q, &K, &V, &M](long begin, long end) {
        float *keys = scratch<1>(padded(n.keys) * n.depth), *values = scratch<2>(padded(n.width) * n.keys);
        float *queries = scratch<3>(QUERIES * n.depth), *scores = scratch<4>(ROWS * WIDE);
        float* result = scratch<5>(QUERIES * padded(n.width));
        Head work{n, M, keys, values, nullptr, queries, result, scores, {}, {}, causal};
        for (long task = begin; task < end; task++) {
            long head = task / blocks, first = task % blocks * QUERIES, rows = std::min(QUERIES, n.queries - first);
            if (task == begin || first == 0) {  // the next head
                pack(keys, k + K.at(head, n.heads), 1, K.row, n.depth, n.keys);
                pack(values, v + V.at(head, n.heads), V.row, 1, n.keys, n.width);
            }
            const float* q0 = q + Q.at(head, n.heads) + first * Q.row;
            copy(queries, n.depth, q0, Q.row, rows, n.depth, scale);
            work.mask = mask ? mask + M.at(head, n.heads) : nullptr;
            work.block(first, rows);
            float *to = out + O.at(head, n.heads) + first * O.row, *logs = lse + head * n.queries + first;
            for (long r = 0; r < rows; r++) {
                bool nothing = work.sum[r] == 0 && blind(work.mask, M, first + r, n.keys);
                float share = nothing ? 0 : 1 / work.sum[r];
                copy(to + r * O.row, 0, work.result + r * padded(n.width), 0, 1, n.width, share);
                logs[r] = nothing ? INFINITY : work.sum[r] == 0 ? NAN : work.top[r] + std::log(work.sum[r]);
            }
        }
    });
}
