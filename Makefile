# The two commands of the README, with all the set-up that they need, and the longer ones.

.PHONY: demo test test-matrix bench

demo: rust
	@sh tests/servers/ensure
	cargo run --release --quiet -- demo

test: rust
	@sh tests/servers/ensure || echo "slotkit: going on; the tests that need a server say that they are skipped" >&2
	cargo test

# Seven servers, old and new, each in a cache folder of its own (tests/servers/install).
test-matrix: rust
	@sh tests/servers/matrix

bench: rust
	cargo bench

.PHONY: rust
rust:
	@command -v cargo >/dev/null || { echo "slotkit: cargo is missing: install Rust from https://rustup.rs" >&2; exit 2; }
