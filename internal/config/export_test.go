package config

// KeyNames are the keys of a kind of section that this build serves.
func KeyNames(kind string) []string {
	var names []string
	for _, k := range keysOf(kind) {
		if k.built == served {
			names = append(names, k.name)
		}
	}
	return names
}
