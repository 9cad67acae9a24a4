# Each target is a line or two; what they do is in infra/local and tests.
PYTHON ?= python3
TOOLS = $(PYTHON) infra/local/tools.py
export SAM_CLI_TELEMETRY = 0
VENV = PATH="$(CURDIR)/.venv/bin:$$PATH"

.PHONY: run stop token totp test e2e bench lint release

run: ## the whole stack on this machine: a priced quote, and the curl that repeats it (PORT=4566)
	@$(TOOLS) && .venv/bin/python -m infra.local run

stop: ## ends it and forgets its state
	@$(TOOLS) && .venv/bin/python -m infra.local stop

token: ## an access token of one of the local stack's people (WHO=alice, bob, carol or erin)
	@$(TOOLS) && .venv/bin/python -m infra.local token $(WHO)

totp: ## a code of that person's second factor that was not used yet (WHO=bootstrap too)
	@$(TOOLS) && .venv/bin/python -m infra.local totp $(WHO)

test: ## everything; the e2e suite last
	cargo test --workspace
	@$(MAKE) --no-print-directory e2e

e2e: ## tests against a stack of their own, beside that of `make run` (E2E_PORT=4576; ARGS="-k name" for some of them)
	@$(TOOLS) && .venv/bin/python -m pytest tests/e2e $(ARGS)

bench: ## seals, exports and verifies a day of audit entries, and says how long it took (ARGS="--entries 2000"); PART=credentials sweeps and rotates keys
	@$(TOOLS) && .venv/bin/python -m benchmarks.$(or $(PART),evidence) $(ARGS)

lint: ## formatting and lints of Rust, Python and the templates; licences of what is depended on
	cargo fmt --check && cargo clippy --workspace --all-targets -- -D warnings
	@$(TOOLS) && $(VENV) && ruff format --check infra tests benchmarks && ruff check infra tests benchmarks && sam validate --lint --region us-east-1 && cfn-lint infra/*.yaml && python -m infra.licences

release: ## the functions as they go to AWS, each zip within 5 MB
	@$(TOOLS) && .venv/bin/python -m infra.local release
