// Flags of the command line, as NVIDIA's samples read them: -name, --name, -name=value.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <strings.h>

#ifndef STRNCASECMP
#define STRNCASECMP strncasecmp
#define STRCASECMP strcasecmp
#define STRCPY(to, room, from) strcpy(to, from)
#define FOPEN(file, name, mode) (file = fopen(name, mode))
#define FOPEN_FAIL(result) ((result) == nullptr)
#define SSCANF sscanf
#define SPRINTF sprintf
#define EMU_UNUSED __attribute__((unused))
#endif

namespace emu {
inline const char* flag_value(int argc, const char** argv, const char* name) {   // what follows '=', "" without it, null if the flag is not there
    size_t n = strlen(name);
    for (int i = 1; i < argc; ++i) {
        const char* word = argv[i];
        while (*word == '-') ++word;
        if (word == argv[i] || strncasecmp(word, name, n)) continue;
        if (word[n] == '=') return word + n + 1;
        if (!word[n]) return word + n;
    }
    return nullptr;
}
}  // namespace emu
inline int stringRemoveDelimiter(char delimiter, const char* text) {
    int start = 0;
    while (text[start] == delimiter) ++start;
    return start >= (int)strlen(text) - 1 ? 0 : start;
}
inline bool checkCmdLineFlag(int argc, const char** argv, const char* name) { return emu::flag_value(argc, argv, name) != nullptr; }
inline int getCmdLineArgumentInt(int argc, const char** argv, const char* name) {
    const char* v = emu::flag_value(argc, argv, name);
    return v ? atoi(v) : 0;
}
inline float getCmdLineArgumentFloat(int argc, const char** argv, const char* name) {
    const char* v = emu::flag_value(argc, argv, name);
    return v ? (float)atof(v) : 0.0f;
}
inline bool getCmdLineArgumentString(int argc, const char** argv, const char* name, char** to) {
    const char* v = emu::flag_value(argc, argv, name);
    *to = (char*)v;
    return v != nullptr;
}
template <class T> inline bool getCmdLineArgumentValue(int argc, const char** argv, const char* name, T* to) {
    const char* v = emu::flag_value(argc, argv, name);
    if (v) *to = (T)atoi(v);
    return v != nullptr;
}
inline int getFileExtension(char* filename, char** extension) { *extension = strrchr(filename, '.') ? strrchr(filename, '.') + 1 : nullptr; return *extension ? (int)(*extension - filename) : 0; }
inline char* sdkFindFilePath(const char* name, const char*) {
    const char* folders[] = {"", "./", "data/", "./data/", "../data/", "../../data/"};
    for (const char* folder : folders) {
        char path[1024];
        snprintf(path, sizeof path, "%s%s", folder, name);
        if (FILE* f = fopen(path, "rb")) { fclose(f); return strdup(path); }
    }
    return nullptr;
}
