/*
 * Render kernel: sample planes of a volume, then colour and blend them. C11, no dependency but malloc and memcpy.
 *
 * The numpy twin (twin.py) is the specification in executable form; the structures are those of binding.py.
 *
 * Indices are (w, j, i): w runs along the stack (w == slice index k when the stack is uniform), j over rows, i over
 * columns of the stored array, which lies in memory in (k, j, i) order. A plane is an affine: index = matrix * (x, y, 1).
 * In sampled values NaN means "nothing here", +infinity means "no data" (drawn hatched).
 *
 * Ways through stage one, fastest first; all give the same picture:
 *   grid    planes parallel to the array (one axis follows x, one follows y): each source row is resampled once
 *   gather  oblique planes of int16, uint16 and float32 with AVX2: eight pixels at a time, the neighbours i and i + 1
 *           fetched by one load, the voxels of later rows asked for in advance
 *   point   everything else, one pixel at a time
 *
 * Work is cut into strips of rows over all pictures of a call; both stages of a strip run one after the other, so that
 * sampled values are coloured while they are still in the cache. Any number of threads may call with the same counter;
 * each takes strips until none is left. Nothing here waits or spins.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ABI 2

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static __forceinline
#endif

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define WITH_AVX2 1
#include <cpuid.h>
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2,fma")))
#else
#define WITH_AVX2 0
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#define FETCH_ADD(counter) _InterlockedExchangeAdd64((counter), 1)
#else
#define FETCH_ADD(counter) __atomic_fetch_add((counter), 1, __ATOMIC_RELAXED)
#endif

enum { OK = 0, BAD_ARGUMENT = 1, NO_MEMORY = 2 };
enum { NEAREST = 0, LINEAR = 1, CUBIC = 2 };
enum { REDUCE_MAX = 0, REDUCE_MIN = 1, REDUCE_MEAN = 2, REDUCE_SUM = 3 };
enum { I8, U8, I16, U16, I32, U32, F32, F64, DTYPES };

enum { STRIP = 32, ROWS_AHEAD = 3, COLUMNS = 4, MAX_EXTENT = 1 << 20, MAX_SAMPLES = 8191, MAX_TABLE = 1 << 16, MAX_LAYERS = 64 };
enum { HATCH_PERIOD = 16, HATCH_WIDTH = 3 };

/* Closer to a voxel centre than this is the centre; the higher voxel wins a tie, see jobs.py. */
static const float SNAP = 1e-4f, SNAP_HIGH = (float)(1.0 - 1e-4), NEAREST_HIGH = (float)(0.5 - 1e-6);
/* A plane that leaves the grid by less than this over the whole picture is parallel to it. */
static const double PARALLEL = 1e-4;
/* Largest index a job may name, so that no sum below can overflow. */
static const double FAR_AWAY = 1e9;

typedef struct {
    const void *data;
    float *out;
    int64_t out_stride; /* in elements */
    int64_t count[3];   /* slices, rows, columns */
    double matrix[9];   /* per axis: step per column, step per row, start */
    double low[3], high[3];
    double step[3]; /* from one slab sample to the next */
    double pad_low, pad_high;
    const double *knot_w;
    const int32_t *knot_k;
    const uint8_t *knot_no_data;
    int64_t knots;
    int32_t width, height, dtype, kind, padded, samples, reduce, has_knots;
} SampleJob;

typedef struct {
    const float *values[3];
    int64_t stride[3];
    const uint32_t *table; /* entries in memory order red, green, blue, alpha */
    int32_t entries, channels;
    float lower, scale, offset;
    int32_t step;
} ColourLayer;

typedef struct {
    const ColourLayer *layers;
    uint32_t *out;
    int64_t out_stride;
    int32_t layer_count, width, height;
    uint32_t background, hatch_line, hatch_ground;
} ComposeJob;

/* Both stages of one picture: the samples are taken first, then coloured. All have the same number of rows. */
typedef struct {
    const SampleJob *samples;
    const ComposeJob *compose; /* NULL: samples only */
    int32_t sample_count, height;
} PictureJob;

INLINE float bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
#define NOTHING bits_to_float(0x7fc00000u) /* NaN */
#define NO_DATA bits_to_float(0x7f800000u) /* +infinity */

INLINE int is_finite(float v) { return v - v == 0.0f; }

#if WITH_AVX2
/* Asked once, when the library is loaded: CPUID traps in a virtual machine. Not __builtin_cpu_supports, whose data the
   compiler's run-time library holds: zig cannot link it into a shared library. */
static int avx2_usable;
__attribute__((constructor)) static void look_at_processor(void) {
    unsigned a, b, c, d, saved_by_system, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA)) return;
    __asm__ volatile("xgetbv" : "=a"(saved_by_system), "=d"(high) : "c"(0));
    avx2_usable = (saved_by_system & 6) == 6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}
static int has_avx2(void) { return avx2_usable; }
#else
static int has_avx2(void) { return 0; }
#endif

/* One body, compiled for the base instruction set (small: few processors still need it) and for AVX2. */
#if WITH_AVX2
#define RARE __attribute__((cold))
#define TWO_WAYS(type, name, parameters, arguments)                                        \
    RARE static type name##_base parameters { return name##_body arguments; }              \
    AVX2 static type name##_avx2 parameters { return name##_body arguments; }              \
    INLINE type name parameters { return has_avx2() ? name##_avx2 arguments : name##_base arguments; }
#else
#define RARE
#define TWO_WAYS(type, name, parameters, arguments) \
    INLINE type name parameters { return name##_body arguments; }
#endif

/* --- Positions along one axis --------------------------------------------------------------------------------- */

typedef struct {
    int64_t lower, upper; /* the same voxel when fraction is 0 */
    float fraction;
} Cell;

INLINE Cell snapped(int64_t lower, int64_t upper, float fraction) {
    Cell cell = {lower, upper, fraction};
    if (fraction > SNAP_HIGH) {
        cell.lower = upper;
        cell.fraction = 0;
    } else if (fraction < SNAP) {
        cell.upper = lower;
        cell.fraction = 0;
    }
    return cell;
}

INLINE Cell cell_at(double index, int64_t count) {
    if (!(index > 0)) index = 0;
    if (index > (double)(count - 1)) index = (double)(count - 1);
    int64_t lower = (int64_t)index;
    return snapped(lower, lower + 1 < count ? lower + 1 : lower, (float)(index - (double)lower));
}

/* Slices around a position in a stack with knots; `hint` is the interval of the pixel before. */
static Cell knot_cell_at(const SampleJob *job, double w, int64_t *hint, int *no_data) {
    const double *knots = job->knot_w;
    int64_t last = job->knots - 1, at = *hint;
    while (at < last - 1 && w >= knots[at + 1]) at++;
    while (at > 0 && w < knots[at]) at--;
    *hint = at;
    Cell cell = {at, at, 0};
    if (at < last) {
        double fraction = (w - knots[at]) / (knots[at + 1] - knots[at]);
        cell = snapped(at, at + 1, (float)(fraction < 0 ? 0 : fraction > 1 ? 1 : fraction));
    }
    *no_data = job->knot_no_data[cell.lower] & (cell.fraction == 0 ? 2 : 1);
    cell.upper = job->knot_k[cell.fraction == 0 ? cell.lower : cell.upper];
    cell.lower = job->knot_k[cell.lower];
    return cell;
}

static Cell axis_cell(const SampleJob *job, int axis, double index, int64_t *hint, int *no_data) {
    *no_data = 0;
    return axis == 0 && job->has_knots ? knot_cell_at(job, index, hint, no_data) : cell_at(index, job->count[axis]);
}

INLINE int64_t nearest_of(Cell cell) { return cell.fraction >= NEAREST_HIGH ? cell.upper : cell.lower; }

/* Index of pixel column 0 along an axis, in row y of slab sample s; the operations are those of the twin. */
INLINE double row_start(const SampleJob *job, int axis, double y, double s) {
    return (job->matrix[3 * axis + 1] * y + job->matrix[3 * axis + 2]) + s * job->step[axis];
}

/* --- What depends on the element type ------------------------------------------------------------------------- */

/* Smallest integer >= v for |v| < 2^62. */
static int64_t ceiling(double v) {
    int64_t n = (int64_t)v;
    return (double)n < v ? n + 1 : n;
}

/*
 * For each type: PadRange (padding as values of the type), LOAD (a source row as float, NaN for padding) and POINT (one
 * interpolated pixel). FLOATING adds the test for NaN and infinity.
 */
#define INTEGER_RANGE(T, NAME, LOWEST, HIGHEST)                                                                        \
    typedef struct {                                                                                                   \
        int on;                                                                                                        \
        T low, high;                                                                                                   \
    } PadRange_##NAME;                                                                                                 \
    static PadRange_##NAME pad_range_##NAME(const SampleJob *job) {                                                    \
        PadRange_##NAME range = {0, 0, 0};                                                                             \
        double low = job->pad_low, high = job->pad_high;                                                               \
        if (!job->padded || !(low <= high) || low > (double)(HIGHEST) || high < (double)(LOWEST)) return range;        \
        range.low = (T)(low <= (double)(LOWEST) ? (LOWEST) : ceiling(low));                                            \
        range.high = (T)(high >= (double)(HIGHEST) ? (HIGHEST) : -ceiling(-high));                                     \
        range.on = range.low <= range.high;                                                                            \
        return range;                                                                                                  \
    }
INTEGER_RANGE(uint8_t, U8, 0, UINT8_MAX)
INTEGER_RANGE(int16_t, I16, INT16_MIN, INT16_MAX)
INTEGER_RANGE(uint16_t, U16, 0, UINT16_MAX)

/* Padding of all other types is compared as double: exact for each of them. */
typedef struct {
    int on;
    double low, high;
} PadRange_F32, PadRange_ANY;
static PadRange_F32 pad_range_F32(const SampleJob *job) {
    PadRange_F32 range = {job->padded && job->pad_low <= job->pad_high, job->pad_low, job->pad_high};
    return range;
}
#define pad_range_ANY pad_range_F32

/* One element: of a known type, or of whatever type the job has (slower; no scanner writes these). */
#define OWN_TYPE(job, T, at) (((const T *)(job)->data)[at])
#define ANY_TYPE(job, T, at) element_of(job, at)
static double element_of(const SampleJob *job, int64_t at) {
    switch (job->dtype) {
    case I8: return ((const int8_t *)job->data)[at];
    case I32: return ((const int32_t *)job->data)[at];
    case U32: return ((const uint32_t *)job->data)[at];
    default: return ((const double *)job->data)[at];
    }
}

#define TYPED(T, NAME, FLOATING, ELEMENT)                                                                              \
    INLINE int is_padding_##NAME(T value, float v, PadRange_##NAME range) {                                            \
        int bad = FLOATING && !is_finite(v);                                                                           \
        if (range.on) bad |= (value >= range.low) & (value <= range.high);                                             \
        return bad;                                                                                                    \
    }                                                                                                                  \
    INLINE int load_##NAME##_run(const SampleJob *job, int64_t a, int64_t b, float f, int64_t stride, int64_t n,       \
                                 PadRange_##NAME range, float *restrict line) {                                        \
        int any = 0;                                                                                                   \
        if (a == b) {                                                                                                  \
            for (int64_t x = 0; x < n; x++) {                                                                          \
                T stored = ELEMENT(job, T, a + x * stride);                                                            \
                float v = (float)stored;                                                                               \
                int bad = is_padding_##NAME(stored, v, range);                                                         \
                any |= bad;                                                                                            \
                line[x] = bad ? NOTHING : v;                                                                           \
            }                                                                                                          \
            return any;                                                                                                \
        }                                                                                                              \
        for (int64_t x = 0; x < n; x++) {                                                                              \
            T first = ELEMENT(job, T, a + x * stride), second = ELEMENT(job, T, b + x * stride);                       \
            float v = (float)first, w = (float)second;                                                                 \
            int bad = is_padding_##NAME(first, v, range) | is_padding_##NAME(second, w, range);                        \
            any |= bad;                                                                                                \
            line[x] = bad ? NOTHING : v + f * (w - v);                                                                 \
        }                                                                                                              \
        return any;                                                                                                    \
    }                                                                                                                  \
    INLINE int load_##NAME##_body(const SampleJob *job, int64_t a, int64_t b, float f, int64_t stride, int64_t n,      \
                                  float *restrict line) {                                                              \
        PadRange_##NAME range = pad_range_##NAME(job), none = {0, 0, 0};                                               \
        /* Constants in the arguments make the compiler write the simple loops of the common types separately. */      \
        if (sizeof(T) == 2 && stride == 1 && !range.on)                                                                \
            return load_##NAME##_run(job, a, b, f, 1, n, none, line);                                                  \
        if (sizeof(T) == 2 && stride == 1) return load_##NAME##_run(job, a, b, f, 1, n, range, line);                  \
        return load_##NAME##_run(job, a, b, f, stride, n, range, line);                                                \
    }                                                                                                                  \
    INLINE float nearest_##NAME(const SampleJob *job, PadRange_##NAME range, const Cell cell[3]) {                     \
        int64_t at = (nearest_of(cell[0]) * job->count[1] + nearest_of(cell[1])) * job->count[2] + nearest_of(cell[2]);\
        T value = ELEMENT(job, T, at);                                                                                 \
        return is_padding_##NAME(value, (float)value, range) ? NOTHING : (float)value;                                 \
    }                                                                                                                  \
    INLINE float linear_##NAME(const SampleJob *job, PadRange_##NAME range, const Cell cell[3]) {                      \
        float value[2][2][2];                                                                                          \
        int bad = 0;                                                                                                   \
        for (int n = 0; n < 8; n++) {                                                                                  \
            int64_t k = n & 4 ? cell[0].upper : cell[0].lower, j = n & 2 ? cell[1].upper : cell[1].lower;              \
            int64_t i = n & 1 ? cell[2].upper : cell[2].lower;                                                         \
            T stored = ELEMENT(job, T, (k * job->count[1] + j) * job->count[2] + i);                                   \
            float v = (float)stored;                                                                                   \
            bad |= is_padding_##NAME(stored, v, range);                                                                \
            value[n >> 2][n >> 1 & 1][n & 1] = v;                                                                      \
        }                                                                                                              \
        if (bad) return nearest_##NAME(job, range, cell);                                                              \
        return trilinear(value, cell[0].fraction, cell[1].fraction, cell[2].fraction);                                 \
    }                                                                                                                  \
    static float cubic_##NAME(const SampleJob *job, PadRange_##NAME range, const Cell cell[3]) {                       \
        Taps k = cubic_taps(cell[0], job->count[0], !job->has_knots), j = cubic_taps(cell[1], job->count[1], 1),       \
             i = cubic_taps(cell[2], job->count[2], 1);                                                                \
        float total = 0;                                                                                               \
        for (int a = 0; a < k.n; a++)                                                                                  \
            for (int b = 0; b < j.n; b++) {                                                                            \
                int64_t row = (k.at[a] * job->count[1] + j.at[b]) * job->count[2];                                     \
                float sum = 0;                                                                                         \
                for (int c = 0; c < i.n; c++) {                                                                        \
                    T stored = ELEMENT(job, T, row + i.at[c]);                                                         \
                    if (is_padding_##NAME(stored, (float)stored, range)) return linear_##NAME(job, range, cell);       \
                    sum += i.weight[c] * (float)stored;                                                                \
                }                                                                                                      \
                total += k.weight[a] * j.weight[b] * sum;                                                              \
            }                                                                                                          \
        return total;                                                                                                  \
    }                                                                                                                  \
    static void points_##NAME(const SampleJob *job, const double start[3], int xa, int xb, const Slices *slices,       \
                              float *out) {                                                                            \
        PadRange_##NAME range = pad_range_##NAME(job);                                                                 \
        for (int x = xa; x < xb; x++) {                                                                                \
            Cell cell[3];                                                                                              \
            for (int axis = slices ? 1 : 0; axis < 3; axis++)                                                          \
                cell[axis] = cell_at(start[axis] + job->matrix[3 * axis] * x, job->count[axis]);                       \
            if (slices) {                                                                                              \
                Cell k = {slices->lower[x], slices->upper[x], slices->fraction[x]};                                    \
                cell[0] = k;                                                                                           \
            }                                                                                                          \
            out[x] = job->kind == NEAREST  ? nearest_##NAME(job, range, cell)                                          \
                     : job->kind == LINEAR ? linear_##NAME(job, range, cell)                                           \
                                           : cubic_##NAME(job, range, cell);                                           \
        }                                                                                                              \
    }

/* Slices around each pixel of one row of an oblique plane through a stack with knots. */
typedef struct {
    int32_t *lower, *upper;
    float *fraction;
    uint8_t *no_data;
} Slices;

typedef struct {
    int n;
    int64_t at[4];
    float weight[4];
} Taps;

/* Voxels that contribute along one axis; two, weighted linearly, when `cubic` is 0. */
static Taps cubic_taps(Cell cell, int64_t count, int cubic) {
    float f = cell.fraction;
    Taps taps = {1, {cell.lower}, {1}};
    if (f == 0) return taps;
    if (!cubic) {
        Taps two = {2, {cell.lower, cell.upper}, {1 - f, f}};
        return two;
    }
    float f2 = f * f, f3 = f2 * f;
    Taps four = {4,
                 {cell.lower > 0 ? cell.lower - 1 : 0, cell.lower, cell.upper,
                  cell.upper + 1 < count ? cell.upper + 1 : count - 1},
                 {0.5f * (-f3 + 2 * f2 - f), 0.5f * (3 * f3 - 5 * f2 + 2), 0.5f * (-3 * f3 + 4 * f2 + f),
                  0.5f * (f3 - f2)}};
    return four;
}

INLINE float trilinear(float v[2][2][2], float k, float j, float i) {
    float a = v[0][0][0] + i * (v[0][0][1] - v[0][0][0]), b = v[0][1][0] + i * (v[0][1][1] - v[0][1][0]);
    float c = v[1][0][0] + i * (v[1][0][1] - v[1][0][0]), d = v[1][1][0] + i * (v[1][1][1] - v[1][1][0]);
    float e = a + j * (b - a), g = c + j * (d - c);
    return e + k * (g - e);
}

TYPED(uint8_t, U8, 0, OWN_TYPE)
TYPED(int16_t, I16, 0, OWN_TYPE)
TYPED(uint16_t, U16, 0, OWN_TYPE)
TYPED(float, F32, 1, OWN_TYPE)
/* No scanner writes the other types. */
RARE static void points_ANY(const SampleJob *, const double[3], int, int, const Slices *, float *);
TYPED(double, ANY, 1, ANY_TYPE)

#define LOAD_PARAMETERS \
    (const SampleJob *job, int64_t a, int64_t b, float f, int64_t stride, int64_t n, float *restrict line)
#define LOAD_ARGUMENTS (job, a, b, f, stride, n, line)
TWO_WAYS(int, load_I16, LOAD_PARAMETERS, LOAD_ARGUMENTS)
TWO_WAYS(int, load_U16, LOAD_PARAMETERS, LOAD_ARGUMENTS)
TWO_WAYS(int, load_F32, LOAD_PARAMETERS, LOAD_ARGUMENTS)

RARE static int load_any(const SampleJob *job, int64_t a, int64_t b, float f, int64_t stride, int64_t n,
                         float *restrict line) {
    return load_ANY_body(job, a, b, f, stride, n, line);
}

static int load(const SampleJob *job, int64_t a, int64_t b, float f, int64_t stride, int64_t n, float *restrict line) {
    switch (job->dtype) {
    case U8: return load_U8_body(job, a, b, f, stride, n, line);
    case I16: return load_I16(job, a, b, f, stride, n, line);
    case U16: return load_U16(job, a, b, f, stride, n, line);
    case F32: return load_F32(job, a, b, f, stride, n, line);
    default: return load_any(job, a, b, f, stride, n, line);
    }
}

static void points(const SampleJob *job, const double start[3], int from, int to, const Slices *slices, float *out) {
    switch (job->dtype) {
    case U8: points_U8(job, start, from, to, slices, out); break;
    case I16: points_I16(job, start, from, to, slices, out); break;
    case U16: points_U16(job, start, from, to, slices, out); break;
    case F32: points_F32(job, start, from, to, slices, out); break;
    default: points_ANY(job, start, from, to, slices, out);
    }
}

static const int ELEMENT_SIZE[DTYPES] = {1, 1, 2, 2, 4, 4, 4, 8};

/* --- Scratch memory of one thread ----------------------------------------------------------------------------- */

/* Voxels and weights of the columns [from, to) of a plane of the grid, counted from voxel `first`. */
typedef struct {
    const SampleJob *job; /* what they were made for, NULL at first */
    double start;
    int32_t *lower, *upper, *nearest;
    float *fraction;
    uint8_t *no_data;
    int64_t first, last;
    int from, to, any_no_data;
} Columns;

typedef struct {
    float *line;               /* one source row as float */
    Columns columns[COLUMNS];  /* the strips of a picture have the same: made once for each of its samples */
    float *row[2], *nearest_row[2]; /* source rows resampled to the columns of the picture */
    float *strip, *samples;         /* slab: one sample of a strip, number of valid samples */
    Slices slices;
    void *block;
} Scratch;

static size_t take(size_t *total, size_t elements) {
    size_t at = *total;
    *total += (elements * sizeof(float) + 63) & ~(size_t)63;
    return at;
}

static int scratch_make(Scratch *s, int64_t width, int64_t line) {
    size_t total = 0, w = (size_t)width + 16;
    size_t at[] = {take(&total, (size_t)line + 16), take(&total, w), take(&total, w), take(&total, w),
                   take(&total, w), take(&total, w * STRIP), take(&total, w * STRIP), take(&total, w), take(&total, w),
                   take(&total, w), take(&total, w), take(&total, w * 5 * COLUMNS)};
    char *block = malloc(total);
    if (!block) return 0;
    s->block = block;
    s->line = (float *)(block + at[0]);
    for (int n = 0; n < 2; n++) {
        s->row[n] = (float *)(block + at[1 + n]);
        s->nearest_row[n] = (float *)(block + at[3 + n]);
    }
    s->strip = (float *)(block + at[5]);
    s->samples = (float *)(block + at[6]);
    s->slices.lower = (int32_t *)(block + at[7]);
    s->slices.upper = (int32_t *)(block + at[8]);
    s->slices.fraction = (float *)(block + at[9]);
    s->slices.no_data = (uint8_t *)(block + at[10]);
    for (int n = 0; n < COLUMNS; n++) {
        int32_t *own = (int32_t *)(block + at[11]) + (size_t)n * 5 * w;
        Columns columns = {.lower = own, .upper = own + w, .nearest = own + 2 * w, .fraction = (float *)(own + 3 * w),
                           .no_data = (uint8_t *)(own + 4 * w)};
        s->columns[n] = columns;
    }
    return 1;
}

static void fill(float *out, int from, int to, float value) {
    for (int x = from; x < to; x++) out[x] = value;
}

/* --- Planes parallel to the grid ------------------------------------------------------------------------------ */

/* Which array axis follows the columns of the picture, which the rows, and which stays. */
typedef struct {
    int across, down, still;
    double offset[3]; /* of the middle of the picture where an axis moves too little to matter */
} Grid;

static int grid_of(const SampleJob *job, Grid *grid) {
    grid->across = grid->down = -1;
    if (job->kind == CUBIC) return 0;
    for (int axis = 0; axis < 3; axis++) {
        double over_columns = job->matrix[3 * axis] * (job->width - 1);
        double over_rows = job->matrix[3 * axis + 1] * (job->height - 1);
        int across = over_columns > PARALLEL || over_columns < -PARALLEL;
        int down = over_rows > PARALLEL || over_rows < -PARALLEL;
        grid->offset[axis] = (across ? 0 : over_columns / 2) + (down ? 0 : over_rows / 2);
        if ((across && (down || grid->across >= 0)) || (down && grid->down >= 0)) return 0;
        if (across) grid->across = axis;
        if (down) grid->down = axis;
    }
    if (grid->across < 0 || grid->down < 0) return 0;
    grid->still = 3 - grid->across - grid->down;
    return 1;
}

INLINE void resample_body(const float *restrict line, const int32_t *restrict lower, const int32_t *restrict upper,
                          const float *restrict fraction, int from, int to, float *restrict row) {
    for (int x = from; x < to; x++) {
        float a = line[lower[x]], b = line[upper[x]];
        row[x] = a + fraction[x] * (b - a);
    }
}
INLINE void pick_body(const float *restrict line, const int32_t *restrict at, int from, int to, float *restrict row) {
    for (int x = from; x < to; x++) row[x] = line[at[x]];
}
INLINE void between_body(const float *restrict a, const float *restrict b, float f, int from, int to,
                         float *restrict out) {
    for (int x = from; x < to; x++) out[x] = a[x] + f * (b[x] - a[x]);
}
INLINE void patch_body(const float *restrict nearest, int from, int to, float *restrict out) {
    for (int x = from; x < to; x++) out[x] = out[x] == out[x] ? out[x] : nearest[x];
}
TWO_WAYS(void, resample,
         (const float *restrict line, const int32_t *restrict lower, const int32_t *restrict upper,
          const float *restrict fraction, int from, int to, float *restrict row),
         (line, lower, upper, fraction, from, to, row))
TWO_WAYS(void, pick, (const float *restrict line, const int32_t *restrict at, int from, int to, float *restrict row),
         (line, at, from, to, row))
TWO_WAYS(void, between,
         (const float *restrict a, const float *restrict b, float f, int from, int to, float *restrict out),
         (a, b, f, from, to, out))
TWO_WAYS(void, patch, (const float *restrict nearest, int from, int to, float *restrict out), (nearest, from, to, out))

static void columns_of(const SampleJob *job, int axis, double start, Columns *columns) {
    const int linear = job->kind == LINEAR, width = job->width;
    int64_t hint = 0, first = INT64_MAX, last = -1;
    int from = width, to = 0, any_no_data = 0;
    for (int x = 0; x < width; x++) {
        double index = start + job->matrix[3 * axis] * x;
        if (!(index >= job->low[axis] && index <= job->high[axis])) continue;
        if (x < from) from = x;
        to = x + 1;
        int no_data;
        Cell cell = axis_cell(job, axis, index, &hint, &no_data);
        if (!linear) cell.lower = cell.upper = nearest_of(cell), cell.fraction = 0;
        columns->no_data[x] = no_data != 0;
        any_no_data |= no_data;
        if (cell.lower < first) first = cell.lower;
        if (cell.upper > last) last = cell.upper;
        columns->lower[x] = (int32_t)cell.lower;
        columns->upper[x] = (int32_t)cell.upper;
        columns->nearest[x] = (int32_t)nearest_of(cell);
        columns->fraction[x] = cell.fraction;
    }
    for (int x = from; x < to; x++) {
        columns->lower[x] -= (int32_t)first;
        columns->upper[x] -= (int32_t)first;
        columns->nearest[x] -= (int32_t)first;
    }
    columns->job = job, columns->start = start;
    columns->from = from, columns->to = to, columns->any_no_data = any_no_data;
    columns->first = first, columns->last = last;
}

static void sample_grid(const SampleJob *job, const Grid *grid, int s, int y0, int y1, Scratch *scratch,
                        Columns *columns, float *out, int64_t stride) {
    const int64_t step[3] = {job->count[1] * job->count[2], job->count[2], 1};
    const int u = grid->across, v = grid->down, t = grid->still, width = job->width;
    const int linear = job->kind == LINEAR;
    int64_t hint = 0;
    int still_no_data;

    double start = (job->matrix[3 * u + 2] + s * job->step[u]) + grid->offset[u];
    if (columns->job != job || columns->start != start) columns_of(job, u, start, columns);
    const int from = columns->from, to = columns->to;
    const int64_t first = columns->first, last = columns->last;

    /* The slice, row or column of the array that is cut. */
    double depth = (job->matrix[3 * t + 2] + s * job->step[t]) + grid->offset[t];
    int outside = !(depth >= job->low[t] && depth <= job->high[t]) || from >= to;
    Cell still = axis_cell(job, t, depth, &hint, &still_no_data);
    if (!linear) still.lower = still.upper = nearest_of(still), still.fraction = 0;

    int64_t held[2] = {-1, -1}, held_nearest[2] = {-1, -1};
    int has_nothing[2] = {0, 0};
    hint = 0;
    for (int y = y0; y < y1; y++, out += stride) {
        double index = (job->matrix[3 * v + 1] * y + job->matrix[3 * v + 2]) + s * job->step[v] + grid->offset[v];
        if (outside || !(index >= job->low[v] && index <= job->high[v])) {
            fill(out, 0, width, NOTHING);
            continue;
        }
        fill(out, 0, from, NOTHING);
        fill(out, to, width, NOTHING);
        int no_data;
        Cell cell = axis_cell(job, v, index, &hint, &no_data);
        if (no_data || still_no_data) {
            fill(out, from, to, NO_DATA);
            continue;
        }
        if (!linear) cell.lower = cell.upper = nearest_of(cell), cell.fraction = 0;

        /* Have both source rows; the one that is not wanted any more gives its place to the new one. */
        int place[2];
        for (int n = 0; n < 2; n++) {
            int64_t want = n ? cell.upper : cell.lower, other = n ? cell.lower : cell.upper;
            int at = held[0] == want ? 0 : held[1] == want ? 1 : held[0] == other ? 1 : 0;
            if (held[at] != want) {
                int64_t row = want * step[v] + first * step[u];
                has_nothing[at] = load(job, row + still.lower * step[t], row + still.upper * step[t], still.fraction,
                                       step[u], last - first + 1, scratch->line);
                resample(scratch->line, columns->lower, columns->upper, columns->fraction, from, to, scratch->row[at]);
                held[at] = want;
            }
            place[n] = at;
        }
        if (cell.fraction == 0)
            memcpy(out + from, scratch->row[place[0]] + from, (size_t)(to - from) * sizeof *out);
        else
            between(scratch->row[place[0]], scratch->row[place[1]], cell.fraction, from, to, out);

        /* Where padding would have been mixed in, the nearest voxel stands. */
        if (linear && (has_nothing[place[0]] || has_nothing[place[1]])) {
            int64_t want = nearest_of(cell);
            int at = want == cell.lower ? place[0] : place[1];
            if (held_nearest[at] != want) {
                int64_t row = want * step[v] + first * step[u] + nearest_of(still) * step[t];
                load(job, row, row, 0, step[u], last - first + 1, scratch->line);
                pick(scratch->line, columns->nearest, from, to, scratch->nearest_row[at]);
                held_nearest[at] = want;
            }
            patch(scratch->nearest_row[at], from, to, out);
        }
        if (columns->any_no_data)
            for (int x = from; x < to; x++)
                if (columns->no_data[x]) out[x] = NO_DATA;
    }
}

/* --- Oblique planes ------------------------------------------------------------------------------------------- */

/* First column in [from, to) whose index is >= bound (or > bound), on a rising axis. */
static int is_above(double index, double bound, int strictly) { return strictly ? index > bound : index >= bound; }
static int first_above(double start, double slope, double bound, int strictly, int from, int to) {
    /* Most rows lie inside as a whole. */
    if (from < to && is_above(start + slope * from, bound, strictly)) return from;
    if (from < to && !is_above(start + slope * (to - 1), bound, strictly)) return to;
    while (from < to) {
        int middle = from + (to - from) / 2;
        if (is_above(start + slope * middle, bound, strictly))
            to = middle;
        else
            from = middle + 1;
    }
    return from;
}

/* Narrow [from, to) to the columns whose index lies in [low, high]; exact, since rounding keeps the order. */
static void clip_columns(double start, double slope, double low, double high, int *from, int *to) {
    if (slope < 0) {
        double swap = low;
        start = -start, slope = -slope, low = -high, high = -swap;
    }
    if (slope == 0) {
        if (!(start >= low && start <= high)) *to = *from;
        return;
    }
    *from = first_above(start, slope, low, 0, *from, *to);
    *to = first_above(start, slope, high, 1, *from, *to);
}

#if WITH_AVX2
typedef struct {
    __m256 corner[8]; /* bit 2: upper slice, bit 1: upper row, bit 0: upper column */
    __m256 k, j, i;   /* fractions */
} Block;

AVX2 INLINE __m256 lerp8(__m256 a, __m256 b, __m256 t) { return _mm256_fmadd_ps(t, _mm256_sub_ps(b, a), a); }

AVX2 INLINE __m256 trilinear8(const Block *b) {
    __m256 near = lerp8(lerp8(b->corner[0], b->corner[1], b->i), lerp8(b->corner[2], b->corner[3], b->i), b->j);
    __m256 far = lerp8(lerp8(b->corner[4], b->corner[5], b->i), lerp8(b->corner[6], b->corner[7], b->i), b->j);
    return lerp8(near, far, b->k);
}

AVX2 INLINE __m256 either8(__m256 lower, __m256 upper, __m256 fraction) {
    __m256 has_lower = _mm256_cmp_ps(fraction, _mm256_set1_ps(1), _CMP_LT_OQ);
    __m256 has_upper = _mm256_cmp_ps(fraction, _mm256_setzero_ps(), _CMP_GT_OQ);
    return _mm256_or_ps(_mm256_and_ps(lower, has_lower), _mm256_and_ps(upper, has_upper));
}

AVX2 INLINE __m256 snapped8(__m256 fraction) {
    __m256 up = _mm256_cmp_ps(fraction, _mm256_set1_ps(SNAP_HIGH), _CMP_GT_OQ);
    __m256 kept = _mm256_cmp_ps(fraction, _mm256_set1_ps(SNAP), _CMP_GE_OQ);
    return _mm256_blendv_ps(_mm256_and_ps(fraction, kept), _mm256_set1_ps(1), up);
}

AVX2 INLINE __m256 nearest8(const Block *b) {
    const __m256 high = _mm256_set1_ps(NEAREST_HIGH);
    __m256 up_k = _mm256_cmp_ps(b->k, high, _CMP_GE_OQ), up_j = _mm256_cmp_ps(b->j, high, _CMP_GE_OQ),
           up_i = _mm256_cmp_ps(b->i, high, _CMP_GE_OQ), nearest[4];
    for (int n = 0; n < 4; n++) nearest[n] = _mm256_blendv_ps(b->corner[2 * n], b->corner[2 * n + 1], up_i);
    nearest[0] = _mm256_blendv_ps(nearest[0], nearest[1], up_j);
    nearest[2] = _mm256_blendv_ps(nearest[2], nearest[3], up_j);
    return _mm256_blendv_ps(nearest[0], nearest[2], up_k);
}

/* Eight pixels some of which touch padding (NaN corners): those take their nearest voxel. */
AVX2 static __m256 beside_padding8(const Block *b) {
    __m256 bad[8];
    Block clean = {.k = snapped8(b->k), .j = snapped8(b->j), .i = snapped8(b->i)};
    for (int n = 0; n < 8; n++) {
        bad[n] = _mm256_cmp_ps(b->corner[n], b->corner[n], _CMP_UNORD_Q);
        clean.corner[n] = _mm256_andnot_ps(bad[n], b->corner[n]);
    }
    for (int n = 0; n < 8; n += 2) bad[n] = either8(bad[n], bad[n + 1], clean.i);
    __m256 lower = either8(bad[0], bad[2], clean.j), upper = either8(bad[4], bad[6], clean.j);
    return _mm256_blendv_ps(trilinear8(&clean), nearest8(b), either8(lower, upper, clean.k));
}

/*
 * Single loads put together instead of the gather instructions, which are slower than this on many processors (AMD, and
 * Intel since its microcode guards them).
 */
typedef struct {
    ptrdiff_t at[8]; /* in bytes */
} Offsets;

AVX2 INLINE Offsets offsets_of(__m256i elements, ptrdiff_t size) {
    __m128i low = _mm256_castsi256_si128(elements), high = _mm256_extracti128_si256(elements, 1);
    int64_t a = _mm_cvtsi128_si64(low), b = _mm_extract_epi64(low, 1);
    int64_t c = _mm_cvtsi128_si64(high), d = _mm_extract_epi64(high, 1);
    Offsets o = {{(int32_t)a * size, (a >> 32) * size, (int32_t)b * size, (b >> 32) * size, (int32_t)c * size,
                  (c >> 32) * size, (int32_t)d * size, (d >> 32) * size}};
    return o;
}

INLINE int32_t word_at(const void *base, ptrdiff_t at) {
    int32_t word;
    memcpy(&word, (const char *)base + at, sizeof word);
    return word;
}

/* Eight 32-bit words. */
AVX2 INLINE __m256i words_at(const void *base, Offsets o) {
    return _mm256_setr_epi32(word_at(base, o.at[0]), word_at(base, o.at[1]), word_at(base, o.at[2]),
                             word_at(base, o.at[3]), word_at(base, o.at[4]), word_at(base, o.at[5]),
                             word_at(base, o.at[6]), word_at(base, o.at[7]));
}

INLINE int64_t double_word_at(const void *base, ptrdiff_t at) {
    int64_t words;
    memcpy(&words, (const char *)base + at, sizeof words);
    return words;
}

/* Eight pairs of neighbouring float32: the lower ones and the upper ones. */
AVX2 INLINE void float_pairs_at(const float *base, Offsets o, __m256 *lower, __m256 *upper) {
    __m256i a = _mm256_setr_epi64x(double_word_at(base, o.at[0]), double_word_at(base, o.at[1]),
                                   double_word_at(base, o.at[4]), double_word_at(base, o.at[5]));
    __m256i b = _mm256_setr_epi64x(double_word_at(base, o.at[2]), double_word_at(base, o.at[3]),
                                   double_word_at(base, o.at[6]), double_word_at(base, o.at[7]));
    *lower = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88);
    *upper = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0xdd);
}

typedef struct {
    __m256 rest;     /* index of each of eight pixels, relative to `whole` */
    int64_t whole;
} Start;

AVX2 INLINE Start start8(double index, __m256 ramp) {
    Start at = {.whole = (int64_t)index};
    at.rest = _mm256_add_ps(_mm256_set1_ps((float)(index - (double)at.whole)), ramp);
    return at;
}

/*
 * Ask for the voxels of eight pixels of a later row, at every second pixel: neighbours of oblique planes lie so far
 * apart in memory that waiting for them would take most of the time. A wrong address costs time, nothing else.
 */
AVX2 INLINE void prefetch8(const SampleJob *job, const double ahead[3], int x, const Slices *slices, int size) {
    const double *m = job->matrix;
    const int64_t row = job->count[2] * size, slice = job->count[1] * row;
    for (int n = x; n < x + 8; n += 2) {
        double w = slices ? slices->lower[n] : ahead[0] + m[0] * n;
        char *at = (char *)((uintptr_t)job->data + (uintptr_t)((int64_t)w * slice + (int64_t)(ahead[1] + m[3] * n) * row +
                                                               (int64_t)(ahead[2] + m[6] * n) * size));
        _mm_prefetch(at, _MM_HINT_T0);
        _mm_prefetch((char *)((uintptr_t)at + (uintptr_t)row), _MM_HINT_T0);
        _mm_prefetch((char *)((uintptr_t)at + (uintptr_t)slice), _MM_HINT_T0);
        _mm_prefetch((char *)((uintptr_t)at + (uintptr_t)(slice + row)), _MM_HINT_T0);
    }
}

/*
 * Pixels [from, to) of one row by gathers, eight at a time; all of them lie between voxel centres on every axis without
 * `slices`. Offsets are relative to the first voxel of each block, so arrays of any size need no 64-bit gathers.
 * Returns the first column that is left to do.
 */
AVX2 INLINE int gather_row(const SampleJob *job, const double start[3], const double *ahead, int from, int to,
                           const Slices *slices, float *out, const int dtype) {
    const __m256 lane = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
    const double *m = job->matrix;
    const int64_t row = job->count[2], slice = job->count[1] * row;
    const __m256 ramp_k = _mm256_mul_ps(lane, _mm256_set1_ps((float)m[0])),
                 ramp_j = _mm256_mul_ps(lane, _mm256_set1_ps((float)m[3])),
                 ramp_i = _mm256_mul_ps(lane, _mm256_set1_ps((float)m[6]));
    const __m256i row8 = _mm256_set1_epi32((int)row), slice8 = _mm256_set1_epi32((int)slice);
    const __m256 nothing = _mm256_set1_ps(NOTHING);
    const int linear = job->kind == LINEAR;
    int padded = 0;
    __m256i pad_low = _mm256_setzero_si256(), pad_range = pad_low;
    __m256 float_low = nothing, float_high = nothing;
    if (dtype == I16) {
        PadRange_I16 range = pad_range_I16(job);
        padded = range.on;
        pad_low = _mm256_set1_epi16(range.low);
        pad_range = _mm256_set1_epi16((int16_t)(range.high - range.low));
    } else if (dtype == U16) {
        PadRange_U16 range = pad_range_U16(job);
        padded = range.on;
        pad_low = _mm256_set1_epi16((int16_t)range.low);
        pad_range = _mm256_set1_epi16((int16_t)(range.high - range.low));
    } else if (job->padded && job->pad_low <= job->pad_high) {
        /* The range as float32: rounded inwards, so that it holds the same float32 values. */
        float low = (float)job->pad_low, high = (float)job->pad_high;
        padded = 1;
        uint32_t bits;
        if ((double)low < job->pad_low) {
            memcpy(&bits, &low, 4);
            low = low == 0 ? bits_to_float(1) : bits_to_float(low > 0 ? bits + 1 : bits - 1);
        }
        if ((double)high > job->pad_high) {
            memcpy(&bits, &high, 4);
            high = high == 0 ? bits_to_float(0x80000001u) : bits_to_float(high > 0 ? bits - 1 : bits + 1);
        }
        float_low = _mm256_set1_ps(low);
        float_high = _mm256_set1_ps(high);
    }

    int x = from;
    for (; x + 8 <= to; x += 8) {
        Block b;
        if (ahead) prefetch8(job, ahead, x, slices, dtype == F32 ? 4 : 2);
        Start at_j = start8(start[1] + m[3] * x, ramp_j), at_i = start8(start[2] + m[6] * x, ramp_i);
        __m256 whole_j = _mm256_floor_ps(at_j.rest), whole_i = _mm256_floor_ps(at_i.rest);
        b.j = _mm256_sub_ps(at_j.rest, whole_j);
        b.i = _mm256_sub_ps(at_i.rest, whole_i);
        __m256i offset = _mm256_add_epi32(_mm256_cvtps_epi32(whole_i),
                                          _mm256_mullo_epi32(_mm256_cvtps_epi32(whole_j), row8));
        __m256i upper_offset;
        int64_t whole_k, further = slice;
        if (slices) {
            whole_k = slices->lower[x];
            further = 0;
            __m256i first = _mm256_set1_epi32((int)whole_k);
            __m256i low = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(slices->lower + x)), first);
            __m256i up = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(slices->upper + x)), first);
            upper_offset = _mm256_add_epi32(offset, _mm256_mullo_epi32(up, slice8));
            offset = _mm256_add_epi32(offset, _mm256_mullo_epi32(low, slice8));
            b.k = _mm256_loadu_ps(slices->fraction + x);
        } else {
            Start at_k = start8(start[0] + m[0] * x, ramp_k);
            __m256 whole = _mm256_floor_ps(at_k.rest);
            whole_k = at_k.whole;
            b.k = _mm256_sub_ps(at_k.rest, whole);
            offset = _mm256_add_epi32(offset, _mm256_mullo_epi32(_mm256_cvtps_epi32(whole), slice8));
            upper_offset = offset;
        }
        int64_t base = whole_k * slice + at_j.whole * row + at_i.whole;
        if (dtype == F32) {
            const float *v = (const float *)job->data + base;
            Offsets at = offsets_of(offset, 4), upper_at = slices ? offsets_of(upper_offset, 4) : at;
            for (int n = 0; n < 8; n += 2)
                float_pairs_at(v + (n & 4 ? further : 0) + (n & 2 ? row : 0), n & 4 ? upper_at : at, &b.corner[n],
                               &b.corner[n + 1]);
            for (int n = 0; n < 8 && padded; n++)
                b.corner[n] =
                    _mm256_or_ps(b.corner[n], _mm256_and_ps(_mm256_cmp_ps(b.corner[n], float_low, _CMP_GE_OQ),
                                                            _mm256_cmp_ps(b.corner[n], float_high, _CMP_LE_OQ)));
            __m256 value = linear ? trilinear8(&b) : nearest8(&b), zero = _mm256_sub_ps(value, value);
            if (_mm256_movemask_ps(_mm256_cmp_ps(zero, zero, _CMP_UNORD_Q))) {
                Block marked = b;
                for (int n = 0; n < 8; n++) {
                    zero = _mm256_sub_ps(b.corner[n], b.corner[n]);
                    marked.corner[n] = _mm256_or_ps(b.corner[n], _mm256_cmp_ps(zero, zero, _CMP_UNORD_Q));
                }
                value = linear ? beside_padding8(&marked) : nearest8(&marked);
            }
            _mm256_storeu_ps(out + x, value);
            continue;
        }
        const int16_t *v = (const int16_t *)job->data + base;
        Offsets at = offsets_of(offset, 2), upper_at = slices ? offsets_of(upper_offset, 2) : at;
        __m256i pair[4], bad[4], any = _mm256_setzero_si256(), all = _mm256_set1_epi32(-1);
        for (int n = 0; n < 4; n++) {
            pair[n] = words_at(v + (n & 2 ? further : 0) + (n & 1 ? row : 0), n & 2 ? upper_at : at);
            if (dtype == I16) {
                b.corner[2 * n] = _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(pair[n], 16), 16));
                b.corner[2 * n + 1] = _mm256_cvtepi32_ps(_mm256_srai_epi32(pair[n], 16));
            } else {
                b.corner[2 * n] = _mm256_cvtepi32_ps(_mm256_and_si256(pair[n], _mm256_set1_epi32(0xffff)));
                b.corner[2 * n + 1] = _mm256_cvtepi32_ps(_mm256_srli_epi32(pair[n], 16));
            }
        }
        if (padded) {
            for (int n = 0; n < 4; n++) {
                __m256i above = _mm256_sub_epi16(pair[n], pad_low);
                bad[n] = _mm256_cmpeq_epi16(_mm256_min_epu16(above, pad_range), above);
                any = _mm256_or_si256(any, bad[n]);
                all = _mm256_and_si256(all, bad[n]);
            }
            if (!_mm256_testz_si256(any, any)) {
                if (_mm256_movemask_epi8(all) == -1) {
                    _mm256_storeu_ps(out + x, nothing);
                    continue;
                }
                Block marked = b; /* its address is taken: the block itself stays in registers */
                for (int n = 0; n < 4; n++) {
                    __m256i low = _mm256_srai_epi32(_mm256_slli_epi32(bad[n], 16), 16);
                    __m256i high = _mm256_srai_epi32(bad[n], 16);
                    marked.corner[2 * n] = _mm256_or_ps(b.corner[2 * n], _mm256_castsi256_ps(low));
                    marked.corner[2 * n + 1] = _mm256_or_ps(b.corner[2 * n + 1], _mm256_castsi256_ps(high));
                }
                _mm256_storeu_ps(out + x, linear ? beside_padding8(&marked) : nearest8(&marked));
                continue;
            }
        }
        _mm256_storeu_ps(out + x, linear ? trilinear8(&b) : nearest8(&b));
    }
    return x;
}

AVX2 static int gather_row_any(const SampleJob *job, const double start[3], const double *ahead, int from, int to,
                               const Slices *slices, float *out) {
    switch (job->dtype) {
    case I16: return gather_row(job, start, ahead, from, to, slices, out, I16);
    case U16: return gather_row(job, start, ahead, from, to, slices, out, U16);
    default: return gather_row(job, start, ahead, from, to, slices, out, F32);
    }
}

/* Whether eight neighbouring pixels lie so close together that their offsets fit the gathers. */
static int may_gather(const SampleJob *job) {
    if (!has_avx2() || job->kind == CUBIC || (job->dtype != I16 && job->dtype != U16 && job->dtype != F32)) return 0;
    const double size[3] = {(double)job->count[1] * (double)job->count[2], (double)job->count[2], 1};
    double reach = 0;
    for (int axis = 0; axis < 3; axis++) {
        double slope = job->matrix[3 * axis] < 0 ? -job->matrix[3 * axis] : job->matrix[3 * axis];
        if (slope > 64) return 0;
        /* With knots the slices of eight pixels may be any. */
        reach += (axis == 0 && job->has_knots ? (double)job->count[0] : 8 * slope + 2) * size[axis];
    }
    return reach < 536870912.0; /* bytes of the widest element still fit 31 bits */
}
#else
static int may_gather(const SampleJob *job) { return (void)job, 0; }
static int gather_row_any(const SampleJob *job, const double start[3], const double *ahead, int from, int to,
                          const Slices *slices, float *out) {
    return (void)job, (void)start, (void)ahead, (void)to, (void)slices, (void)out, from;
}
#endif

static void sample_oblique(const SampleJob *job, int s, int y0, int y1, Scratch *scratch, float *out, int64_t stride) {
    const Slices *slices = job->has_knots ? &scratch->slices : NULL;
    const int gather = may_gather(job);
    int64_t hint = 0;
    for (int y = y0; y < y1; y++, out += stride) {
        double start[3], ahead[3];
        int from = 0, to = job->width;
        for (int axis = 0; axis < 3; axis++) {
            start[axis] = row_start(job, axis, y, s);
            ahead[axis] = start[axis] + ROWS_AHEAD * job->matrix[3 * axis + 1];
            clip_columns(start[axis], job->matrix[3 * axis], job->low[axis], job->high[axis], &from, &to);
        }
        fill(out, 0, from, NOTHING);
        fill(out, to, job->width, NOTHING);
        int any_no_data = 0;
        if (slices)
            for (int x = from; x < to; x++) {
                int no_data;
                Cell cell = knot_cell_at(job, start[0] + job->matrix[0] * x, &hint, &no_data);
                slices->lower[x] = (int32_t)cell.lower;
                slices->upper[x] = (int32_t)cell.upper;
                slices->fraction[x] = cell.fraction;
                slices->no_data[x] = no_data != 0;
                any_no_data |= no_data;
            }
        int left = from;
        if (gather) {
            /* Gathers need a neighbour on both sides of every pixel, with room for their rounding. */
            int inner = from, inner_end = to;
            for (int axis = slices ? 1 : 0; axis < 3; axis++)
                clip_columns(start[axis], job->matrix[3 * axis], 1e-3, (double)job->count[axis] - 1.001, &inner,
                             &inner_end);
            if (inner < inner_end) {
                points(job, start, from, inner, slices, out);
                left = gather_row_any(job, start, y + ROWS_AHEAD < y1 ? ahead : NULL, inner, inner_end, slices, out);
                /* The rest of less than eight, together with some pixels that are there. */
                if (left < inner_end && left - inner >= 8)
                    left = gather_row_any(job, start, NULL, inner_end - 8, inner_end, slices, out);
            }
        }
        points(job, start, left, to, slices, out);
        if (any_no_data)
            for (int x = from; x < to; x++)
                if (slices->no_data[x]) out[x] = NO_DATA;
    }
}

/* --- Slabs ---------------------------------------------------------------------------------------------------- */

/* Until a valid sample came, the result holds NaN, or +infinity once a sample said "no data". */
#define REDUCE(NAME, VALUE)                                                                                \
    INLINE void reduce_##NAME##_body(const float *restrict in, int n, float *restrict out) {               \
        for (int x = 0; x < n; x++) {                                                                      \
            float v = in[x], so_far = out[x];                                                              \
            int empty = !is_finite(so_far);                                                                \
            float joined = empty ? v : (VALUE);                                                            \
            float without = empty & (v == NO_DATA) ? v : so_far;                                           \
            out[x] = is_finite(v) ? joined : without;                                                      \
        }                                                                                                  \
    }                                                                                                      \
    TWO_WAYS(void, reduce_##NAME, (const float *restrict in, int n, float *restrict out), (in, n, out))
REDUCE(max, v > so_far ? v : so_far)
REDUCE(min, v < so_far ? v : so_far)
REDUCE(sum, v + so_far)

static void sample_strip(const SampleJob *job, int y0, int y1, Scratch *scratch, Columns *columns) {
    Grid grid;
    const int parallel = grid_of(job, &grid), width = job->width;
    float *out = job->out + y0 * job->out_stride;
    if (job->has_knots && job->knots == 0) {
        for (int y = y0; y < y1; y++, out += job->out_stride) fill(out, 0, width, NOTHING);
        return;
    }
    if (job->samples == 1) {
        if (parallel)
            sample_grid(job, &grid, 0, y0, y1, scratch, columns, out, job->out_stride);
        else
            sample_oblique(job, 0, y0, y1, scratch, out, job->out_stride);
        return;
    }
    const int mean = job->reduce == REDUCE_MEAN;
    for (int y = 0; y < y1 - y0; y++) fill(out + y * job->out_stride, 0, width, NOTHING);
    if (mean) fill(scratch->samples, 0, (y1 - y0) * width, 0);
    for (int n = 0; n < job->samples; n++) {
        int s = n - job->samples / 2;
        if (parallel)
            sample_grid(job, &grid, s, y0, y1, scratch, columns, scratch->strip, width);
        else
            sample_oblique(job, s, y0, y1, scratch, scratch->strip, width);
        for (int y = 0; y < y1 - y0; y++) {
            const float *in = scratch->strip + (int64_t)y * width;
            float *to = out + y * job->out_stride;
            if (job->reduce == REDUCE_MAX)
                reduce_max(in, width, to);
            else if (job->reduce == REDUCE_MIN)
                reduce_min(in, width, to);
            else
                reduce_sum(in, width, to);
            if (mean)
                for (int x = 0; x < width; x++) scratch->samples[(int64_t)y * width + x] += is_finite(in[x]);
        }
    }
    if (mean)
        for (int y = 0; y < y1 - y0; y++)
            for (int x = 0; x < width; x++) {
                float number = scratch->samples[(int64_t)y * width + x];
                if (number > 0) out[y * job->out_stride + x] /= number;
            }
}

/* --- Colour --------------------------------------------------------------------------------------------------- */

INLINE uint32_t swap_red_blue(uint32_t c) { return (c & 0xff00ff00u) | (c & 0xffu) << 16 | (c >> 16 & 0xffu); }

/* round((below * (255 - a) + colour * a) / 255) in each channel; the alpha byte of the result is of no use. */
INLINE uint32_t blend(uint32_t below, uint32_t colour) {
    uint32_t a = colour >> 24, rest = 255 - a;
    uint32_t red_blue = (below & 0xff00ffu) * rest + (colour & 0xff00ffu) * a + 0x800080u;
    uint32_t green = (below >> 8 & 0xffu) * rest + (colour >> 8 & 0xffu) * a + 0x80u;
    red_blue = (red_blue + (red_blue >> 8 & 0xff00ffu)) >> 8 & 0xff00ffu;
    green = (green + (green >> 8)) >> 8;
    return red_blue | green << 8;
}

INLINE int32_t table_index(const ColourLayer *layer, float v) {
    float last = (float)(layer->entries - 1), place = (v - layer->lower) * layer->scale;
    if (layer->step) return v > layer->lower ? layer->entries - 1 : 0;
    place = place > 0 ? place : 0; /* also for NaN */
    place = place < last ? place : last;
    int32_t at = (int32_t)(place + layer->offset);
    return at < layer->entries ? at : layer->entries - 1;
}

/* What turns the index into a grey table of 256 opaque steps into its grey level: 0 as it is, 255 from white to black;
 * -1 for any other table. */
static int grey_of(const ColourLayer *layer) {
    const uint32_t flip = layer->table[0] & 0xffu;
    if (layer->entries != 256 || (flip != 0 && flip != 255)) return -1;
    for (uint32_t n = 0; n < 256; n++)
        if (layer->table[n] != (0xff000000u | (n ^ flip) * 0x010101u)) return -1;
    return (int)flip;
}

#if WITH_AVX2
AVX2 INLINE __m256i blend8(__m256i below, __m256i colour) {
    const __m256i bytes = _mm256_set1_epi16(0xff), half = _mm256_set1_epi16(0x80);
    __m256i a = _mm256_srli_epi32(colour, 24), rest;
    a = _mm256_or_si256(a, _mm256_slli_epi32(a, 16));
    rest = _mm256_sub_epi16(bytes, a);
    __m256i red_blue = _mm256_add_epi16(_mm256_mullo_epi16(_mm256_and_si256(below, bytes), rest),
                                        _mm256_mullo_epi16(_mm256_and_si256(colour, bytes), a));
    __m256i green = _mm256_add_epi16(_mm256_mullo_epi16(_mm256_srli_epi16(below, 8), rest),
                                     _mm256_mullo_epi16(_mm256_srli_epi16(colour, 8), a));
    red_blue = _mm256_add_epi16(red_blue, half);
    green = _mm256_add_epi16(green, half);
    red_blue = _mm256_srli_epi16(_mm256_add_epi16(red_blue, _mm256_srli_epi16(red_blue, 8)), 8);
    green = _mm256_add_epi16(green, _mm256_srli_epi16(green, 8));
    return _mm256_or_si256(red_blue, _mm256_andnot_si256(bytes, green));
}

/* Pixels of one scalar layer, eight at a time; returns the number done. */
AVX2 static int colour_row_avx2(const ColourLayer *layer, int grey, const float *values, int width, uint32_t *row,
                                int *no_data) {
    const __m256 lower = _mm256_set1_ps(layer->lower), scale = _mm256_set1_ps(layer->scale);
    const __m256 offset = _mm256_set1_ps(layer->offset), last = _mm256_set1_ps((float)(layer->entries - 1));
    const __m256 infinity = _mm256_set1_ps(NO_DATA);
    const __m256i end = _mm256_set1_epi32(layer->entries - 1), opaque = _mm256_set1_epi32((int)0xff000000u);
    const __m256i flip = _mm256_set1_epi32(grey);
    __m256 any = _mm256_setzero_ps();
    int x = 0;
    for (; x + 8 <= width; x += 8) {
        __m256 v = _mm256_loadu_ps(values + x), place = _mm256_mul_ps(_mm256_sub_ps(v, lower), scale);
        /* The order of the operands makes NaN the other one. */
        place = _mm256_min_ps(_mm256_max_ps(place, _mm256_setzero_ps()), last);
        __m256i at = _mm256_min_epi32(_mm256_cvttps_epi32(_mm256_add_ps(place, offset)), end);
        __m256 infinite = _mm256_cmp_ps(v, infinity, _CMP_EQ_OQ);
        __m256i without = _mm256_castps_si256(_mm256_or_ps(infinite, _mm256_cmp_ps(v, v, _CMP_UNORD_Q)));
        __m256i colour;
        if (grey >= 0) {
            __m256i level = _mm256_xor_si256(at, flip);
            colour = _mm256_or_si256(_mm256_or_si256(level, _mm256_slli_epi32(level, 8)),
                                     _mm256_or_si256(_mm256_slli_epi32(level, 16), opaque));
        } else {
            colour = words_at(layer->table, offsets_of(at, sizeof *layer->table));
        }
        colour = _mm256_andnot_si256(without, colour);
        any = _mm256_or_ps(any, infinite);
        if (!_mm256_testc_si256(colour, opaque)) colour = blend8(_mm256_loadu_si256((const __m256i *)(row + x)), colour);
        _mm256_storeu_si256((__m256i *)(row + x), colour);
    }
    *no_data |= _mm256_movemask_ps(any);
    return x;
}
#else
static int colour_row_avx2(const ColourLayer *layer, int grey, const float *values, int width, uint32_t *row,
                           int *no_data) {
    return (void)layer, (void)grey, (void)values, (void)width, (void)row, (void)no_data, 0;
}
#endif

/* One layer onto one row of pixels in table order. NaN leaves the pixel; no data draws the hatch as opaque as the last
 * entry. */
static void colour_row(const ComposeJob *job, const ColourLayer *layer, int grey, int y, uint32_t *row) {
    const uint32_t *table = layer->table, top = table[layer->entries - 1] & 0xff000000u;
    const float *red = layer->values[0] + y * layer->stride[0];
    const float *green = layer->channels == 3 ? layer->values[1] + y * layer->stride[1] : red;
    const float *blue = layer->channels == 3 ? layer->values[2] + y * layer->stride[2] : red;
    int no_data = 0, x = 0;
    if (layer->channels == 1 && !layer->step && has_avx2())
        x = colour_row_avx2(layer, grey, red, job->width, row, &no_data);
    for (; x < job->width; x++) {
        uint32_t colour = 0;
        if (red[x] == NO_DATA)
            no_data = 1;
        else if (red[x] == red[x])
            colour = (table[table_index(layer, red[x])] & 0xff0000ffu) | (table[table_index(layer, green[x])] & 0xff00u) |
                     (table[table_index(layer, blue[x])] & 0xff0000u);
        row[x] = blend(row[x], colour);
    }
    if (!no_data) return;
    const uint32_t line = swap_red_blue(job->hatch_line & 0xffffffu) | top;
    const uint32_t ground = swap_red_blue(job->hatch_ground & 0xffffffu) | top;
    for (x = 0; x < job->width; x++)
        if (red[x] == NO_DATA) row[x] = blend(row[x], (x + y) % HATCH_PERIOD < HATCH_WIDTH ? line : ground);
}

INLINE void finish_row_body(uint32_t *restrict row, int n) {
    for (int x = 0; x < n; x++) row[x] = swap_red_blue(row[x]) | 0xff000000u;
}
TWO_WAYS(void, finish_row, (uint32_t *restrict row, int n), (row, n))

static void compose_strip(const ComposeJob *job, int y0, int y1) {
    const uint32_t background = swap_red_blue(job->background);
    const int width = job->width;
    int grey[MAX_LAYERS];
    for (int n = 0; n < job->layer_count; n++) grey[n] = grey_of(&job->layers[n]);
    for (int y = y0; y < y1; y++) {
        uint32_t *row = job->out + y * job->out_stride;
        for (int x = 0; x < width; x++) row[x] = background;
        for (int n = 0; n < job->layer_count; n++) colour_row(job, &job->layers[n], grey[n], y, row);
        finish_row(row, width);
    }
}

/* --- Checks and entry points ---------------------------------------------------------------------------------- */

static int within(const double *v, int n, double limit) {
    for (int i = 0; i < n; i++)
        if (!(v[i] >= -limit && v[i] <= limit)) return 0;
    return 1;
}

static int picture_fits(const void *out, int64_t stride, int width, int height) {
    return out && ((uintptr_t)out & 3) == 0 && width >= 1 && width <= MAX_EXTENT && height >= 1 &&
           height <= MAX_EXTENT && stride >= width && stride <= ((int64_t)1 << 40);
}

static int sample_job_fits(const SampleJob *job) {
    if (!picture_fits(job->out, job->out_stride, job->width, job->height)) return 0;
    if (job->dtype < 0 || job->dtype >= DTYPES || job->kind < NEAREST || job->kind > CUBIC) return 0;
    if (!job->data || (uintptr_t)job->data % (uintptr_t)ELEMENT_SIZE[job->dtype]) return 0;
    for (int axis = 0; axis < 3; axis++)
        if (job->count[axis] < 1 || job->count[axis] > MAX_EXTENT) return 0;
    if (job->samples < 1 || job->samples > MAX_SAMPLES || job->samples % 2 == 0) return 0;
    if (job->reduce < REDUCE_MAX || job->reduce > REDUCE_SUM) return 0;
    if (!within(job->matrix, 9, FAR_AWAY) || !within(job->step, 3, FAR_AWAY)) return 0;
    if (!within(job->low, 3, FAR_AWAY) || !within(job->high, 3, FAR_AWAY)) return 0;
    if (!job->has_knots || job->knots == 0) return 1;
    if (job->knots < 0 || job->knots > job->count[0]) return 0;
    if (!job->knot_w || !job->knot_k || !job->knot_no_data || !within(job->knot_w, (int)job->knots, FAR_AWAY)) return 0;
    for (int64_t n = 0; n < job->knots; n++) {
        if (job->knot_k[n] < 0 || job->knot_k[n] >= job->count[0]) return 0;
        if (n && !(job->knot_w[n] > job->knot_w[n - 1] && job->knot_k[n] > job->knot_k[n - 1])) return 0;
    }
    return 1;
}

static int compose_job_fits(const ComposeJob *job) {
    if (!picture_fits(job->out, job->out_stride, job->width, job->height)) return 0;
    if (job->layer_count < 0 || job->layer_count > MAX_LAYERS || (job->layer_count && !job->layers)) return 0;
    for (int n = 0; n < job->layer_count; n++) {
        const ColourLayer *layer = &job->layers[n];
        if (!layer->table || ((uintptr_t)layer->table & 3) || layer->entries < 1 || layer->entries > MAX_TABLE) return 0;
        if (layer->channels != 1 && layer->channels != 3) return 0;
        for (int c = 0; c < layer->channels; c++)
            if (!picture_fits(layer->values[c], layer->stride[c], job->width, job->height)) return 0;
        if (!is_finite(layer->lower) || !is_finite(layer->scale) || !(layer->offset >= 0 && layer->offset < 1)) return 0;
    }
    return 1;
}

static int picture_job_fits(const PictureJob *picture) {
    if (picture->height < 1 || picture->height > MAX_EXTENT) return 0;
    if (picture->sample_count < 0 || picture->sample_count > MAX_LAYERS * 3) return 0;
    if (picture->sample_count && !picture->samples) return 0;
    for (int32_t k = 0; k < picture->sample_count; k++)
        if (picture->samples[k].height != picture->height || !sample_job_fits(&picture->samples[k])) return 0;
    return !picture->compose || (picture->compose->height == picture->height && compose_job_fits(picture->compose));
}

EXPORT int triptych_abi(void) { return ABI; }

EXPORT int triptych_avx2(void) { return has_avx2(); }

/* Number of strips of a picture: more threads than strips over all jobs have nothing to do. */
EXPORT int32_t triptych_parts(int32_t height) { return (height + STRIP - 1) / STRIP; }

/*
 * Copy columns [first, first + n) of an array of k * j rows to `out` in (column, k, j) order. Rows are taken in groups
 * that stay in the cache while their columns are written.
 */
#define TURN(T)                                                                                       \
    for (int64_t begin = 0; begin < rows; begin += STRIP)                                             \
        for (int64_t i = 0; i < n; i++) {                                                             \
            int64_t end = begin + STRIP < rows ? begin + STRIP : rows;                                \
            for (int64_t row = begin; row < end; row++)                                               \
                ((T *)out)[i * rows + row] = ((const T *)data)[row * columns + first + i];            \
        }
EXPORT int triptych_turn(const void *data, void *out, int32_t size, int64_t rows, int64_t columns, int64_t first,
                         int64_t n) {
    if (!data || !out || size < 1 || rows < 1 || first < 0 || n < 1 || n > columns - first) return BAD_ARGUMENT;
    if ((uintptr_t)data % (uintptr_t)size || (uintptr_t)out % (uintptr_t)size) return BAD_ARGUMENT;
    switch (size) {
    case 1: TURN(uint8_t) break;
    case 2: TURN(uint16_t) break;
    case 4: TURN(uint32_t) break;
    case 8: TURN(uint64_t) break;
    default: return BAD_ARGUMENT;
    }
    return OK;
}

/*
 * Fill `out` of all jobs of n pictures, together with every other thread that calls with the same counter (which starts
 * at 0).
 */
EXPORT int triptych_render(const PictureJob *pictures, int32_t n, int64_t *next) {
    if (!pictures || !next || n < 0) return BAD_ARGUMENT;
    int64_t width = 1, line = 1;
    for (int32_t i = 0; i < n; i++) {
        if (!picture_job_fits(&pictures[i])) return BAD_ARGUMENT;
        for (int32_t k = 0; k < pictures[i].sample_count; k++) {
            const SampleJob *job = &pictures[i].samples[k];
            if (job->width > width) width = job->width;
            for (int axis = 0; axis < 3; axis++)
                if (job->count[axis] > line) line = job->count[axis];
        }
    }
    Scratch scratch;
    if (!scratch_make(&scratch, width, line)) return NO_MEMORY;
    int64_t part = FETCH_ADD(next), before = 0;
    for (int32_t i = 0; i < n; i++) {
        const PictureJob *picture = &pictures[i];
        int64_t parts = triptych_parts(picture->height);
        for (; part < before + parts; part = FETCH_ADD(next)) {
            int y0 = (int)(part - before) * STRIP, y1 = y0 + STRIP;
            if (y1 > picture->height) y1 = picture->height;
            for (int32_t k = 0; k < picture->sample_count; k++)
                sample_strip(&picture->samples[k], y0, y1, &scratch, &scratch.columns[k % COLUMNS]);
            if (picture->compose) compose_strip(picture->compose, y0, y1);
        }
        before += parts;
    }
    free(scratch.block);
    return OK;
}
