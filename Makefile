# make run    builds gafferd, starts it with the example and says what to try
# make test   everything that CI does
# make bench  measures gafferd against bare loops that do the same work

FUZZTIME ?= 3s

.PHONY: build run test check unit fuzz e2e bench clean

build:
	go build -o bin/ ./cmd/...

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
	GOOS=darwin go vet ./...
	go tool staticcheck ./...

unit:
	go test -race -timeout=5m $$(go list ./... | grep -v /internal/e2e)

# Each fuzz test of each parser for a moment: what it finds is kept in testdata.
fuzz:
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | \
	sed -E 's|^(.*)/[^/]*:func (.*)$$|\1 \2|' | while read -r dir name; do \
		echo "fuzz $$dir $$name"; \
		go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) "$$dir" || exit 1; \
	done

# The built daemon from outside: the README and docs, other people's clients, and
# what only shows in gigabytes and thousands. Not under -race, which is too slow.
e2e:
	GAFFER_HEAVY=1 go test -count=1 -timeout=15m ./internal/e2e

bench: build
	go run ./internal/bench -gafferd bin/gafferd $(ARGS)

clean:
	rm -rf bin
