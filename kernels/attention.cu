// attention: out_i = sum_j p_ij v_j, p_i = softmax over j of scale q_i k_j; queries (N, T, D), keys (N, S, D), values (N, S, V), D and V up to 128
//
//  rung  idea                                        bytes per pair of query and key   FLOPs per pair
//  1     one warp a query, online softmax            4 (D + V)                         2 (D + V)
//  2     flash: tiles of keys and values shared      (D + V)                           2 (D + V)
//  3     registers: four queries a warp              (D + V) / 4                       2 (D + V)
//  4     bfloat16 on tensor cores: attention/4_mma.cu
//
// No rung writes the T x S weights down: each keeps the largest score so far and the sum of exponentials below it, and rescales both and the output when a larger
// one comes. lse_i = ln sum_j e^score is all that the gradient needs to make the weights again.
// Reference: T. Dao et al., 2022, "FlashAttention", algorithm 1; M. Milakov, N. Gimelshein, 2018, "Online normalizer calculation for softmax".
#include "common.cuh"

extern "C" __global__ void attention_1_warp(float* __restrict__ out, float* __restrict__ lse, const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
                                            int N, int T, int S, int D, int V, float scale, int causal) {
    int lane = threadIdx.x, row = blockIdx.x * blockDim.y + threadIdx.y;   // all queries of all N below each other
    if (row >= N * T) return;
    int n = row / T, i = row % T, stop = causal ? min(S, i + 1) : S;
    float query[4], sum_of_values[4] = {0.0f, 0.0f, 0.0f, 0.0f}, top = -INFINITY, sum = 0.0f;
#pragma unroll
    for (int c = 0; c < 4; ++c) query[c] = lane + 32 * c < D ? q[(long long)row * D + lane + 32 * c] : 0.0f;
    for (int j = 0; j < stop; ++j) {
        long long key = (long long)n * S + j;
        float score = 0.0f;
#pragma unroll
        for (int c = 0; c < 4; ++c)
            if (lane + 32 * c < D) score += query[c] * k[key * D + lane + 32 * c];
        score = warp_sum(score) * scale;
        float higher = max_nan(score, top), factor = rescaled(1.0f, top, higher), weight = higher == -INFINITY ? 0.0f : __expf(score - higher);
        sum = sum * factor + weight;
        top = higher;
#pragma unroll
        for (int c = 0; c < 4; ++c)
            if (lane + 32 * c < V) sum_of_values[c] = sum_of_values[c] * factor + weight * v[key * V + lane + 32 * c];
    }
#pragma unroll
    for (int c = 0; c < 4; ++c)
        if (lane + 32 * c < V) out[(long long)row * V + lane + 32 * c] = sum_of_values[c] / sum;
    if (lane == 0) lse[row] = top + __logf(sum);
}

// `rows` rows of `width` numbers into shared memory, `stride` apart; zeros from row `there` on.
__device__ __forceinline__ void fetch(float* tile, const float* __restrict__ from, int rows, int there, int width, int stride) {
    for (int e = threadIdx.y * 32 + threadIdx.x; e < rows * width; e += 128) tile[e / width * stride + e % width] = e / width < there ? from[e] : 0.0f;
}

// A block of four warps, R queries each. In a tile of 32 keys a lane has one key when scores are made, and four columns of v when they are used.
template <int R> __device__ __forceinline__ void flash(float* __restrict__ out, float* __restrict__ lse, const float* __restrict__ q, const float* __restrict__ k,
                                                       const float* __restrict__ v, int T, int S, int D, int V, float scale, int causal) {
    extern __shared__ float tile[];
    float *keys = tile, *values = keys + 32 * (D + 1), *queries = values + 32 * V;  // a stride of D + 1: 32 lanes that read a column meet 32 banks
    int lane = threadIdx.x, tiles = (T + 4 * R - 1) / (4 * R), n = blockIdx.x / tiles, first = blockIdx.x % tiles * 4 * R, mine = threadIdx.y * R;
    long long at_q = (long long)n * T + first, at_k = (long long)n * S;
    fetch(queries, q + at_q * D, 4 * R, T - first, D, D);
    float sum_of_values[R][4], top[R], sum[R];
#pragma unroll
    for (int r = 0; r < R; ++r) {
        top[r] = -INFINITY, sum[r] = 0.0f;
#pragma unroll
        for (int c = 0; c < 4; ++c) sum_of_values[r][c] = 0.0f;
    }
    int stop = causal ? min(S, first + 4 * R) : S;
    for (int j0 = 0; j0 < stop; j0 += 32) {
        __syncthreads();  // the tiles before have been read
        fetch(keys, k + (at_k + j0) * D, 32, S - j0, D, D + 1);
        fetch(values, v + (at_k + j0) * V, 32, S - j0, V, V);
        __syncthreads();  // the tiles are there
        float weight[R];
#pragma unroll
        for (int r = 0; r < R; ++r) weight[r] = 0.0f;
        for (int d = 0; d < D; ++d) {
            float key = keys[lane * (D + 1) + d];
#pragma unroll
            for (int r = 0; r < R; ++r) weight[r] += queries[(mine + r) * D + d] * key;
        }
#pragma unroll
        for (int r = 0; r < R; ++r) {
            bool seen = j0 + lane < S && (!causal || j0 + lane <= first + mine + r);
            float score = seen ? weight[r] * scale : -INFINITY, higher = max_nan(warp_max(score), top[r]), factor = rescaled(1.0f, top[r], higher);
            weight[r] = seen && higher != -INFINITY ? __expf(score - higher) : 0.0f;
            sum[r] = sum[r] * factor + warp_sum(weight[r]);
            top[r] = higher;
#pragma unroll
            for (int c = 0; c < 4; ++c) sum_of_values[r][c] *= factor;
        }
        for (int j = 0; j < 32; ++j) {
#pragma unroll
            for (int c = 0; c < 4; ++c) {
                float value = lane + 32 * c < V ? values[j * V + lane + 32 * c] : 0.0f;
#pragma unroll
                for (int r = 0; r < R; ++r) sum_of_values[r][c] += __shfl_sync(FULL_MASK, weight[r], j) * value;
            }
        }
    }
#pragma unroll
    for (int r = 0; r < R; ++r) {
        if (first + mine + r >= T) continue;
        long long row = at_q + mine + r;
#pragma unroll
        for (int c = 0; c < 4; ++c)
            if (lane + 32 * c < V) out[row * V + lane + 32 * c] = sum_of_values[r][c] / sum[r];
        if (lane == 0) lse[row] = top[r] + __logf(sum[r]);
    }
}

extern "C" __global__ void __launch_bounds__(128) attention_2_flash(
        float* __restrict__ out, float* __restrict__ lse, const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
        int N, int T, int S, int D, int V, float scale, int causal) {
    flash<1>(out, lse, q, k, v, T, S, D, V, scale, causal);
}

extern "C" __global__ void __launch_bounds__(128) attention_3_registers(
        float* __restrict__ out, float* __restrict__ lse, const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
        int N, int T, int S, int D, int V, float scale, int causal) {
    flash<4>(out, lse, q, k, v, T, S, D, V, scale, causal);
}
