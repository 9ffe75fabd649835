/* An application in one static binary: GET / answers its text, RELEASE_ID and pid, and /health how it is. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void end(int number) {
  (void)number;
  _exit(0);
}

static const char *named(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

/* The first line of a file beside it: what this image was built with. */
static void first_line(const char *file, char *line, int size) {
  FILE *from = fopen(file, "r");
  if (!from || !fgets(line, size, from)) line[0] = 0;
  if (from) fclose(from);
  line[strcspn(line, "\n")] = 0;
}

int main(int count, char **words) {
  char mode[64], request[2048], body[1024], answer[2048];
  first_line("/mode", mode, sizeof mode);
  signal(SIGTERM, end);
  signal(SIGPIPE, SIG_IGN);
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(named("PORT")))};
  if (bind(fd, (void *)&place, sizeof place) || listen(fd, 64)) {
    perror("listen");
    return 1;
  }
  printf("%s listens on %s\n", named("RELEASE_ID"), named("PORT"));
  fflush(stdout);
  if (access("/data", W_OK) == 0) fclose(fopen("/data/visited", "a"));
  for (;;) {
    int visitor = accept(fd, 0, 0);
    int length = read(visitor, request, sizeof request - 1);
    request[length > 0 ? length : 0] = 0;
    int is_sick = strncmp(request, "GET /health", 11) == 0 && strcmp(mode, "sick") == 0;
    snprintf(body, sizeof body, "%s %s", mode, named("RELEASE_ID"));
    for (int at = 1; at < count; at++) {
      strncat(body, "|", sizeof body - strlen(body) - 1);
      strncat(body, words[at], sizeof body - strlen(body) - 1);
    }
    strncat(body, "|", sizeof body - strlen(body) - 1);
    strncat(body, named("WORD"), sizeof body - strlen(body) - 1);
    strncat(body, named("FROM_FILE"), sizeof body - strlen(body) - 1);
    snprintf(answer, sizeof answer, "HTTP/1.0 %s\r\nContent-Length: %zu\r\n\r\n%s", is_sick ? "503 Sick" : "200 OK",
             strlen(body), body);
    if (write(visitor, answer, strlen(answer)) < 0) perror("write");
    close(visitor);
  }
}
