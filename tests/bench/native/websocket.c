#include "websocket.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>

enum { MASKED = 0x80, SHORT = 126, LONG = 127, KEY_BYTES = 4, HEAD_BYTES = 14 };
enum { NONCE_BYTES = 16, HASH_BYTES = 20, HASH_BLOCK = 64, HASH_ROUNDS = 80 };

static const char ACCEPT_SALT[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, section 1.3 */
static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void apply_mask(char *data, size_t size, const char *key)
{
    uint64_t wide;
    memcpy(&wide, key, KEY_BYTES);
    memcpy((char *)&wide + KEY_BYTES, key, KEY_BYTES);
    size_t place = 0;
    for (; place + sizeof wide <= size; place += sizeof wide) {
        uint64_t word;
        memcpy(&word, data + place, sizeof word);
        word ^= wide;
        memcpy(data + place, &word, sizeof word);
    }
    for (; place < size; place++)
        data[place] ^= key[place % KEY_BYTES];
}

static uint64_t big_endian(const char *data, size_t size)
{
    uint64_t value = 0;
    for (size_t place = 0; place < size; place++)
        value = value << 8 | (unsigned char)data[place];
    return value;
}

size_t frame_read(char *data, size_t size, struct frame *frame)
{
    if (size < 2)
        return 0;
    int kind = (unsigned char)data[0], length = (unsigned char)data[1];
    if (kind != FRAME_TEXT && kind != FRAME_BINARY && (kind < FRAME_CLOSE || kind > FRAME_PONG))
        fail("a frame that begins with the byte 0x%x was received, which the harness cannot read", (unsigned)kind);
    bool is_masked = length & MASKED;
    uint64_t payload = (uint64_t)(length & ~MASKED);
    size_t more = payload == SHORT ? 2 : payload == LONG ? 8 : 0;
    size_t head = 2 + more + (is_masked ? KEY_BYTES : 0);
    if (size < head)
        return 0;
    if (more)
        payload = big_endian(data + 2, more);
    if (size - head < payload)
        return 0;
    if (is_masked)
        apply_mask(data + head, payload, data + head - KEY_BYTES);
    *frame = (struct frame){kind, data + head, payload};
    return head + payload;
}

static void next_key(char *key)
{
    static uint32_t state = 0x9E3779B9; /* xorshift: keys must differ, nobody must be unable to guess them */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    memcpy(key, &state, KEY_BYTES);
}

void frame_add(struct bytes *out, int kind, struct span payload, bool is_masked)
{
    size_t more = payload.size < SHORT ? 0 : payload.size <= UINT16_MAX ? 2 : 8;
    char head[HEAD_BYTES] = {(char)kind};
    head[1] = (char)((is_masked ? MASKED : 0) | (more == 0 ? (int)payload.size : more == 2 ? SHORT : LONG));
    for (size_t place = 0; place < more; place++)
        head[2 + place] = (char)(payload.size >> 8 * (more - 1 - place));
    size_t size = 2 + more;
    if (is_masked) {
        next_key(head + size);
        size += KEY_BYTES;
    }
    bytes_reserve(out, size + payload.size);
    bytes_add(out, head, size);
    bytes_add_span(out, payload);
    if (is_masked)
        apply_mask(out->at + out->size - payload.size, payload.size, head + size - KEY_BYTES);
}

size_t head_size(const char *data, size_t size)
{
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    return end ? (size_t)(end - data) + 4 : 0;
}

void handshake_ask(struct bytes *out, int port, const char *path)
{
    unsigned char nonce[NONCE_BYTES];
    if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
        fail("the system has no random bytes");
    bytes_print(out, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", path, port);
    bytes_print(out, "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    bytes_print(out, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    base64_add(out, nonce, sizeof nonce);
    bytes_print(out, "\r\n\r\n");
}

static uint32_t turn_left(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

/* One block of SHA-1 (FIPS 180-4, section 6.1.2). */
static void hash_block(uint32_t hash[5], const char *block)
{
    uint32_t word[HASH_ROUNDS], a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
    for (int round = 0; round < HASH_ROUNDS; round++) {
        if (round < 16)
            word[round] = (uint32_t)big_endian(block + 4 * round, 4);
        else
            word[round] = turn_left(word[round - 3] ^ word[round - 8] ^ word[round - 14] ^ word[round - 16], 1);
        uint32_t mixed = round < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                         : round < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                         : round < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                      : (b ^ c ^ d) + 0xCA62C1D6;
        uint32_t next = turn_left(a, 5) + mixed + e + word[round];
        e = d;
        d = c;
        c = turn_left(b, 30);
        b = a;
        a = next;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

/* SHA-1 of a text that leaves room for its length in two blocks. */
static void hash_text(struct span text, unsigned char digest[HASH_BYTES])
{
    uint32_t hash[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    char blocks[2 * HASH_BLOCK] = {0};
    size_t whole = text.size + 9 <= HASH_BLOCK ? HASH_BLOCK : 2 * HASH_BLOCK;
    if (text.size + 9 > sizeof blocks)
        fail("a key of a handshake is too long");
    memcpy(blocks, text.at, text.size);
    blocks[text.size] = (char)0x80;
    blocks[whole - 2] = (char)(text.size * 8 >> 8);
    blocks[whole - 1] = (char)(text.size * 8);
    for (size_t place = 0; place < whole; place += HASH_BLOCK)
        hash_block(hash, blocks + place);
    for (int place = 0; place < HASH_BYTES; place++)
        digest[place] = (unsigned char)(hash[place / 4] >> (24 - place % 4 * 8));
}

static struct span field_of(struct span head, const char *name)
{
    const char *line = head.at, *end = head.at + head.size;
    size_t size = strlen(name);
    while ((line = memmem(line, (size_t)(end - line), "\r\n", 2))) {
        line += 2;
        if ((size_t)(end - line) <= size || strncasecmp(line, name, size) || line[size] != ':')
            continue;
        const char *value = line + size + 1, *stop = memmem(value, (size_t)(end - value), "\r\n", 2);
        while (value < stop && *value == ' ')
            value++;
        return (struct span){value, stop ? (size_t)(stop - value) : 0};
    }
    return (struct span){0};
}

void handshake_answer(struct bytes *out, struct span request)
{
    struct span key = field_of(request, "Sec-WebSocket-Key");
    if (!key.size)
        fail("a handshake without a key was received");
    struct bytes salted = {0};
    unsigned char digest[HASH_BYTES];
    bytes_add_span(&salted, key);
    bytes_add(&salted, ACCEPT_SALT, sizeof ACCEPT_SALT - 1);
    hash_text((struct span){salted.at, salted.size}, digest);
    bytes_free(&salted);
    bytes_print(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    bytes_print(out, "Sec-WebSocket-Accept: ");
    base64_add(out, digest, sizeof digest);
    bytes_print(out, "\r\n\r\n");
}

void base64_add(struct bytes *out, const void *data, size_t size)
{
    const unsigned char *at = data;
    bytes_reserve(out, (size + 2) / 3 * 4);
    for (size_t place = 0; place < size; place += 3) {
        size_t left = size - place;
        uint32_t second = left > 1 ? at[place + 1] : 0, third = left > 2 ? at[place + 2] : 0;
        uint32_t group = (uint32_t)at[place] << 16 | second << 8 | third;
        char *to = out->at + out->size;
        to[0] = LETTERS[group >> 18];
        to[1] = LETTERS[group >> 12 & 63];
        to[2] = left > 1 ? LETTERS[group >> 6 & 63] : '=';
        to[3] = left > 2 ? LETTERS[group & 63] : '=';
        out->size += 4;
    }
}

size_t base64_size(struct span text)
{
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.at[text.size - 1 - padding] == '=')
        padding++;
    return text.size / 4 * 3 - padding;
}

void base64_read(struct span text, unsigned char *data, size_t size)
{
    uint32_t group = 0;
    for (size_t letter = 0, byte = 0; byte < size; letter++) {
        const char *found = letter < text.size ? strchr(LETTERS, text.at[letter]) : NULL;
        if (!found || !*found)
            fail("audio that is no base64 was received");
        group = group << 6 | (uint32_t)(found - LETTERS);
        if (letter % 4 == 3)
            for (int shift = 16; shift >= 0 && byte < size; shift -= 8)
                data[byte++] = (unsigned char)(group >> shift);
    }
}
