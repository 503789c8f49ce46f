module stashgen.dev/tools/pause

go 1.25.8

tool stashgen.dev/tools/pause
