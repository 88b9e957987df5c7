__global__ void attention(float* out, const float* q, const float* k, const float* v, int n) {
    int lane = threadIdx.x, row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= n) return;
    float query = q[row * 32 + lane] * 0.17677669529f, most = -INFINITY, sum = 0, mix = 0;
    for (int j = 0; j < n; ++j) {
        float score = query * k[j * 32 + lane];
        for (int d = 16; d > 0; d /= 2) score += __shfl_xor_sync(0xffffffff, score, d);
        float larger = fmaxf(most, score), shrink = expf(most - larger), weight = expf(score - larger);
        sum = sum * shrink + weight;
        mix = mix * shrink + weight * v[j * 32 + lane];
        most = larger;
    }
    out[row * 32 + lane] = mix / sum;
}
