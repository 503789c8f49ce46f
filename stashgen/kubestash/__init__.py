"""KubeStash's rules as pure functions: names, defaults, phases, retention, layout, pods."""
