/* What the programs have in flash, as a linker would put a partition: `wta export --c` writes a header with the same. */

    .macro file name, path
    .section .rodata.\name, "a"
    .balign 16
    .global \name
    .global \name\()_end
\name:
    .incbin "\path"
\name\()_end:
    .endm

    file model_f32, "mnist-conv16.wta"
    file model_int8, "mnist-conv16-int8.wta"
    file test_images, "test_images"
    file model_motions, "motions.wta"
    file train_images, "train_images"
    file windows, "windows"
    file bearing_normal, "bearing_normal"
    file bearing_inner, "bearing_inner"

    .section .note.GNU-stack, "", %progbits
