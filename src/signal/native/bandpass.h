#pragma once
#include "vectors.h"

namespace LEVEL {

/**
 * Transposes eight time steps of eight samples into eight points: row i of `rows`, from `step` on, becomes lane i.
 */
#if WIDE == 64
inline void transpose(const double *const rows[], size_t step, char *points) {
  __m512d r[8], a[8], b[8];
  for (int i = 0; i < 8; i++) r[i] = _mm512_loadu_pd(rows[i] + step);
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm512_unpacklo_pd(r[i], r[i + 1]);
    a[i + 1] = _mm512_unpackhi_pd(r[i], r[i + 1]);
  }
  // Each quarter of a vector has two numbers: quarters 0 and 2 of both inputs, then 1 and 3.
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; j++) {
      b[i + j] = _mm512_shuffle_f64x2(a[i + j], a[i + j + 2], 0x88);
      b[i + j + 2] = _mm512_shuffle_f64x2(a[i + j], a[i + j + 2], 0xdd);
    }
  }
  for (int j = 0; j < 4; j++) {
    _mm512_store_pd(points + j * DOUBLES, _mm512_shuffle_f64x2(b[j], b[j + 4], 0x88));
    _mm512_store_pd(points + (j + 4) * DOUBLES, _mm512_shuffle_f64x2(b[j], b[j + 4], 0xdd));
  }
}
#else
inline void transpose(const double *const rows[], size_t step, char *points) {
  for (int part = 0; part < 4; part++) {
    const int lane = part % 2 * 4, later = part / 2 * 4;
    __m256d r[4];
    for (int i = 0; i < 4; i++) r[i] = _mm256_loadu_pd(rows[lane + i] + step + later);
    const __m256d a = _mm256_unpacklo_pd(r[0], r[1]), b = _mm256_unpackhi_pd(r[0], r[1]);
    const __m256d c = _mm256_unpacklo_pd(r[2], r[3]), d = _mm256_unpackhi_pd(r[2], r[3]);
    double *to = reinterpret_cast<double *>(points + later * DOUBLES) + lane;
    _mm256_store_pd(to, _mm256_permute2f128_pd(a, c, 0x20));
    _mm256_store_pd(to + LANES, _mm256_permute2f128_pd(b, d, 0x20));
    _mm256_store_pd(to + 2 * LANES, _mm256_permute2f128_pd(a, c, 0x31));
    _mm256_store_pd(to + 3 * LANES, _mm256_permute2f128_pd(b, d, 0x31));
  }
}
#endif

/** Interleaves one detector of LANES samples as float64 points. */
void gather(const double *const rows[], char *points, size_t length) {
  for (size_t i = 0; i < length; i += 8) transpose(rows, i, points + i * DOUBLES);
}

/** The same with an odd extension at both ends: `points` receives padding + length + padding points. */
void gatherExtended(const double *const rows[], char *points, size_t length, size_t padding) {
  char *start = points + padding * DOUBLES;
  char *end = start + (length - 1) * DOUBLES;
  gather(rows, start, length);
  for (size_t i = 1; i <= padding; i++) {
    for (size_t part = 0; part < DOUBLES; part += sizeof(Doubles)) {
      char *front = start + part, *back = end + part;
      const Doubles first = load<Doubles>(front), last = load<Doubles>(back);
      store(front - i * DOUBLES, first + first - load<Doubles>(front + i * DOUBLES));
      store(back + i * DOUBLES, last + last - load<Doubles>(back - i * DOUBLES));
    }
  }
}

/** Writes a vector unchanged to `at`, or as float32 to `out`. */
inline void put(Doubles vector, char *at, char *, double) {
  store(at, vector);
}
inline void put(Doubles vector, char *, char *out, float) {
  typedef float Narrow __attribute__((vector_size(WIDE / 2)));
  store(out, __builtin_convertvector(vector, Narrow));
}

/**
 * One pass of the four sections over the lanes of one vector, with the arithmetic of runSections in ../bandpass.ts.
 * AVX-512 has 32 registers, which hold the state of all four sections. `step` is the number of bytes to the next
 * point, negative for backward. Results of type double overwrite the input. Results of type float go to `out`, in the
 * same direction. The filter starts as if its first input had always been there.
 */
template <class Result>
inline void runSections(char *at, ptrdiff_t step, size_t count, const double *coefficients, char *out) {
  const Doubles a1 = all<Doubles>(coefficients[0]), a2 = all<Doubles>(coefficients[1]);
  const Doubles b1 = all<Doubles>(coefficients[2]), b2 = all<Doubles>(coefficients[3]);
  const Doubles c1 = all<Doubles>(coefficients[4]), c2 = all<Doubles>(coefficients[5]);
  const Doubles d1 = all<Doubles>(coefficients[6]), d2 = all<Doubles>(coefficients[7]);
  // The input x and the outputs of the sections A, B, C, D: one step ago and (doubled letters) two steps ago.
  Doubles x = load<Doubles>(at), xx = x;
  Doubles a{}, aa{}, b{}, bb{}, c{}, cc{}, d{}, dd{};
  // Two steps per iteration: newer values overwrite older ones, and nothing is moved.
  for (size_t rounds = count / 2; rounds > 0; rounds--) {
    const Doubles x0 = load<Doubles>(at);
    const Doubles a0 = x0 - xx - a2 * aa - a1 * a;
    const Doubles b0 = a0 - aa - b2 * bb - b1 * b;
    const Doubles c0 = b0 - bb - c2 * cc - c1 * c;
    dd = c0 - cc - d2 * dd - d1 * d;
    xx = x0, aa = a0, bb = b0, cc = c0;
    put(dd, at, out, Result());
    at += step, out += step / 2;
    const Doubles x1 = load<Doubles>(at);
    const Doubles a3 = x1 - x - a2 * a - a1 * aa;
    const Doubles b3 = a3 - a - b2 * b - b1 * bb;
    const Doubles c3 = b3 - b - c2 * c - c1 * cc;
    d = c3 - c - d2 * d - d1 * dd;
    x = x1, a = a3, b = b3, c = c3;
    put(d, at, out, Result());
    at += step, out += step / 2;
  }
}

/**
 * Applies the band-pass to a block from gatherExtended, forward in place and then backward, without the gain. Writes
 * `length` float32 points from `out` on, and overwrites `padding + 1` points after them, one point before `points`,
 * and one after its last.
 */
void bandpass(char *points, size_t length, size_t padding, const double *coefficients, char *out) {
  const size_t all = length + 2 * padding, count = length + padding + 1;
  constexpr ptrdiff_t next = DOUBLES;
  for (size_t part = 0; part < DOUBLES; part += sizeof(Doubles)) {
    char *before = points - next + part, *behind = points + all * DOUBLES + part;
    store(before, load<Doubles>(before + next));
    runSections<double>(before, next, all + 2, coefficients, out);
    store(behind, load<Doubles>(behind - next));
    runSections<float>(behind, -next, count, coefficients, out + (count - 1) * FLOATS + part / 2);
  }
}

}  // namespace LEVEL
