// attention_backward: the cotangents of queries, keys and values from that of the output, g, with the weights made again: p_ij = e^(scale q_i k_j - lse_i)
//
//     delta_i = g_i out_i,   ds_ij = scale p_ij (g_i v_j - delta_i);      dq_i = sum_j ds_ij k_j,   dk_j = sum_i ds_ij q_i,   dv_j = sum_i p_ij g_i
//
//  rung  idea                                      bytes per pair of query and key   FLOPs per pair
//  1     flash: tiles shared, a warp a row         2 (D + V)                         8 D + 6 V
//  2     registers: two rows a warp                (D + V)                           8 D + 6 V
//
// Two kernels a rung: the first walks over the keys and makes dq (and delta), the second walks over the queries and makes dk and dv. So each sum belongs to one
// warp: no atomics, the same bits each time. Reference: T. Dao, 2023, "FlashAttention-2", algorithm 2 (which makes dq with atomics).
#include "common.cuh"

__device__ __forceinline__ void fetch(float* tile, const float* __restrict__ from, int rows, int there, int width, int stride) {
    for (int e = threadIdx.y * 32 + threadIdx.x; e < rows * width; e += 128) tile[e / width * stride + e % width] = e / width < there ? from[e] : 0.0f;
}

// For each of a lane's R rows: the products of its row with row `lane` of a tile.
template <int R> __device__ __forceinline__ void products(float (&found)[R], const float* rows, const float* tile, int lane, int width) {
#pragma unroll
    for (int r = 0; r < R; ++r) found[r] = 0.0f;
    for (int d = 0; d < width; ++d) {
        float other = tile[lane * (width + 1) + d];
#pragma unroll
        for (int r = 0; r < R; ++r) found[r] += rows[r * width + d] * other;
    }
}

// sums[r] += the sum over the tile's 32 rows of each lane's number times that row; a lane has four columns.
template <int R> __device__ __forceinline__ void add_rows(float (&sums)[R][4], const float (&number)[R], const float* tile, int lane, int width) {
    for (int j = 0; j < 32; ++j) {
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            float other = lane + 32 * c < width ? tile[j * (width + 1) + lane + 32 * c] : 0.0f;
#pragma unroll
            for (int r = 0; r < R; ++r) sums[r][c] += __shfl_sync(FULL_MASK, number[r], j) * other;
        }
    }
}

template <int R> __device__ __forceinline__ void write_rows(float* __restrict__ to, const float (&sums)[R][4], int there, int lane, int width) {
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
        for (int c = 0; c < 4; ++c)
            if (r < there && lane + 32 * c < width) to[(long long)r * width + lane + 32 * c] = sums[r][c];
}

template <int R> __device__ __forceinline__ void clear(float (&sums)[R][4]) {
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
        for (int c = 0; c < 4; ++c) sums[r][c] = 0.0f;
}

template <int R> __device__ __forceinline__ void queries_side(
        float* __restrict__ dq, float* __restrict__ delta, const float* __restrict__ g, const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
        const float* __restrict__ out, const float* __restrict__ lse, int T, int S, int D, int V, float scale, int causal) {
    extern __shared__ float tile[];
    float *keys = tile, *values = keys + 32 * (D + 1), *queries = values + 32 * (V + 1), *grads = queries + 4 * R * D;
    int lane = threadIdx.x, tiles = (T + 4 * R - 1) / (4 * R), n = blockIdx.x / tiles, first = blockIdx.x % tiles * 4 * R, mine = threadIdx.y * R;
    long long at_q = (long long)n * T + first, at_k = (long long)n * S;
    fetch(queries, q + at_q * D, 4 * R, T - first, D, D);
    fetch(grads, g + at_q * V, 4 * R, T - first, V, V);
    float sums[R][4], mean[R], log_sum[R];
    clear(sums);
#pragma unroll
    for (int r = 0; r < R; ++r) {
        bool there = first + mine + r < T;
        long long row = at_q + mine + r;
        float product = 0.0f;
        for (int c = lane; there && c < V; c += 32) product += g[row * V + c] * out[row * V + c];
        mean[r] = warp_sum(product);
        log_sum[r] = there ? lse[row] : 0.0f;
        if (there && lane == 0) delta[row] = mean[r];
    }
    int stop = causal ? min(S, first + 4 * R) : S;
    for (int j0 = 0; j0 < stop; j0 += 32) {
        __syncthreads();  // the tiles before have been read
        fetch(keys, k + (at_k + j0) * D, 32, S - j0, D, D + 1);
        fetch(values, v + (at_k + j0) * V, 32, S - j0, V, V + 1);
        __syncthreads();  // the tiles are there
        float slope[R], score[R];
        products(score, queries + mine * D, keys, lane, D);
        products(slope, grads + mine * V, values, lane, V);
#pragma unroll
        for (int r = 0; r < R; ++r) {
            bool seen = j0 + lane < S && first + mine + r < T && (!causal || j0 + lane <= first + mine + r);
            slope[r] = seen ? scale * __expf(score[r] * scale - log_sum[r]) * (slope[r] - mean[r]) : 0.0f;
        }
        add_rows(sums, slope, keys, lane, D);
    }
    write_rows(dq + (at_q + mine) * D, sums, T - first - mine, lane, D);
}

template <int R> __device__ __forceinline__ void keys_side(
        float* __restrict__ dk, float* __restrict__ dv, const float* __restrict__ delta, const float* __restrict__ g, const float* __restrict__ q, const float* __restrict__ k,
        const float* __restrict__ v, const float* __restrict__ lse, int T, int S, int D, int V, float scale, int causal) {
    extern __shared__ float tile[];
    float *queries = tile, *grads = queries + 32 * (D + 1), *keys = grads + 32 * (V + 1), *values = keys + 4 * R * D;
    int lane = threadIdx.x, tiles = (S + 4 * R - 1) / (4 * R), n = blockIdx.x / tiles, first = blockIdx.x % tiles * 4 * R, mine = threadIdx.y * R;
    long long at_q = (long long)n * T, at_k = (long long)n * S + first;
    fetch(keys, k + at_k * D, 4 * R, S - first, D, D);
    fetch(values, v + at_k * V, 4 * R, S - first, V, V);
    float sums_k[R][4], sums_v[R][4];
    clear(sums_k), clear(sums_v);
    for (int i0 = causal ? first / 32 * 32 : 0; i0 < T; i0 += 32) {
        __syncthreads();  // the tiles before have been read
        fetch(queries, q + (at_q + i0) * D, 32, T - i0, D, D + 1);
        fetch(grads, g + (at_q + i0) * V, 32, T - i0, V, V + 1);
        __syncthreads();  // the tiles are there
        bool query = i0 + lane < T;
        float log_sum = query ? lse[at_q + i0 + lane] : 0.0f, mean = query ? delta[at_q + i0 + lane] : 0.0f, weight[R], slope[R];
        products(weight, keys + mine * D, queries, lane, D);
        products(slope, values + mine * V, grads, lane, V);
#pragma unroll
        for (int r = 0; r < R; ++r) {
            bool seen = query && first + mine + r < S && (!causal || first + mine + r <= i0 + lane);
            weight[r] = seen ? __expf(weight[r] * scale - log_sum) : 0.0f;
            slope[r] = seen ? scale * weight[r] * (slope[r] - mean) : 0.0f;
        }
        add_rows(sums_k, slope, queries, lane, D);
        add_rows(sums_v, weight, grads, lane, V);
    }
    write_rows(dk + (at_k + mine) * D, sums_k, S - first - mine, lane, D);
    write_rows(dv + (at_k + mine) * V, sums_v, S - first - mine, lane, V);
}

extern "C" __global__ void __launch_bounds__(128, 4) attention_backward_1_flash(
        float* __restrict__ dq, float* __restrict__ delta, const float* __restrict__ g, const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
        const float* __restrict__ out, const float* __restrict__ lse, int T, int S, int D, int V, float scale, int causal) {
    queries_side<1>(dq, delta, g, q, k, v, out, lse, T, S, D, V, scale, causal);
}

extern "C" __global__ void __launch_bounds__(128, 4) attention_backward_keys_1(
        float* __restrict__ dk, float* __restrict__ dv, const float* __restrict__ delta, const float* __restrict__ g, const float* __restrict__ q, const float* __restrict__ k,
        const float* __restrict__ v, const float* __restrict__ lse, int T, int S, int D, int V, float scale, int causal) {
    keys_side<1>(dk, dv, delta, g, q, k, v, lse, T, S, D, V, scale, causal);
}

extern "C" __global__ void __launch_bounds__(128, 4) attention_backward_2_registers(
        float* __restrict__ dq, float* __restrict__ delta, const float* __restrict__ g, const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
        const float* __restrict__ out, const float* __restrict__ lse, int T, int S, int D, int V, float scale, int causal) {
    queries_side<2>(dq, delta, g, q, k, v, out, lse, T, S, D, V, scale, causal);
}

extern "C" __global__ void __launch_bounds__(128, 4) attention_backward_keys_2(
        float* __restrict__ dk, float* __restrict__ dv, const float* __restrict__ delta, const float* __restrict__ g, const float* __restrict__ q, const float* __restrict__ k,
        const float* __restrict__ v, const float* __restrict__ lse, int T, int S, int D, int V, float scale, int causal) {
    keys_side<2>(dk, dv, delta, g, q, k, v, lse, T, S, D, V, scale, causal);
}
