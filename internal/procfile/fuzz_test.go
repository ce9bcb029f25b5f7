package procfile

import "testing"

func FuzzFormation(f *testing.F) {
	for _, seed := range []string{"web=2,worker=1", "all=0", "web+1", "worker-3", "web=", "=", "web=99999999999999999999", "a=1,,b=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		app := &App{Procfile: "Procfile", Entries: []Entry{{Name: "web"}, {Name: "worker"}}}
		if formation, err := app.ParseFormation(text); err == nil {
			for _, e := range app.Entries {
				if n := formation.Of(e.Name); n < 0 {
					t.Errorf("%q asks for %d of %s", text, n, e.Name)
				}
			}
		}
		if c, err := ParseChange(text); err == nil && (c.Name == "" || c.Number < 0) {
			t.Errorf("%q is %+v", text, c)
		}
	})
}
