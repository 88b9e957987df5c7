__global__ void attention(float* out, const float* q, const float* k, const float* v, int n) {
    // your code
}
