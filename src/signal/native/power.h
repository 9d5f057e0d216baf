/** The power spectrum of the PSD estimate, float64: computePower in ../kernels/transform.ts. */
#pragma once
#include "transform.h"

namespace LEVEL {

/** How many vectors make up a point. */
constexpr size_t PARTS = DOUBLES / sizeof(Doubles);

inline void forwardPairs(char *z, size_t imaginary, size_t size, const double *twiddles) {
  for (char *end = z + size; z < end; z += DOUBLES) {
    const Twiddles<Doubles> t(twiddles);
    twiddles += t.COUNT;
    for (size_t part = 0; part < PARTS; part++, z += sizeof(Doubles)) {
      const auto y = times(load<Doubles>(z + DOUBLES, imaginary), t.r2, t.i2);
      const auto x = load<Doubles>(z, imaginary);
      store(z, imaginary, x.re + y.re, x.im + y.im);
      store(z + DOUBLES, imaginary, x.re - y.re, x.im - y.im);
    }
  }
}

inline void forwardBlock(char *z, size_t size, const double *twiddles) {
  const size_t bytes = size * DOUBLES;
  size_t n = size;
  for (size_t blocks = 1; n >= 4; n /= 4, blocks *= 4) {
    forwardPass<Doubles>(z, bytes, bytes, n / 4 * DOUBLES, twiddles);
    twiddles += Twiddles<Doubles>::COUNT * blocks;
  }
  if (n == 2) forwardPairs(z, bytes, bytes, twiddles);
}

/** Writes the squared magnitudes of a complex block to `power` and adds them to `sum`. */
inline void squareBlock(const char *z, size_t size, char *power, Doubles sum[]) {
  const size_t bytes = size * DOUBLES;
  Doubles own[PARTS]{};
  for (const char *end = z + bytes; z < end;) {
    for (size_t part = 0; part < PARTS; part++, z += sizeof(Doubles), power += sizeof(Doubles)) {
      const auto x = load<Doubles>(z, bytes);
      const Doubles square = x.re * x.re + x.im * x.im;
      store(power, square);
      own[part] += square;
    }
  }
  for (size_t part = 0; part < PARTS; part++) sum[part] += own[part];
}

void computePower(char *points, size_t length, const double *taper, const double *twiddles, char *power, char *sum) {
  const size_t q = length / 4, quarter = q * DOUBLES;
  for (size_t i = 0; i < q; i++) {
    for (size_t part = 0; part < PARTS; part++) {
      char *p = points + i * DOUBLES + part * sizeof(Doubles);
      splitPoint(p, quarter, load<Doubles>(p) * all<Doubles>(taper[i]),
                 load<Doubles>(p + quarter) * all<Doubles>(taper[i + q]),
                 load<Doubles>(p + 2 * quarter) * all<Doubles>(taper[i + 2 * q]),
                 load<Doubles>(p + 3 * quarter) * all<Doubles>(taper[i + 3 * q]));
    }
  }
  for (size_t n = q; n >= 4; n /= 4) split<Doubles>(points, n / 4 * DOUBLES);
  Doubles total[PARTS];
  for (size_t part = 0; part < PARTS; part++) {
    const char *p = points + part * sizeof(Doubles);
    const Doubles x = load<Doubles>(p), y = load<Doubles>(p + DOUBLES);
    store(power + part * sizeof(Doubles), x * x);
    store(power + part * sizeof(Doubles) + DOUBLES, y * y);
    total[part] = x * x + y * y;
  }
  squareBlock(points + 2 * DOUBLES, 1, power + 2 * DOUBLES, total);
  power += 3 * DOUBLES;
  for (size_t n = 16; n <= length; n *= 4) {
    for (size_t size = n / 8; size <= n / 4; size *= 2) {
      char *z = points + 2 * size * DOUBLES;
      forwardBlock(z, size, twiddles);
      squareBlock(z, size, power, total);
      power += size * DOUBLES;
    }
  }
  for (size_t part = 0; part < PARTS; part++) store(sum + part * sizeof(Doubles), total[part]);
}

/** sum[i] += power[i] for `count` numbers, for each lane whose bit is set, one lane after another. */
void accumulate(double *sum, const double *power, size_t count, unsigned lanes) {
  for (size_t i = 0; i < count; i++, power += LANES) {
    double own = sum[i];
    for (size_t lane = 0; lane < LANES; lane++) {
      if (lanes >> lane & 1) own += power[lane];
    }
    sum[i] = own;
  }
}

}  // namespace LEVEL
