__global__ void compact(float* out, int* count, const float* x, int n) {
    int lane = threadIdx.x;
    float v = lane < n ? x[lane] : 0;
    unsigned keep = __ballot_sync(0xffffffff, v > 0);
    int before = __popc(keep & ((1u << lane) - 1));
    if (v > 0) out[before] = v;
    if (lane == 0) *count = __popc(keep);
}
