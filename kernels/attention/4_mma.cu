// attention in bfloat16 on tensor cores: as kernels/attention.cu, with queries, keys, values and weights rounded to 8 bits, summed in float
//
//  rung  idea                                        bytes per pair of query and key   FLOPs per pair
//  4     mma: 16 queries a warp, 64 a block          (D + V) / 16                      2 (D + V)
//
// What a warp's product of queries and keys leaves in a lane (mma_m16n8k16's d) is, rounded, just what it must bring to the product with the values (its a):
// the weights never leave the registers. Values stand in shared memory with keys side by side, for mma takes pairs along the sum.
// Reference: T. Dao, 2023, "FlashAttention-2: faster attention with better parallelism and work partitioning", section 3.3.
// arch: sm_80, sm_86, sm_89, sm_90, sm_100, sm_120
#include "common.cuh"
#include "ptx.cuh"
#include <cuda_bf16.h>

constexpr int QUERIES = 64, KEYS = 32, THREADS = 128, PAD = 4;     // PAD words a row: eight rows that a warp reads at once meet all banks

__device__ __forceinline__ unsigned rounded_pair(float low, float high) {
    return (unsigned)__bfloat16_as_ushort(__float2bfloat16_rn(low)) | (unsigned)__bfloat16_as_ushort(__float2bfloat16_rn(high)) << 16;
}

// `rows` rows of `width` floats as pairs of bfloat16, `words` + PAD words a row; zeros beyond.
__device__ __forceinline__ void fetch_rows(unsigned* tile, const float* __restrict__ from, int rows, int there, int width, int words) {
    for (int e = threadIdx.y * 32 + threadIdx.x; e < rows * words; e += THREADS) {
        int row = e / words, column = e % words * 2;
        bool left = row < there && column < width, right = row < there && column + 1 < width;
        tile[row * (words + PAD) + column / 2] = rounded_pair(left ? from[row * width + column] : 0.0f, right ? from[row * width + column + 1] : 0.0f);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) attention_4_mma(
        float* __restrict__ out, float* __restrict__ lse, const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
        int N, int T, int S, int D, int V, float scale, int causal) {
    extern __shared__ unsigned words[];
    int words_d = (D + 15) / 16 * 8, wide_v = (V + 7) / 8 * 8;
    unsigned *queries = words, *keys = queries + QUERIES * (words_d + PAD), *values = keys + KEYS * (words_d + PAD);  // values: [wide_v][KEYS / 2 + PAD]
    int lane = threadIdx.x, y = lane / 4, x = lane % 4, tiles = (T + QUERIES - 1) / QUERIES, n = blockIdx.x / tiles, first = blockIdx.x % tiles * QUERIES;
    int mine = first + threadIdx.y * 16 + y;                       // this lane has parts of the rows of queries `mine` and `mine` + 8
    long long at_q = (long long)n * T, at_k = (long long)n * S;
    fetch_rows(queries, q + (at_q + first) * D, QUERIES, T - first, D, words_d);
    const unsigned* own = queries + (threadIdx.y * 16 + y) * (words_d + PAD) + x;
    float sums[16][4] = {}, top[2] = {-INFINITY, -INFINITY}, sum[2] = {};
    int stop = causal ? min(S, first + QUERIES) : S;
    for (int j0 = 0; j0 < stop; j0 += KEYS) {
        __syncthreads();  // the tiles before have been read
        fetch_rows(keys, k + (at_k + j0) * D, KEYS, S - j0, D, words_d);
        for (int e = threadIdx.y * 32 + lane; e < KEYS / 2 * wide_v; e += THREADS) {  // two keys of one column make a pair
            int column = e % wide_v, key = e / wide_v * 2;
            const float* from = v + (at_k + j0 + key) * V + column;
            bool inside = column < V;
            values[column * (KEYS / 2 + PAD) + key / 2] = rounded_pair(inside && j0 + key < S ? from[0] : 0.0f, inside && j0 + key + 1 < S ? from[V] : 0.0f);
        }
        __syncthreads();  // the tiles are there
        float score[4][4] = {};  // four products of 16 queries and 8 keys
#pragma unroll
        for (int d = 0; d < 8; ++d) {
            if (d * 8 >= words_d) break;
            unsigned a[4] = {own[d * 8], own[d * 8 + 8 * (words_d + PAD)], own[d * 8 + 4], own[d * 8 + 4 + 8 * (words_d + PAD)]};
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                const unsigned* key = keys + (j * 8 + y) * (words_d + PAD) + d * 8 + x;
                mma_m16n8k16(score[j], a, key[0], key[4]);
            }
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {  // the online softmax of each of the two rows; four neighbouring lanes share a row
            float higher = -INFINITY, part = 0.0f;
#pragma unroll
            for (int i = 0; i < 8; ++i) {
                int key = j0 + i / 2 * 8 + x * 2 + i % 2;
                float& s = score[i / 2][half * 2 + i % 2];
                s = key < S && (!causal || key <= mine + half * 8) ? s * scale : -INFINITY;
                higher = max_nan(s, higher);
            }
            for (int offset = 1; offset < 4; offset *= 2) higher = max_nan(higher, __shfl_xor_sync(FULL_MASK, higher, offset));
            higher = max_nan(higher, top[half]);
            float factor = rescaled(1.0f, top[half], higher);
#pragma unroll
            for (int i = 0; i < 8; ++i) {
                float& s = score[i / 2][half * 2 + i % 2];
                s = s == -INFINITY ? 0.0f : __expf(s - higher);
                part += s;
            }
            for (int offset = 1; offset < 4; offset *= 2) part += __shfl_xor_sync(FULL_MASK, part, offset);
            sum[half] = sum[half] * factor + part;
            top[half] = higher;
#pragma unroll
            for (int c = 0; c < 16; ++c) sums[c][half * 2] *= factor, sums[c][half * 2 + 1] *= factor;
        }
#pragma unroll
        for (int j = 0; j < KEYS / 16; ++j) {  // 16 keys at a time
            unsigned a[4] = {rounded_pair(score[2 * j][0], score[2 * j][1]), rounded_pair(score[2 * j][2], score[2 * j][3]),
                             rounded_pair(score[2 * j + 1][0], score[2 * j + 1][1]), rounded_pair(score[2 * j + 1][2], score[2 * j + 1][3])};
#pragma unroll
            for (int c = 0; c < 16; ++c) {
                if (c * 8 >= wide_v) break;
                const unsigned* value = values + (c * 8 + y) * (KEYS / 2 + PAD) + j * 8 + x;
                mma_m16n8k16(sums[c], a, value[0], value[4]);
            }
        }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        int row = mine + half * 8;
        if (row >= T) continue;
#pragma unroll
        for (int c = 0; c < 16; ++c)
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                int column = c * 8 + x * 2 + e;
                if (column < V) out[(at_q + row) * V + column] = sums[c][half * 2 + e] / sum[half];
            }
        if (x == 0) lse[at_q + row] = top[half] + __logf(sum[half]);
    }
}
