__global__ void shuffle(float* out, const float* x, int rows, int n) {
    // your code
}
