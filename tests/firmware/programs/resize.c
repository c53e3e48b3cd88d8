#include <stdio.h>
#include <string.h>
#include "edge-impulse-sdk/dsp/image/eit_image.h"
static unsigned char pixels[4096 * 64];
int main(void)
{
    unsigned size[5];
    while (fread(size, sizeof size, 1, stdin) == 1 && fread(pixels, size[0] * size[1] * size[4], 1, stdin) == 1) {
        const eit_crop crop = eit_fit_shortest(pixels, size[0], size[1], size[2], size[3]);
        static unsigned char apart[4096 * 64];
        eit_resize(&crop, apart, size[2], size[3], size[4]);
        if (size[2] <= size[0] && size[3] <= size[1] && crop.width >= size[2] && crop.height >= size[3]) {
            eit_resize(&crop, pixels, size[2], size[3], size[4]); /* in place gives the same */
            if (memcmp(pixels, apart, size[2] * size[3] * size[4]) != 0) {
                return 1;
            }
        }
        fwrite(&crop.x, 4, 4, stdout);
        fwrite(apart, size[2] * size[3] * size[4], 1, stdout);
    }
    return 0;
}
