/*
 * The runner: `model.eim SOCKET` listens on that unix socket and answers Edge Impulse's Linux SDKs until it gets
 * SIGINT, SIGTERM or SIGHUP. Several clients may be connected; one request is answered at a time.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include "eim_request.h"

#define CLIENTS 4
#define POLL_MS 500    /* how late a signal that arrives just before poll is seen */
#define QUIET_MS 50    /* what follows a broken request this closely belongs to it */
#define SEND_SECONDS 5 /* a client that does not read its reply for so long is dropped */

typedef struct {
    int socket;          /* -1: free */
    uint64_t skip_until; /* ms; what arrives before then is the rest of a broken request */
    eim_request request;
} client;

static client clients[CLIENTS];
static eim_shared shared;
static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static void open_shared(void)
{
    snprintf(shared.name, sizeof shared.name, "/eim-%ld", (long)getpid());
    shm_unlink(shared.name); /* of a process that had this number before */
    const int handle = shm_open(shared.name, O_RDWR | O_CREAT | O_EXCL, 0600);
    const size_t size = EIM_FEATURES * sizeof(float);
    void *memory = MAP_FAILED;
    if (handle >= 0 && ftruncate(handle, (off_t)size) == 0) {
        memory = mmap(NULL, size, PROT_READ, MAP_SHARED, handle, 0);
    }
    if (memory == MAP_FAILED) {
        snprintf(shared.error, sizeof shared.error, "no shared memory: %s", strerror(errno));
        shm_unlink(shared.name);
    } else {
        shared.features = memory;
    }
    if (handle >= 0) {
        close(handle);
    }
}

/* A listening socket at `path`, which appears only when it can be connected to; -1 with errno set. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int length = snprintf(address.sun_path, sizeof address.sun_path, "%s.%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    const int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(address.sun_path);
    if (handle < 0 || bind(handle, (const struct sockaddr *)&address, sizeof address) != 0) {
        return -1;
    }
    if (listen(handle, CLIENTS) != 0 || rename(address.sun_path, path) != 0) {
        const int reason = errno;
        unlink(address.sun_path);
        errno = reason;
        return -1;
    }
    return handle;
}

static void drop(client *one)
{
    close(one->socket);
    one->socket = -1;
}

static void accept_client(int listener)
{
    const int handle = accept(listener, NULL, NULL);
    if (handle < 0) {
        return;
    }
    const struct timeval patience = {SEND_SECONDS, 0};
    setsockopt(handle, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (clients[i].socket < 0) {
            clients[i].socket = handle;
            clients[i].skip_until = 0;
            request_begin(&clients[i].request);
            return;
        }
    }
    close(handle);
}

/* Takes what has arrived: false where the client is gone. */
static bool feed(client *one, const char *bytes, size_t count)
{
    if (ei_read_timer_ms() < one->skip_until) {
        one->skip_until = ei_read_timer_ms() + QUIET_MS;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        const bool blank = strchr(" \t\r\n", bytes[i]) != NULL; /* the NUL that ends the list counts too */
        if (!one->request.begun && blank) {
            continue;
        }
        one->request.begun = true;
        const json_status status = json_push(&one->request.parser, bytes[i]);
        if (status == JSON_MORE) {
            continue;
        }
        const bool there = status == JSON_DONE
                               ? request_answer(&one->request, &shared, one->socket)
                               : request_refuse(&one->request, "the request is not a JSON object", one->socket);
        request_begin(&one->request);
        if (status == JSON_ERROR) {
            one->skip_until = ei_read_timer_ms() + QUIET_MS;
            return there;
        }
        if (!there) {
            return false;
        }
    }
    return true;
}

static void receive(client *one)
{
    static char bytes[65536];
    const ssize_t count = recv(one->socket, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EINTR) {
        return;
    }
    if (count <= 0 || !feed(one, bytes, (size_t)count)) {
        drop(one);
    }
}

static void serve(int listener)
{
    struct pollfd waiting[CLIENTS + 1];
    waiting[CLIENTS] = (struct pollfd){.fd = listener, .events = POLLIN};
    while (!stopped) {
        for (size_t i = 0; i < CLIENTS; i++) {
            waiting[i] = (struct pollfd){.fd = clients[i].socket, .events = POLLIN};
        }
        const int ready = poll(waiting, CLIENTS + 1, POLL_MS);
        for (size_t i = 0; ready >= 0 && i < CLIENTS; i++) {
            if (waiting[i].revents != 0) {
                receive(&clients[i]);
            }
        }
        if (ready > 0 && waiting[CLIENTS].revents != 0) {
            accept_client(listener);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "usage: %s SOCKET\n%s version %d: a model runner for Edge Impulse's Linux SDKs\n", argv[0],
                EI_CLASSIFIER_PROJECT_NAME, EI_CLASSIFIER_PROJECT_DEPLOY_VERSION);
        return 2;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i].socket = -1;
    }
    open_shared();
    const int listener = listen_at(argv[1]);
    if (listener < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
    } else {
        serve(listener);
        unlink(argv[1]);
    }
    shm_unlink(shared.name);
    return listener < 0;
}
