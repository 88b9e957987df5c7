__global__ void matvec(float* out, const float* a, const float* x, int rows, int n) {
    // your code
}
