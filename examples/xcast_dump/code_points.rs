//! The option `--code-points`.

use std::str::FromStr;

use xcast_sec::wire::xcast6_v2::CodePointsV2;
use xcast_sec::wire::{CodePointFields, CodePoints};

pub(crate) const HELP: &str = "\
Code points, numbers decimal or hexadecimal after 0x:

  xcast4-protocol      [253]          ports-option      [0x5e]
  xcast6-routing-type  [253]          tunnel-option     [0x1e]
  routers-v4           [224.0.0.254]  bitmap-option-v4  [158]
  routers-v6           [ff02::114]    bitmap-option-v6  [0x3e]

  of XCAST6 2.0: v2-mark [0x65c58000], v2-routing-type [253], v2-group [ff0e::114]
";

/// Changes what a list of NAME=VALUE names. The error is a sentence for the user.
pub(crate) fn parse(
    list: &str,
    code_points: CodePoints,
    code_points_v2: CodePointsV2,
) -> Result<(CodePoints, CodePointsV2), String> {
    let (mut fields, mut v2): (CodePointFields, _) = (*code_points.fields(), *code_points_v2.fields());
    for item in list.split(',') {
        let (name, value) = item.split_once('=').ok_or_else(|| format!("'{item}' is not NAME=VALUE"))?;
        match name {
            "xcast4-protocol" => fields.xcast4_protocol = octet(name, value)?,
            "xcast6-routing-type" => fields.xcast6_routing_type = octet(name, value)?,
            "routers-v4" => fields.routers_v4 = address(name, value, "an IPv4 address")?,
            "routers-v6" => fields.routers_v6 = address(name, value, "an IPv6 address")?,
            "ports-option" => fields.ports_option = octet(name, value)?,
            "tunnel-option" => fields.tunnel_option = octet(name, value)?,
            "bitmap-option-v4" => fields.bitmap_option_v4 = octet(name, value)?,
            "bitmap-option-v6" => fields.bitmap_option_v6 = octet(name, value)?,
            "v2-mark" => v2.mark = number(name, value, "a number of 32 bits")?.to_be_bytes(),
            "v2-routing-type" => v2.routing_type = octet(name, value)?,
            "v2-group" => v2.group = address(name, value, "an IPv6 address")?,
            _ => return Err(format!("no code point is called '{name}'")),
        }
    }
    let code_points = CodePoints::new(fields).map_err(|error| error.to_string())?;
    let code_points_v2 = CodePointsV2::new(v2).map_err(|error| format!("XCAST6 2.0: {error}"))?;
    Ok((code_points, code_points_v2))
}

fn octet(name: &str, value: &str) -> Result<u8, String> {
    const WANTED: &str = "a number up to 255";
    u8::try_from(number(name, value, WANTED)?).map_err(|_| format!("{name} needs {WANTED}, not '{value}'"))
}

fn number(name: &str, value: &str, wanted: &str) -> Result<u32, String> {
    let parsed = match value.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => value.parse(),
    };
    parsed.map_err(|_| format!("{name} needs {wanted}, not '{value}'"))
}

fn address<A: FromStr>(name: &str, value: &str, wanted: &str) -> Result<A, String> {
    value.parse().map_err(|_| format!("{name} needs {wanted}, not '{value}'"))
}
