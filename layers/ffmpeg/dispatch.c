/* ffmpeg and ffprobe in one program, since they share all but a thousandth of their code. The
 * build renames the main function of each. */
#include <string.h>

int ffmpeg_main(int argc, char **argv);
int ffprobe_main(int argc, char **argv);

int main(int argc, char **argv)
{
    const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

    name = name ? name + 1 : argc > 0 ? argv[0] : "";
    return strcmp(name, "ffprobe") ? ffmpeg_main(argc, argv) : ffprobe_main(argc, argv);
}
