/* WebSocket frames and handshakes (RFC 6455), as far as whole, unfragmented frames go. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include "bytes.h"

/* The first byte of a frame: final, and the opcode. */
enum { FRAME_TEXT = 0x81, FRAME_BINARY = 0x82, FRAME_CLOSE = 0x88, FRAME_PING = 0x89, FRAME_PONG = 0x8A };

struct frame {
    int kind;
    char *payload;
    size_t size;
};

/* Read the frame that begins here, unmasked in place.
 * Returns its whole length, or 0 when it is not all there. Fails where it is a fragment, or no frame. */
size_t frame_read(char *data, size_t size, struct frame *frame);
/* Add a frame; a client's is masked. */
void frame_add(struct bytes *out, int kind, struct span payload, bool is_masked);

/* Return the length of a request's or an answer's head with its empty line, or 0 when it is not all there. */
size_t head_size(const char *data, size_t size);
/* Add a client's request for a path of a port of this machine. */
void handshake_ask(struct bytes *out, int port, const char *path);
/* Add a server's answer to a request. Fails when that has no key. */
void handshake_answer(struct bytes *out, struct span request);

void base64_add(struct bytes *out, const void *data, size_t size);
/* Return how many bytes some base64 stands for. */
size_t base64_size(struct span text);
/* Decode groups of four letters, without padding, into as many bytes as are wanted. Fails on other letters. */
void base64_read(struct span text, unsigned char *data, size_t size);

#endif
