// The elementary functions against libm's for longer number types, where these exist.
#include <float.h>
#include <math.h>

#include "ground/rng.h"
#include "numerics/portable.h"
#include "support/test.h"

enum { DRAWS = 200000, NEIGHBOURS = 200 };
static const double pi = 3.14159265358979323846;

static double between(double low, double high, int i, uint64_t which) {
  return low + (high - low) * rng_uniform(1, RNG_TEST, which, (uint64_t)i);
}

// The distance from the exact value in units in the last place of a double.
static double ulps(double value, long double exact) {
  if (exact == 0) return value == 0 ? 0 : INFINITY;
  int exponent;
  frexpl(exact, &exponent);
  const long double unit = ldexpl(1, (exponent > DBL_MIN_EXP ? exponent : DBL_MIN_EXP) - 53);
  return (double)(fabsl((long double)value - exact) / unit);
}

struct function {
  const char *name;
  double (*ours)(double x);
  long double (*exact)(long double x);
  double low, high;
};

static const struct function functions[] = {
    {"exp", portable_exp, expl, -0.4, 0.4},       {"exp", portable_exp, expl, -745.0, 709.7},
    {"log", portable_log, logl, 0.6, 1.6},        {"log", portable_log, logl, 0.999999, 1.000001},
    {"log", portable_log, logl, 1e-300, 1e300},   {"sin", portable_sin, sinl, -0.8, 0.8},
    {"sin", portable_sin, sinl, -7.0, 7.0},       {"sin", portable_sin, sinl, -0x1p20, 0x1p20},
    {"cos", portable_cos, cosl, -0.8, 0.8},       {"cos", portable_cos, cosl, -7.0, 7.0},
    {"cos", portable_cos, cosl, -0x1p20, 0x1p20},
};

// A long double that is but a double has no digit to spare, and the fourth digit of a unit counts.
static double allowed(void) { return LDBL_MANT_DIG > 60 ? 0.85 : 2.0; }

static void accuracy(void) {
  for (size_t k = 0; k < sizeof functions / sizeof *functions; k++) {
    const struct function *f = &functions[k];
    double worst = 0, at = 0;
    for (int i = 0; i < DRAWS; i++) {
      const double x = between(f->low, f->high, i, k), error = ulps(f->ours(x), f->exact(x));
      if (!(error <= worst)) worst = error, at = x;
    }
    CHECK(worst < allowed(), "%s(%.17g) is off by %.3g units", f->name, at, worst);
  }
}

// Powers whose results cover all that a double can hold. The reference rounds to 64 digits after
// multiplying a logarithm, so the comparison is with the power of a long double.
static void powers(void) {
  double worst = 0, at[2] = {0};
  for (int i = 0; i < DRAWS; i++) {
    const double base = i % 2 ? exp2(between(-300, 300, i, 20)) : between(0.5, 2.0, i, 21);
    const double power = between(-700, 700, i, 22) / fmax(fabs(log(base)), 1e-9);
    const double error = ulps(portable_pow(base, power), powl(base, power));
    if (!(error <= worst)) worst = error, at[0] = base, at[1] = power;
  }
  CHECK(worst < allowed(), "%.17g to the %.17g is off by %.3g units", at[0], at[1], worst);
  for (int i = -1074; i < 1024; i++)
    CHECK(portable_pow(2.0, i) == ldexp(1.0, i), "2 to the %d is %.17g", i, portable_pow(2.0, i));
  double cube = 1.0;
  for (int i = 0; i <= 33; i++, cube *= 3.0)
    CHECK(portable_pow(3.0, i) == cube, "3 to the %d is %.17g", i, portable_pow(3.0, i));
  for (int i = 0; i < 1000; i++) {
    const double x = between(0, 10, i, 23);
    CHECK(portable_pow(x, 1.0) == x, "%.17g to the 1", x);
    CHECK(fabs(portable_pow(x, 0.5) - sqrt(x)) < 1e-15 * sqrt(x), "%.17g to the 1/2", x);
  }
}

// Neighbouring arguments about each place where the reduction changes its multiple: no step back.
static void seams(void) {
  for (int k = -1000; k <= 1000; k++) {
    double x = (k + 0.5) * 0.6931471805599453;
    for (int i = 0; i < NEIGHBOURS / 2; i++) x = nextafter(x, -INFINITY);
    int back = 0;
    for (int i = 0; i < NEIGHBOURS; i++) {
      const double next = nextafter(x, INFINITY);
      back += portable_exp(next) < portable_exp(x);
      x = next;
    }
    CHECK(back == 0, "exp falls %d times about %.17g", back, x);
  }
  for (int k = -1000; k <= 1000; k++) {
    double x = ldexp(0.70710678118654752, k);
    for (int i = 0; i < NEIGHBOURS / 2; i++) x = nextafter(x, 0.0);
    int back = 0;
    for (int i = 0; i < NEIGHBOURS; i++) {
      const double next = nextafter(x, INFINITY);
      back += portable_log(next) < portable_log(x);
      x = next;
    }
    CHECK(back == 0, "log falls %d times about %.17g", back, x);
  }
  for (int k = -100; k < 100; k++) {
    double x = (k + 0.5) * pi / 2;  // rising where the cosine is positive
    for (int i = 0; i < NEIGHBOURS / 2; i++) x = nextafter(x, -INFINITY);
    const double rising = cos(x) > 0 ? 1 : -1, falling = sin(x) > 0 ? 1 : -1;
    int back = 0;
    for (int i = 0; i < NEIGHBOURS; i++) {
      const double next = nextafter(x, INFINITY);
      back += rising * portable_sin(next) < rising * portable_sin(x);
      back += falling * portable_cos(next) > falling * portable_cos(x);
      x = next;
    }
    CHECK(back == 0, "sine or cosine turns %d times about %.17g", back, x);
  }
}

// Angles that all but vanish in the reduction: multiples of pi/2 as near as a double comes.
static void near_multiples(void) {
  double worst = 0, at = 0;
  for (int k = 1; k < 600000; k += 7) {
    const double x = (double)(k * (pi / 2));
    const double error = fmax(ulps(portable_sin(x), sinl(x)), ulps(portable_cos(x), cosl(x)));
    if (!(error <= worst)) worst = error, at = x;
  }
  CHECK(worst < allowed(), "sine or cosine of %.17g is off by %.3g units", at, worst);
}

static void special_values(void) {
  CHECK(portable_exp(0.0) == 1.0 && portable_exp(-0.0) == 1.0, "e^0");
  CHECK(portable_exp(INFINITY) == INFINITY && portable_exp(1e6) == INFINITY, "e^x overflows");
  CHECK(portable_exp(-INFINITY) == 0.0 && portable_exp(-1e6) == 0.0, "e^x underflows");
  CHECK(portable_exp(-745.1) > 0.0 && portable_exp(709.78) < INFINITY, "but no sooner");
  CHECK(isnan(portable_exp(NAN)), "e^NaN");
  CHECK(portable_log(1.0) == 0.0 && portable_log(0.0) == -INFINITY, "log of 1 and of 0");
  CHECK(portable_log(INFINITY) == INFINITY, "log of infinity");
  CHECK(isnan(portable_log(-1.0)) && isnan(portable_log(NAN)), "log of what has none");
  CHECK(fabs(portable_log(0x1p-1074) + 744.4400719213812) < 1e-12, "log of the smallest number");
  CHECK(portable_pow(0.0, 0.0) == 1.0 && portable_pow(NAN, 0.0) == 1.0, "x^0");
  CHECK(portable_pow(1.0, NAN) == 1.0 && portable_pow(1.0, INFINITY) == 1.0, "1^x");
  CHECK(portable_pow(0.0, 2.5) == 0.0 && portable_pow(0.0, -1.0) == INFINITY, "powers of 0");
  CHECK(portable_pow(INFINITY, 2.0) == INFINITY && portable_pow(INFINITY, -2.0) == 0.0,
        "and of inf");
  CHECK(portable_pow(0.5, INFINITY) == 0.0 && portable_pow(0.5, -INFINITY) == INFINITY, "0.5^inf");
  CHECK(portable_pow(0.999, 1e300) == 0.0 && portable_pow(1.001, 1e300) == INFINITY, "huge powers");
  CHECK(portable_pow(3.0, 1e-320) == 1.0, "tiny powers");
  CHECK(isnan(portable_pow(-1.0, 2.0)) && isnan(portable_pow(NAN, 1.0)) &&
            isnan(portable_pow(2.0, NAN)),
        "powers of what has none");
  CHECK(portable_sin(0.0) == 0.0 && portable_cos(0.0) == 1.0, "sine and cosine of 0");
  CHECK(portable_sin(1e-300) == 1e-300, "sine of little");
  CHECK(isnan(portable_sin(INFINITY)) && isnan(portable_cos(NAN)), "of what is no angle");
  CHECK(isnan(portable_sin(0x1.00001p20)) && !isnan(portable_sin(-0x1p20)), "the range ends");
}

int main(void) {
  accuracy();
  powers();
  seams();
  near_multiples();
  special_values();
  return test_summary();
}
