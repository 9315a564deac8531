# Debian's Rust, which comes with the source of `core` and `std`, so that they can be built for targets that rustup would
# have to download. To be sourced. It sets `debian_cargo` and, for cargo to use it, `RUSTC`.

# debian_rust PACKAGE...: installs what is missing of the packages. 0 if all are there and compiler and source are of one version.
debian_rust() {
    local missing=() package try
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    if [ "${#missing[@]}" -gt 0 ]; then
        command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ] || return 1
        export DEBIAN_FRONTEND=noninteractive
        for try in 1 2; do
            if apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; then break; fi >&2
            [ "$try" -lt 2 ] || return 1
        done >/dev/null
    fi
    debian_cargo=/usr/bin/cargo
    export RUSTC=/usr/bin/rustc
    # `-Zbuild-std` is not stable.
    export RUSTC_BOOTSTRAP=1
    # rustup must never download a toolchain; and what the caller chose for the host is not for these targets.
    export RUSTUP_DIST_SERVER=http://127.0.0.1:9
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET RUSTC_WRAPPER RUSTUP_TOOLCHAIN
    local compiler source
    compiler=$(dpkg-query -W -f '${source:Version}' rustc-web) && source=$(dpkg-query -W -f '${source:Version}' rust-web-src)
    [ "$compiler" = "$source" ] || { echo "rustc-web is $compiler, rust-web-src $source" >&2; return 1; }
    [ -x "$debian_cargo" ] && [ -x "$RUSTC" ]
}
