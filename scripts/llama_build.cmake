# Read by CMake inside llama.cpp's own project (CMAKE_PROJECT_llama.cpp_INCLUDE, given by setup.sh).
# llama-cpp-python insists on llama.cpp's library for command-line tools, which its binding never
# loads: two fifths of the files that are compiled, chat parsers and an HTTP server among them.
set(LLAMA_BUILD_COMMON OFF)
