# The two commands of the README, with all the set-up that they need.

.PHONY: demo test bench

demo: rust
	@sh tests/servers/ensure
	cargo run --release --quiet -- demo

test: rust
	@sh tests/servers/ensure || echo "slotkit: going on; the tests that need a server say that they are skipped" >&2
	cargo test

bench: rust
	cargo bench

.PHONY: rust
rust:
	@command -v cargo >/dev/null || { echo "slotkit: cargo is missing: install Rust from https://rustup.rs" >&2; exit 2; }
