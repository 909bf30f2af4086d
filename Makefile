# The two commands of the README, with all the set-up that they need, and the longer ones.

.PHONY: demo test test-matrix test-mutations campaign bench

demo: rust
	@sh tests/servers/ensure
	cargo run --release --quiet -- demo

test: rust
	@sh tests/servers/ensure || echo "slotkit: going on; the tests that need a server say that they are skipped" >&2
	cargo test

# Seven servers, old and new, each in a cache folder of its own (tests/servers/install).
test-matrix: rust
	@sh tests/servers/matrix

# Faults while slots move, hundreds of rounds (hours): ROUNDS=, SEED=. What was played before isn't played
# again, so it may be broken off; the table is in target/campaign.
ROUNDS ?= 300
SEED ?= 1
campaign: rust
	@sh tests/servers/install redis-7.0 redis-8.0 valkey-8.1 valkey-9.1 >/dev/null
	cargo build --release
	SLOTKIT="$${CARGO_TARGET_DIR:-target}/release/slotkit" python3 tests/campaign/run.py --rounds $(ROUNDS) --seed $(SEED)

# Breaks one rule at a time and expects a test to notice: minutes to compile each.
test-mutations: rust
	@python3 tests/mutations/run

bench: rust
	cargo bench

.PHONY: rust
rust:
	@command -v cargo >/dev/null || { echo "slotkit: cargo is missing: install Rust from https://rustup.rs" >&2; exit 2; }
