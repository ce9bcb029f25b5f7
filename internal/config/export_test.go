package config

// KeyNames are the keys of a kind of section.
func KeyNames(kind string) []string {
	var names []string
	for _, k := range keysOf(kind) {
		names = append(names, k.name)
	}
	return names
}
