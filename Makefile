# `make test` and `make demo` do their own set-up: Python 3.11 or later is all they need.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
CODE := turnstile actors proxy_main.py docs/conf.py docs/examples docs/generate docs/site tests

.PHONY: test lint types pytest coverage wheel-check slow deploy-check demo soak idle walk fuzz attack bench bench-micro bench-units bench-recording transcripts recordings interop lowest docs docs-site images format lock clean

test: $(READY)
	$(MAKE) --jobs 2 --output-sync=target lint types
	$(MAKE) pytest

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

lint: $(READY)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/lint-imports --no-logo

types: $(READY)
	$(BIN)/mypy
	$(BIN)/mypy tests/typing

CORES = $(shell getconf _NPROCESSORS_ONLN)
# Many tests wait for processes and sockets: two workers more than there are cores.
WORKERS = $(shell expr $(CORES) + 2)

# The tests start many processes: where Python is told to write no bytecode, each would compile every module anew, and
# pytest rewrite every test. What is skipped is listed, with the command that installs what it needs.
pytest coverage: export PYTHONDONTWRITEBYTECODE =
pytest: $(READY)
	$(BIN)/python -m compileall -q turnstile actors proxy_main.py docs/generate
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" -rs

# Floors 0 and 1 decide everything: every branch of them is tested. Above, 95 %.
PURE := turnstile/protocol/*,turnstile/session/*,turnstile/translate/*,turnstile/audio/*

# Coverage is counted apart, since it takes these tests twice the time, and where tests call the parts themselves: whole
# processes, conversations and the hundreds of thousands of decisions of the walk show little of what is not tested.
coverage: $(READY)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(CORES) --dist worksteal tests/unit tests/actors tests/embed tests/transcripts
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include="$(PURE)" --fail-under=100
	$(BIN)/coverage report --omit="$(PURE)" --fail-under=95

# The wheel, installed where nothing of this tree is: its types, its commands, a host and a script that use it.
wheel-check: $(READY)
	$(BIN)/python tests/package/run.py

# The largest world of the walk, 500 sessions at rest, each subject of the benchmark, pages in a browser at length.
slow: $(READY)
	$(BIN)/python -m pytest -m slow tests/bench tests/examples tests/integration tests/page tests/property

# What is delivered in config/deploy, at length: front ends under load, restarts, crashes; the Dockerfile's steps, as root.
deploy-check: $(READY)
	$(BIN)/python -m pytest -m slow tests/deploy

demo: $(READY)
	$(BIN)/turnstile demo

# 1,000 random sessions over real sockets.
soak: $(READY)
	$(BIN)/python tests/integration/soak.py

# What 500 sessions at rest cost.
idle: $(READY)
	$(BIN)/python tests/integration/idle.py

# Every interleaving of a small world.
walk: $(READY)
	$(BIN)/python tests/property/walk.py

# Both wires for five minutes each, or FUZZ_SECONDS.
fuzz: $(READY)
	$(BIN)/python tests/fuzz/run.py

# What one client can do to the others: five minutes of attacks on this machine, a table; ATTACK=WORDS for some of them.
attack: $(READY)
	$(BIN)/python tests/attack/run.py $(if $(ATTACK),--only "$(ATTACK)")

# Stock clients in environments of their own, under build/interop; NEWEST=1 moves their pins.
interop: $(READY)
	$(BIN)/python tests/interop/run.py $(if $(NEWEST),--newest)

# What needs no SDK, with the lowest versions that pyproject.toml allows: the SDKs ask for newer ones than the product.
LOWEST := build/lowest/bin
LOWEST_TESTS := tests/actors tests/embed \
	$(addprefix tests/unit/,actors audio embed observability server session terminal transports test_config.py) \
	$(addprefix tests/integration/test_,component_client failures hosted limits losses process tls workers) \
	tests/exposure/test_named_clients
lowest:
	$(PYTHON) -m venv --clear build/lowest
	sed -n '/^dependencies/,/^]/s/.*"\(.*\)>=\(.*\)".*/\1==\2/p' pyproject.toml > build/lowest/requirements.txt
	$(LOWEST)/pip install --quiet --disable-pip-version-check --requirement build/lowest/requirements.txt \
		django flask gunicorn hypothesis pytest pytest-randomly pytest-xdist trustme hatchling editables
	$(LOWEST)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(LOWEST)/python -m pytest -n auto $(foreach test,$(LOWEST_TESTS),$(wildcard $(test) $(test).py))

# The proxy beside three relays, in one run of about seven minutes; BENCH=--quick for a short one. JSON goes to build/.
bench: $(READY)
	mkdir -p build
	$(BIN)/python tests/bench/run.py --json build/bench.json $(BENCH)

# What the parts cost, each by itself.
bench-micro: $(READY)
	$(BIN)/python -m pytest tests/bench/micro.py -p no:randomly --benchmark-columns=median,iqr,ops,rounds $(BENCH)

# What a turn, a delta and a frame take, in calls and CPU; BENCH=--layers to see in what.
bench-units: $(READY)
	$(BIN)/python tests/bench/units.py $(BENCH)

# What a recording costs a turn: two proxies side by side in one run, one records.
bench-recording: $(READY)
	$(BIN)/python tests/bench/recording.py $(BENCH)

# Records the transcripts anew; read what has changed in them.
transcripts: $(READY)
	$(BIN)/python tests/transcripts/record.py

# Records the races of tests/recordings anew.
recordings: $(READY)
	$(BIN)/python tests/recordings/races.py

docs: $(READY)
	$(BIN)/python -m turnstile.config > config/default.toml
	$(BIN)/python docs/generate/states.py > docs/reference/states.md
	$(BIN)/python docs/generate/client_messages.py > docs/reference/voice-agent.md
	$(BIN)/python docs/generate/event_rows.py docs/protocol.md

# The pictures of README: the race of the demo, and the page in Debian's Chromium.
images: $(READY)
	$(BIN)/python docs/generate/demo_image.py > docs/images/demo.svg
	$(BIN)/python docs/site/page_images.py docs/images

# The pages as a site, in build/docs-site: whatever Sphinx warns of is an error, and so is a broken link. Mermaid, which
# draws the diagrams, is copied into the site: a page loads nothing from elsewhere.
MERMAID := build/docs-node/.ready
docs-site: $(READY) $(MERMAID)
	rm -rf build/docs-site
	$(BIN)/sphinx-build --quiet --jobs $(CORES) --fail-on-warning --keep-going -c docs . build/docs-site
	$(BIN)/python docs/site/check_site.py build/docs-site
	$(BIN)/python docs/site/check_in_browser.py build/docs-site

$(MERMAID): docs/site/package.json docs/site/package-lock.json
	mkdir -p build/docs-node
	cp $^ build/docs-node
	npm ci --silent --prefix build/docs-node
	touch $@

format: $(READY)
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

# Pins everything, and apart what the image has and is built by; needs uv, which is not needed otherwise.
COMPILE := uv pip compile --universal --generate-hashes --no-emit-index-url --no-header
lock:
	$(COMPILE) pyproject.toml --group dev --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra jwt --no-annotate --constraint requirements.lock \
		--output-file config/deploy/requirements.lock
	sed -n 's/^requires = \["\(.*\)"\]/\1/p' pyproject.toml | $(COMPILE) - --no-annotate --constraint requirements.lock \
		--output-file config/deploy/build.lock

clean:
	rm -rf .venv
