/* bin/ffprobe: runs the ffmpeg beside it by the name of ffprobe. A link would do, but sam and most
 * other makers of zip files store what a link leads to, and the layer would be twice as large. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof "ffmpeg");

    if (argc > 0 && length > 0) {
        path[length] = 0;
        strcpy(strrchr(path, '/') + 1, "ffmpeg");
        argv[0] = "ffprobe";
        execv(path, argv);
    }
    perror("ffprobe: can't run the ffmpeg beside it");
    return 127;
}
