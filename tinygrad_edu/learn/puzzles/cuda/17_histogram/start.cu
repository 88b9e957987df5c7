__global__ void histogram(int* out, const int* x, int n) {
    // your code
}
