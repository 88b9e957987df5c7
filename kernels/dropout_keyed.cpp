// dropout_keyed: x with each element zeroed where its random number is below p, else scaled; the numbers
// are a function of the key, so that no mask is kept
//
//  rung  idea                              bytes per element   Philox blocks per element
//  1     each element draws for itself     8                   1
//  2     a block of eight at a time;       8                   1/8
//        eights over threads
//
// Element i takes the i-th 32-bit word of Philox4x64-10, low halves first: bit for bit what NumPy draws.
// Reference: J. Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3, table 2.
#include "common.hpp"

typedef unsigned __int128 Wide;

struct Words {
    uint64_t w[4];
    uint32_t word(long place) const { return uint32_t(w[place / 2] >> place % 2 * 32); }
};

// Block `number` of the stream: ten rounds of two wide products each, which mix a counter with the key.
// NumPy counts from 1.
static Words philox(uint64_t number, uint64_t key) {
    uint64_t a = number + 1, b = 0, c = 0, d = 0, high = 0;
    for (int round = 0; round < 10; round++) {
        Wide left = Wide(0xD2E7470EE14C6C93ull) * a, right = Wide(0xCA5A826395121157ull) * c;
        a = uint64_t(right >> 64) ^ b ^ key;
        c = uint64_t(left >> 64) ^ d ^ high;
        b = uint64_t(right);
        d = uint64_t(left);
        key += 0x9E3779B97F4A7C15ull;
        high += 0xBB67AE8584CAA73Bull;
    }
    return {{a, b, c, d}};
}

// A product, not a choice: what is dropped of infinity or NaN is NaN, as in NumPy's forward.
static float kept(float x, uint32_t word, long threshold, float scale) {
    return x * (word >= uint32_t(threshold) ? 1.0f : 0.0f) * scale;
}

ENTRY dropout_keyed_1_naive(float* out, const float* x, long n, long key, long threshold, float scale, int threads) {
    for (long i = 0; i < n; i++) out[i] = kept(x[i], philox(i / 8, key).word(i % 8), threshold, scale);
}

ENTRY dropout_keyed_2_eights(float* out, const float* x, long n, long key, long threshold, float scale, int threads) {
    parallel(ceil_div(n, 8), 1024, threads, [=](long begin, long end) {
        for (long block = begin; block < end; block++) {
            Words words = philox(block, key);
            for (long i = 8 * block; i < std::min(n, 8 * block + 8); i++) out[i] = kept(x[i], words.word(i % 8), threshold, scale);
        }
    });
}
