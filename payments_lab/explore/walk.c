/* Walking a large graph, compiled: what seen.py and flow.py do with whole arrays, row by row. Every function gives
   exactly what its counterpart there gives, in the same order, so that a story does not hang on the compiler.

   The words of a configuration stand side by side, and so do the configurations. A table holds the number of a
   configuration plus one, 0 where it is free, and is looked through from the place that the hash gives onward. */

#include <stdint.h>

#define NONE (-1)
#define MOST_WORDS 512 /* as compiled.py has it */
#define AHEAD 12

typedef const uint64_t *rows_t;
typedef const uint64_t *const *columns_t;

typedef struct {
    int64_t width;
    uint64_t mask;
    int32_t *table;
    uint64_t *rows;
} set_t;

/* Where a field stands: in which word, from which bit on, and the mask of its values. */
typedef struct {
    int64_t word;
    int64_t shift;
    uint64_t mask;
} place_t;

/* What the beginning of a source makes of its slot, by value; UNKNOWN where nobody has asked yet. */
typedef struct {
    place_t place;
    int64_t values;
    const int64_t *after;
} source_t;

/* What may happen in one slot. */
typedef struct {
    int64_t width;          /* words of a configuration */
    place_t place;
    place_t waits;          /* where nobody may be, for those in the slot to begin */
    int64_t values;         /* of the slot, whose masks are known */
    columns_t masks;        /* what is looked at of the surroundings, by value of the slot */
    set_t keys;             /* that, and the value of the slot */
    const int64_t *starts;  /* of each entry: its first move, */
    const int64_t *counts;  /* how many there are, */
    const int64_t *onward;  /* and the one with which it goes on by itself */
    rows_t adds;            /* of each move */
    int64_t beginnings;     /* sources that a move may begin, at most, */
    int64_t *const *begun;  /* of each move */
    int64_t sources;
    const source_t *source;
    int64_t longest;        /* 0 unless what happens here takes effect at once */
} channel_t;

/* A function for each usual number of words, in which the loops over them are unrolled. */
#define INLINE static inline __attribute__((always_inline))
#define BY_WIDTH(width, call)     \
    switch (width) {              \
    case 1: return call(1);       \
    case 2: return call(2);       \
    case 3: return call(3);       \
    case 4: return call(4);       \
    case 5: return call(5);       \
    case 6: return call(6);       \
    default: return call(width);  \
    }

INLINE uint64_t mixed(uint64_t so_far, uint64_t word) {
    so_far = (so_far ^ word) * 0x9E3779B97F4A7C15ULL;
    return so_far ^ so_far >> 32;
}

INLINE uint64_t hash_of(const uint64_t *row, int64_t width) {
    uint64_t found = 0;
    for (int64_t w = 0; w < width; w++) found = mixed(found, row[w]);
    return found;
}

INLINE int are_same(const uint64_t *one, const uint64_t *other, int64_t width) {
    for (int64_t w = 0; w < width; w++)
        if (one[w] != other[w]) return 0;
    return 1;
}

/* Seen.add: of several that are alike the last one counts; `base` is how many there were. Returns how many are new. */
INLINE int64_t add(int64_t width, const set_t *set, int64_t base, rows_t rows, int64_t count, int64_t *numbers,
                   int64_t *new, int64_t *places) {
    for (int64_t row = 0; row < count; row++) places[row] = hash_of(rows + row * width, width) & set->mask;
    for (int64_t row = count - 1; row >= 0; row--) {
        if (row >= AHEAD) __builtin_prefetch(&set->table[places[row - AHEAD]], 1);
        if (row >= AHEAD / 2) {
            int32_t soon = set->table[places[row - AHEAD / 2]];
            if (soon > 0) __builtin_prefetch(set->rows + (soon - 1) * width);
        }
        for (uint64_t at = places[row];; at = (at + 1) & set->mask) {
            int32_t held = set->table[at];
            if (held == 0) {
                set->table[at] = -(int32_t)row - 1;
                numbers[row] = NONE;
                places[row] = at;
                break;
            }
            if (held > 0 && are_same(set->rows + (held - 1) * width, rows + row * width, width)) {
                numbers[row] = held - 1;
                break;
            }
            if (held < 0 && are_same(rows + (-(int64_t)held - 1) * width, rows + row * width, width)) {
                numbers[row] = (int64_t)held - 1;
                break;
            }
        }
    }
    int64_t found = 0;
    for (int64_t row = 0; row < count; row++) {
        if (numbers[row] != NONE) continue;
        numbers[row] = base + found;
        for (int64_t w = 0; w < width; w++) set->rows[(base + found) * width + w] = rows[row * width + w];
        set->table[places[row]] = (int32_t)(base + found) + 1;
        new[found++] = row;
    }
    for (int64_t row = 0; row < count; row++)
        if (numbers[row] < NONE) numbers[row] = numbers[-numbers[row] - 2];
    return found;
}

int64_t seen_add(const set_t *set, int64_t base, rows_t rows, int64_t count, int64_t *numbers, int64_t *new,
                 int64_t *places) {
#define ADD(width) add(width, set, base, rows, count, numbers, new, places)
    BY_WIDTH(set->width, ADD)
}

/* Enter the first `count` into an empty table. */
void rebuild(const set_t *set, int64_t count) {
    uint64_t places[AHEAD];
    for (int64_t row = 0; row < count + AHEAD; row++) {
        uint64_t *place = &places[row % AHEAD];
        if (row >= AHEAD) {
            uint64_t at = *place;
            while (set->table[at] != 0) at = (at + 1) & set->mask;
            set->table[at] = (int32_t)(row - AHEAD) + 1;
        }
        if (row < count) {
            *place = hash_of(set->rows + row * set->width, set->width) & set->mask;
            __builtin_prefetch(&set->table[*place], 1);
        }
    }
}

/* Seen.find: NONE for those that are not there. */
void seen_find(const set_t *set, rows_t rows, int64_t count, int64_t *numbers) {
    for (int64_t row = 0; row < count; row++) numbers[row] = hash_of(rows + row * set->width, set->width) & set->mask;
    for (int64_t row = 0; row < count; row++) {
        if (row + AHEAD < count) __builtin_prefetch(&set->table[numbers[row + AHEAD]]);
        uint64_t at = numbers[row];
        numbers[row] = NONE;
        for (; set->table[at] != 0; at = (at + 1) & set->mask)
            if (are_same(set->rows + (set->table[at] - 1) * set->width, rows + row * set->width, set->width)) {
                numbers[row] = set->table[at] - 1;
                break;
            }
    }
}

/* Seen.find_with: the same for some that are held, with something added to the first word of each. */
void seen_find_with(const set_t *set, const int64_t *asked, int64_t count, uint64_t add, int64_t *numbers) {
    uint64_t places[AHEAD], rows[AHEAD][MOST_WORDS];
    for (int64_t next = 0; next < count + AHEAD; next++) {
        uint64_t *row = rows[next % AHEAD], *place = &places[next % AHEAD];
        if (next >= AHEAD) {
            int64_t found = NONE;
            for (uint64_t at = *place; set->table[at] != 0; at = (at + 1) & set->mask)
                if (are_same(set->rows + (set->table[at] - 1) * set->width, row, set->width)) {
                    found = set->table[at] - 1;
                    break;
                }
            numbers[next - AHEAD] = found;
        }
        if (next < count) {
            for (int64_t w = 0; w < set->width; w++) row[w] = set->rows[asked[next] * set->width + w];
            row[0] += add;
            *place = hash_of(row, set->width) & set->mask;
            __builtin_prefetch(&set->table[*place]);
        }
    }
}

/* Seen.move: each field from its place in one packing to that in another; the new rows are 0. */
void move_fields(rows_t before, int64_t width, int64_t count, const place_t *from, const place_t *to, int64_t fields,
                 uint64_t *after, int64_t new_width) {
    for (int64_t row = 0; row < count; row++)
        for (int64_t field = 0; field < fields; field++) {
            uint64_t value = before[row * width + from[field].word] >> from[field].shift & from[field].mask;
            after[row * new_width + to[field].word] |= value << to[field].shift;
        }
}

INLINE uint64_t value_at(const place_t *place, const uint64_t *state) {
    return state[place->word] >> place->shift & place->mask;
}

/* The entry of a configuration, or NONE. */
INLINE int64_t entry_of(int64_t around, const channel_t *channel, const uint64_t *state, uint64_t value) {
    if ((int64_t)value >= channel->values) return NONE;
    const set_t *keys = &channel->keys;
    uint64_t key[MOST_WORDS], hash = 0;
    for (int64_t w = 0; w < around; w++) {
        key[w] = state[w] & channel->masks[w][value];
        hash = mixed(hash, key[w]);
    }
    key[around] = value;
    hash = mixed(hash, value);
    for (uint64_t at = hash & keys->mask; keys->table[at] != 0; at = (at + 1) & keys->mask) {
        int64_t number = keys->table[at] - 1;
        if (are_same(keys->rows + number * (around + 1), key, around + 1)) return number;
    }
    return NONE;
}

/* Which of `count` configurations act in a slot, and by which entries; those of `rows`, where it is given, else where
   somebody is in it and may begin. NONE is the entry of what is not known yet. Returns how many act; `total` is how
   many moves they have. */
INLINE int64_t find(int64_t around, const channel_t *channel, rows_t states, const int64_t *rows, int64_t count,
                    int64_t *acting, int64_t *entries, int64_t *total) {
    int64_t found = 0;
    *total = 0;
    for (int64_t number = 0; number < count; number++) {
        int64_t row = rows ? rows[number] : number;
        const uint64_t *state = states + row * channel->width;
        uint64_t value = value_at(&channel->place, state);
        if (!rows && (value == 0 || value_at(&channel->waits, state) != 0)) continue;
        acting[found] = row;
        int64_t entry = entries[found++] = entry_of(around, channel, state, value);
        if (entry != NONE) *total += channel->counts[entry];
    }
    return found;
}

int64_t find_entries(const channel_t *channel, rows_t states, const int64_t *rows, int64_t count, int64_t *acting,
                     int64_t *entries, int64_t *total) {
#define FIND(around) find(around, channel, states, rows, count, acting, entries, total)
    BY_WIDTH(channel->keys.width - 1, FIND)
}

/* Take a move, in place; 0 if it begins something of which it is not known what it does to its slot. */
INLINE int take(int64_t width, const channel_t *channel, uint64_t *state, int64_t move) {
    for (int64_t w = 0; w < width; w++) state[w] += channel->adds[move * width + w];
    for (int64_t each = 0; each < channel->beginnings; each++) {
        int64_t number = channel->begun[each][move];
        if (number == NONE) continue;
        if (number >= channel->sources) return 0;
        const source_t *source = &channel->source[number];
        uint64_t value = value_at(&source->place, state);
        if ((int64_t)value >= source->values || source->after[value] < 0) return 0;
        state[source->place.word] += (source->after[value] - value) << source->place.shift;
    }
    return 1;
}

/* Let what is under way in the slot come to its end, in place; 0 if it is not known how, or does not end. */
INLINE int go_on(int64_t width, int64_t around, const channel_t *channel, uint64_t *state) {
    for (int64_t step = 0; step < channel->longest; step++) {
        uint64_t value = value_at(&channel->place, state);
        if (value == 0) return 1;
        int64_t entry = entry_of(around, channel, state, value);
        if (entry == NONE) return 0;
        if (channel->onward[entry] == NONE) return 1;
        if (!take(width, channel, state, channel->onward[entry])) return 0;
    }
    return 0;
}

/* What follows `count` configurations that act by these entries, and the rows from which it does; returns how much.
   `gaps` are the rows of which something is not known yet, `unknown` how many: then this is to be done anew. */
INLINE int64_t move(int64_t width, int64_t around, const channel_t *channel, rows_t states, const int64_t *acting,
                    const int64_t *entries, int64_t count, uint64_t *made, int64_t *origins, int64_t *gaps,
                    int64_t *unknown) {
    int64_t found = 0;
    *unknown = 0;
    for (int64_t number = 0; number < count; number++) {
        int64_t row = acting[number];
        if (entries[number] == NONE) {
            gaps[(*unknown)++] = row;
            continue;
        }
        int64_t first = channel->starts[entries[number]];
        const uint64_t *before = states + row * width;
        for (int64_t move = first; move < first + channel->counts[entries[number]]; move++) {
            uint64_t *state = made + found * width;
            for (int64_t w = 0; w < width; w++) state[w] = before[w];
            if (!take(width, channel, state, move) ||
                (channel->longest && !go_on(width, around, channel, state))) {
                gaps[(*unknown)++] = row;
                break;
            }
            if (channel->longest && are_same(before, state, width)) continue;
            origins[found++] = row;
        }
    }
    return found;
}

int64_t follow(const channel_t *channel, rows_t states, const int64_t *acting, const int64_t *entries, int64_t count,
               uint64_t *made, int64_t *origins, int64_t *gaps, int64_t *unknown) {
    int64_t around = channel->keys.width - 1;
#define MOVE(width) move(width, around, channel, states, acting, entries, count, made, origins, gaps, unknown)
    BY_WIDTH(channel->width, MOVE)
}

/* Strokes.find_endless: mark the origins of edges to what is marked already, or to what that stands for, until nothing
   changes any more. */
void spread(uint8_t *ending, const int32_t *stands, int64_t batches, const int32_t *const *origins,
            const int32_t *const *targets, const int64_t *counts) {
    for (int changed = 1; changed;) {
        changed = 0;
        for (int64_t batch = 0; batch < batches; batch++)
            for (int64_t edge = counts[batch] - 1; edge >= 0; edge--) {
                uint8_t *origin = &ending[origins[batch][edge]];
                if (!*origin && ending[stands[targets[batch][edge]]]) *origin = 1, changed = 1;
            }
    }
}
