# A toolchain file of CMake for a Cortex-M4F and Arm's gcc, with the library for thumbv7em-none-eabihf. Programs run in QEMU.
# For another chip, change the flags of the processor; for one without FPU, take thumbv7em-none-eabi and `soft`.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)

set(processor "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16")
set(CMAKE_C_FLAGS_INIT "${processor} -ffunction-sections -fdata-sections")
set(CMAKE_ASM_FLAGS_INIT "${processor}")
# What a program does not use is left out.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,--gc-sections")

# No program can be linked without a script of the board's memory.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-system-arm -M mps2-an386 -icount shift=0 -nographic
    -semihosting-config enable=on,target=native -kernel)
