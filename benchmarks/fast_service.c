/* The service of the rows that measure watchd's own work: as fast as one thread can be, so that it sets no pace.
 *
 * fast_service LATENCY_MS AT_ONCE ANSWER.png...     prints its port, ends when its standard input does
 *
 * HTTP/1.1 on loopback, connections kept open. A POST whose form holds a PNG is answered with the prepared PNG of twice
 * its size, LATENCY_MS after a place among AT_ONCE was free for it. GET /report tells every picture since the last
 * report by its length and Adler-32, and forgets them (no CRC-32: all PNGs whose chunks are as long have the same);
 * `busy` is the CPU time of this process since it began, in seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_HEAD = 16384, MOST_ANSWERS = 8, EVENTS = 256 };

struct answer { uint32_t width, height; char *data; size_t size; };

struct connection {
    int fd;
    char *in;                    /* what came: head, then body */
    size_t held, room, head, body;
    char *out;                   /* what is still to go: a head of ours, then what it points to */
    size_t out_held, out_sent;
    const char *rest;
    size_t rest_size, rest_sent;
    int closes, waits, gone;
    const struct answer *picture;
    int64_t due;
    struct connection *next;     /* in one of the two queues */
};

struct queue { struct connection *first, *last; };

struct told { uint32_t sum; uint64_t size; };

static struct answer answers[MOST_ANSWERS];
static int answer_count, epoll_fd, at_once, in_flight, peak;
static int64_t latency_ns;
static struct queue waiting, served;
static struct told *told;
static size_t told_count, told_room, broken_off;

static void fail(const char *what) { perror(what); exit(1); }

static int64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static uint32_t adler32_of(const unsigned char *data, size_t size) {
    uint32_t low = 1, high = 0;
    while (size) {
        size_t piece = size < 5552 ? size : 5552;      /* so many leave no sum too large */
        size -= piece;
        while (piece--) high += low += *data++;
        low %= 65521;
        high %= 65521;
    }
    return high << 16 | low;
}

static uint32_t big_endian(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void load_answer(const char *path) {
    struct stat found;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &found) || answer_count == MOST_ANSWERS) fail(path);
    struct answer *answer = &answers[answer_count++];
    answer->size = (size_t)found.st_size;
    answer->data = malloc(answer->size);
    if (!answer->data || fread(answer->data, 1, answer->size, file) != answer->size || answer->size < 24) fail(path);
    fclose(file);
    answer->width = big_endian((unsigned char *)answer->data + 16);
    answer->height = big_endian((unsigned char *)answer->data + 20);
}

static void push(struct queue *queue, struct connection *it) {
    it->next = NULL;
    if (queue->last) queue->last->next = it; else queue->first = it;
    queue->last = it;
}

static struct connection *pop(struct queue *queue) {
    struct connection *it = queue->first;
    if (it && !(queue->first = it->next)) queue->last = NULL;
    return it;
}

static void interested(struct connection *it, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = it};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, it->fd, &event);
}

static void end(struct connection *it) {
    if (it->held) broken_off++;
    close(it->fd);
    it->fd = -1;
    if (it->waits) { it->gone = 1; return; }   /* a queue has it still */
    free(it->in);
    free(it->out);
    free(it);
}

static void send_on(struct connection *it) {
    while (it->out_sent < it->out_held || it->rest_sent < it->rest_size) {
        int of_head = it->out_sent < it->out_held;
        const char *from = of_head ? it->out + it->out_sent : it->rest + it->rest_sent;
        size_t size = of_head ? it->out_held - it->out_sent : it->rest_size - it->rest_sent;
        ssize_t sent = send(it->fd, from, size, MSG_NOSIGNAL | (of_head && it->rest_size ? MSG_MORE : 0));
        if (sent < 0) {
            if (errno == EAGAIN) { interested(it, EPOLLOUT); return; }
            end(it);
            return;
        }
        if (of_head) it->out_sent += (size_t)sent; else it->rest_sent += (size_t)sent;
    }
    if (it->closes) { end(it); return; }
    interested(it, EPOLLIN);
}

static void answer_with(struct connection *it, const char *status, const char *kind, const char *data, size_t size) {
    free(it->out);
    int length = asprintf(&it->out, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status, kind, size,
                          it->closes ? "Connection: close\r\n" : "");
    if (length < 0) fail("asprintf");
    it->out_held = (size_t)length;
    it->out_sent = it->rest_sent = 0;
    it->rest = data;
    it->rest_size = size;
    send_on(it);
}

static void serve(void) {                      /* give free places away, and answer whoever's time is over */
    int64_t now = now_ns();
    while (in_flight < at_once && waiting.first) {
        struct connection *it = pop(&waiting);
        it->due = now + latency_ns;
        push(&served, it);
        if (++in_flight > peak) peak = in_flight;
    }
    while (served.first && served.first->due <= now) {
        struct connection *it = pop(&served);
        in_flight--;
        it->waits = 0;
        if (it->gone) { it->fd = -1; free(it->in); free(it->out); free(it); continue; }
        answer_with(it, "200 OK", "image/png", it->picture->data, it->picture->size);
        if (waiting.first) { serve(); return; }
    }
}

static void report(struct connection *it) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double busy = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec
        + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    static char *text;                         /* until the next report */
    size_t size;
    free(text);
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "{\"peak\": %d, \"broken_off\": %zu, \"busy\": %.6f, \"pictures\": [", peak, broken_off, busy);
    for (size_t i = 0; i < told_count; i++)
        fprintf(out, "%s[%llu, %u]", i ? ", " : "", (unsigned long long)told[i].size, told[i].sum);
    fprintf(out, "]}");
    fclose(out);
    told_count = broken_off = 0;
    peak = in_flight;
    answer_with(it, "200 OK", "application/json", text, size);
}

static const char *last_of(const char *in, size_t size, const char *what, size_t length) {
    for (const char *at = in + size; (at = memrchr(in, what[0], (size_t)(at - in))) != NULL;)
        if ((size_t)(in + size - at) >= length && !memcmp(at, what, length)) return at;
    return NULL;
}

static void request(struct connection *it) {   /* a whole one lies in `in` */
    char *body = it->in + it->head;
    it->held = it->head = 0;                   /* the next one begins, unless the answer ends the connection */
    if (!strncmp(it->in, "GET /report", 11)) { report(it); return; }
    char *named = memmem(body, it->body, "name=\"image\"", 12);
    char *start = named ? memmem(named, it->body - (size_t)(named - body), "\r\n\r\n", 4) : NULL;
    size_t left = start ? it->body - (size_t)(start + 4 - body) : 0;
    /* The form ends with its boundary; another field may stand between the picture and that. */
    const char *last = left ? last_of(start + 4, left, "\r\n--", 4) : NULL;
    const char *before;
    while (last && (before = last_of(start + 4, (size_t)(last - start - 4), "\r\n--", 4)) && last - before < 4096) last = before;
    const unsigned char *picture = (unsigned char *)start + 4;
    size_t size = last ? (size_t)(last - start - 4) : 0;
    it->picture = NULL;
    if (size > 24 && !memcmp(picture, "\x89PNG", 4))
        for (int i = 0; i < answer_count; i++)
            if (answers[i].width == 2 * big_endian(picture + 16) && answers[i].height == 2 * big_endian(picture + 20))
                it->picture = &answers[i];
    if (!it->picture) { answer_with(it, "400 Bad Request", "application/json", "{}", 2); return; }
    if (told_count == told_room && !(told = realloc(told, sizeof *told * (told_room = told_room ? 2 * told_room : 1024))))
        fail("realloc");
    told[told_count++] = (struct told){adler32_of(picture, size), size};
    it->waits = 1;
    push(&waiting, it);
    interested(it, EPOLLRDHUP);
    serve();
}

static void read_head(struct connection *it) {
    char *stop = memmem(it->in, it->held, "\r\n\r\n", 4);
    if (!stop) return;
    it->head = (size_t)(stop - it->in) + 4;
    stop[2] = 0;                               /* the head is text now */
    char *length = strcasestr(it->in, "\r\ncontent-length:"), *close_it = strcasestr(it->in, "\r\nconnection: close");
    it->body = length ? strtoull(length + 17, NULL, 10) : 0;
    it->closes = close_it != NULL;
    if (strcasestr(it->in, "\r\nexpect:") && send(it->fd, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL) < 0) return;
    if (it->room < it->head + it->body && !(it->in = realloc(it->in, it->room = it->head + it->body))) fail("realloc");
}

static void receive(struct connection *it) {
    for (;;) {
        if (it->room - it->held < MOST_HEAD && !it->head && !(it->in = realloc(it->in, it->room += MOST_HEAD))) fail("realloc");
        size_t want = it->head ? it->head + it->body - it->held : it->room - it->held - 1;
        ssize_t came = recv(it->fd, it->in + it->held, want, 0);
        if (came < 0 && errno == EAGAIN) return;
        if (came <= 0) { end(it); return; }
        it->held += (size_t)came;
        if (!it->head) { it->in[it->held] = 0; read_head(it); }
        if (it->head && it->held >= it->head + it->body) { request(it); return; }
    }
}

static void accept_all(int listener) {
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        int yes = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct connection *it = calloc(1, sizeof *it);
        if (!it) fail("calloc");
        it->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = it};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv) {
    if (argc < 4) { fprintf(stderr, "fast_service LATENCY_MS AT_ONCE ANSWER.png...\n"); return 2; }
    latency_ns = (int64_t)(atof(argv[1]) * 1e6);
    at_once = atoi(argv[2]);
    for (int i = 3; i < argc; i++) load_answer(argv[i]);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    if (bind(listener, (struct sockaddr *)&at, size) || listen(listener, 1024) || getsockname(listener, (struct sockaddr *)&at, &size))
        fail("listen");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    event = (struct epoll_event){.events = EPOLLIN | EPOLLHUP, .data.ptr = &waiting};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event)) fail("standard input has to be a pipe");
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event met[EVENTS];
        int64_t left = served.first ? served.first->due - now_ns() : -1;
        struct timespec pause = {left > 0 ? left / 1000000000 : 0, left > 0 ? left % 1000000000 : 0};
        int count = epoll_pwait2(epoll_fd, met, EVENTS, served.first ? &pause : NULL, NULL);
        for (int i = 0; i < count; i++) {
            struct connection *it = met[i].data.ptr;
            if (!it) accept_all(listener);
            else if (met[i].data.ptr == &waiting) { char byte; if (read(0, &byte, 1) <= 0) return 0; }
            else if (it->waits) end(it);
            else if (met[i].events & EPOLLOUT) send_on(it);
            else receive(it);
        }
        serve();
    }
}
