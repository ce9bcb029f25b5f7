# make run    builds gafferd, starts it with the example and says what to try
# make test   everything that CI does
# make torture  kills and upgrades the daemon, hundreds of times, under load
# make bench  measures gafferd against bare loops that do the same work
# make bench-compare BASE=v1.0.0            against another commit instead
#
# make install PREFIX=/usr/local DESTDIR=   programs, man pages, completions and units
# make package                              a Debian package, in build/

# By count, for go test is known to fail now and then when a time runs out: go.dev/issue/75804.
FUZZTIME ?= 10000x

PREFIX    ?= /usr/local
DESTDIR   ?=
UNITDIR   ?= $(PREFIX)/lib/systemd/system
CONFIGDIR ?= /etc/gaffer

# Releases are tagged; anything else calls itself a development version.
VERSION ?= $(patsubst v%,%,$(shell git describe --tags --match 'v*' --dirty 2>/dev/null))
LDFLAGS  = -s -w $(if $(VERSION),-X github.com/gafferd/gaffer/internal/version.release=$(VERSION))

# What is made twice of the same commit is the same.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)

.PHONY: build run test check unit fuzz e2e torture bench bench-compare man install package clean

# Programs are linked statically: see docs/operations.md. They also start faster.
GOBUILD = CGO_ENABLED=0 go build

build:
	$(GOBUILD) -o bin/ ./cmd/...

run: build
	@echo 'gafferd runs examples/gaffer.ini. Try in another terminal, and see README.md:'
	@echo
	@echo '    bin/gafferctl status'
	@echo '    curl "localhost:5000/streams/1/stdout?feed=continuous"'
	@echo '    examples/walkthrough.sh'
	@echo
	@exec bin/gafferd examples/gaffer.ini $(ARGS)

test: check unit fuzz e2e

check:
	@test -z "$$(gofmt -l .)" || { echo "not formatted (gofmt -w .):"; gofmt -l .; exit 1; }
	go mod tidy -diff
	go vet ./...
	go vet -tags manual ./cmd/...
	GOOS=darwin go vet ./...
	go tool staticcheck ./...

unit:
	go test -race -timeout=5m $$(go list ./... | grep -v /internal/e2e)
	go test -short ./httpapi # bounds of memory cannot be measured under -race

# Each fuzz test of each parser for a moment: what it finds is kept in testdata.
fuzz:
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | \
	sed -E 's|^(.*)/[^/]*:func (.*)$$|\1 \2|' | while read -r dir name; do \
		echo "fuzz $$dir $$name"; \
		go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) "$$dir" || exit 1; \
	done

# The built daemon from outside: the README and docs, other people's clients, and
# what only shows in gigabytes and thousands. Not under -race, which does not see into it.
e2e:
	GAFFER_HEAVY=1 go test -count=1 -timeout=15m ./internal/e2e

torture:
	GAFFER_TORTURE=1 go test -count=1 -timeout=60m -v -run 'TestWorkerIsKilled|TestUpgrades|TestNothingPilesUp' ./internal/e2e

bench: build
	go run ./internal/bench -gafferd bin/gafferd $(ARGS)

# The other commit is built in a folder of its own, which goes with the shell.
bench-compare: build
	@test -n '$(BASE)' || { echo 'which commit? make bench-compare BASE=v1.0.0'; exit 2; }
	@dir=$$(mktemp -d) && trap 'git worktree remove --force "$$dir/tree"; rm -rf "$$dir"' EXIT && \
	git worktree add --detach "$$dir/tree" '$(BASE)' && \
	(cd "$$dir/tree" && $(GOBUILD) -o '$(CURDIR)/bin/gafferd-base' ./cmd/gafferd) && \
	go run ./internal/bench -gafferd bin/gafferd -against bin/gafferd-base $(ARGS)

# Each program writes its own: see internal/manual.
man:
	rm -rf build/share
	go run -tags manual -ldflags '$(LDFLAGS)' ./cmd/gafferd build/share docs/configuration.md
	for program in $(filter-out gafferd,$(patsubst cmd/%/manual.go,%,$(wildcard cmd/*/manual.go))); do \
		go run -tags manual -ldflags '$(LDFLAGS)' ./cmd/$$program build/share || exit 1; \
	done

install: man
	$(GOBUILD) -trimpath -ldflags '$(LDFLAGS)' -o '$(DESTDIR)$(PREFIX)/bin/' ./cmd/...
	install -d '$(DESTDIR)$(PREFIX)/share' '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(CONFIGDIR)'
	cp -R build/share/. '$(DESTDIR)$(PREFIX)/share'
	for unit in gafferd.service gafferd.socket; do \
		sed -e 's|/usr/bin/|$(PREFIX)/bin/|; s|/etc/gaffer/|$(CONFIGDIR)/|' packaging/$$unit >'$(DESTDIR)$(UNITDIR)'/$$unit || exit 1; \
	done
	test -e '$(DESTDIR)$(CONFIGDIR)/gaffer.ini' || install -m 644 packaging/gaffer.ini '$(DESTDIR)$(CONFIGDIR)'

package:
	rm -rf build/tree
	$(MAKE) --no-print-directory install PREFIX=/usr DESTDIR=build/tree
	gzip -9nr build/tree/usr/share/man
	mv build/tree/usr/share/zsh/site-functions build/tree/usr/share/zsh/vendor-completions # as Debian calls it
	GOARCH=$$(go env GOARCH) VERSION='$(or $(VERSION),0.0.0-dev)' \
		go tool -modfile=packaging/nfpm.mod nfpm package --config packaging/nfpm.yaml --packager deb --target build/

clean:
	rm -rf bin build
