// A stop watch, as NVIDIA's samples use it.
#pragma once
#include <chrono>

class StopWatchInterface {
    typedef std::chrono::steady_clock Clock;
    Clock::time_point began;
    bool runs = false;
    float total = 0;
    int sessions = 0;
    float since() const { return std::chrono::duration<float, std::milli>(Clock::now() - began).count(); }

public:
    void start() { began = Clock::now(), runs = true; }
    void stop() { if (runs) total += since(), runs = false, ++sessions; }
    void reset() { total = 0, sessions = 0; if (runs) start(); }
    float getTime() const { return total + (runs ? since() : 0); }
    float getAverageTime() const { return sessions ? total / sessions : 0; }
};
typedef StopWatchInterface StopWatchLinux;
inline bool sdkCreateTimer(StopWatchInterface** t) { *t = new StopWatchInterface; return true; }
inline bool sdkDeleteTimer(StopWatchInterface** t) { delete *t; *t = nullptr; return true; }
inline bool sdkStartTimer(StopWatchInterface** t) { (*t)->start(); return true; }
inline bool sdkStopTimer(StopWatchInterface** t) { (*t)->stop(); return true; }
inline bool sdkResetTimer(StopWatchInterface** t) { (*t)->reset(); return true; }
inline float sdkGetTimerValue(StopWatchInterface** t) { return (*t)->getTime(); }
inline float sdkGetAverageTimerValue(StopWatchInterface** t) { return (*t)->getAverageTime(); }
